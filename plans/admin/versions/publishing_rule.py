"""The rules for publishing prices."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from lib.admin import StaffAdmin
from lib.admin.seller_restriction import OF_NO_SELLER
from plans.models import PublishingRule


@admin.register(PublishingRule)
class PublishingRuleAdmin(StaffAdmin):
    """The single row of rules; its list redirects to it."""

    seller_paths = OF_NO_SELLER
    allows = ("change",)
    fields = ("needs_simulation", "one_model_per_plan")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:plans_publishingrule_change", args=[1]))
