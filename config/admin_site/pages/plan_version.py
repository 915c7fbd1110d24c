"""The plan version page."""

from django.contrib import admin
from unfold.enums import ActionVariant

from billing.admin.subscriptions.plan_versions import VersionSubscriptions
from plans.admin.catalog.price_margins import VersionMargins
from plans.admin.versions.price_lists import VersionPriceList
from plans.admin.versions.publication import VersionPublication
from plans.admin.versions.review import VersionReview
from plans.admin.versions.version_page import PlanVersionAdmin
from plans.models import PlanVersion


@admin.register(PlanVersion)
class PlanVersionPage(
    VersionSubscriptions, VersionPublication, VersionReview, VersionPriceList, VersionMargins, PlanVersionAdmin
):
    list_display = ("name", "state_shown", "in_force", "interval", "running", "note")
    actions_detail = (
        {
            "title": "Publish",
            "icon": "publish",
            "variant": ActionVariant.PRIMARY,
            "items": ["publish_now", "publish_at"],
        },
        *("approve", "decline", "ask", "take_back", "new_version", "withdraw"),
        {"title": "Look into", "icon": "query_stats", "items": ["what_changes", "price_list", "margins", "simulate"]},
    )
