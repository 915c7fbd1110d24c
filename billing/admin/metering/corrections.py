"""Corrections of usage: the corrected event, its replacement, the author and the reason."""

from uuid import UUID

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.models import Correction
from lib.admin import ReadOnlyAdmin
from lib.admin.columns import column, display, state_column, text_column
from lib.admin.seller_restriction import OF_ALL_SELLERS


@admin.register(Correction)
class CorrectionAdmin(ReadOnlyAdmin):
    seller_paths = OF_ALL_SELLERS
    list_display = ("corrected_at", "kind_shown", "reason", "author_shown", "event_shown", "replacement_shown")
    list_filter = ("kind",)
    list_select_related = ("by", "api_key")
    fields = ("corrected_at", "kind", *list_display[2:])

    empty_text = _("Void or replace an event on its page.")

    kind_shown = state_column({"void": "danger", "replace": "info"}, "kind", _("Correction"))
    author_shown = text_column("who", _("By"))
    event_shown = column(_("Event"), lambda correction: _link(correction.event_key))

    @display(description=_("Replacement"))
    def replacement_shown(self, correction: Correction) -> str:
        return _link(correction.replacement_key) if correction.replacement_key else ""


def _link(key: UUID) -> str:
    return format_html('<a href="{}">{}</a>', reverse("admin:billing_event_change", args=[key]), gettext("Trace"))
