"""Corrections of usage: the corrected event, its replacement, the author and the reason."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display

from billing.models import Correction


@admin.register(Correction)
class CorrectionAdmin(ModelAdmin):
    list_display = ("corrected_at", "kind_shown", "reason", "author_shown", "event_shown", "replacement_shown")
    list_filter = (("kind", ChoicesDropdownFilter), ("sandbox", BooleanRadioFilter))
    list_select_related = ("by", "api_key")
    ordering = ("-pk",)
    fields = ("corrected_at", "kind", *list_display[2:])
    readonly_fields = fields

    @display(description="Event was", label={"void": "danger", "replace": "info"})
    def kind_shown(self, correction: Correction) -> tuple[str, str]:
        return correction.kind, correction.get_kind_display()

    @display(description="By")
    def author_shown(self, correction: Correction) -> str:
        return correction.who

    @display(description="Event")
    def event_shown(self, correction: Correction) -> str:
        return _link(correction.event_key)

    @display(description="Replaced by")
    def replacement_shown(self, correction: Correction) -> str:
        return _link(correction.replacement_key) if correction.replacement_key else ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Correction | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Correction | None = None) -> bool:
        return False


def _link(key: Any) -> str:
    return format_html('<a href="{}">trace</a>', reverse("admin:billing_event_change", args=[key]))
