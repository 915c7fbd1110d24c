"""Estimates of breakage: a list per seller and pack, to which new ones are added."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from lib.admin import StaffAdmin, staff_user
from lib.row_form import RowForm
from wallets.models import BreakageRate
from wallets.operations.breakage_estimates import EstimateRefused, check_estimate, estimate_breakage


class BreakageRateForm(RowForm[BreakageRate]):
    class Meta:
        model = BreakageRate
        fields = ("seller", "pack", "percent", "month", "reason")
        labels = {"percent": _("Expected unused share (%)"), "month": _("From (first day of a month)")}
        help_texts = {
            "pack": _("Empty: all packs without an estimate of their own."),
            "percent": _("0: breakage is recognized on expiry, for sellers that can't estimate it reliably."),
            "reason": _("The history it rests on, or why you can't estimate it."),
        }

    def clean(self) -> dict[str, Any]:
        """Show the reason if the estimate would be refused."""
        cleaned = super().clean()
        if not self.errors:
            try:
                check_estimate(**{name: cleaned[name] for name in ("seller", "percent", "month", "reason")})
            except EstimateRefused as refusal:
                self.add_error(refusal.field, str(refusal))
        return cleaned


@admin.register(BreakageRate)
class BreakageRateAdmin(StaffAdmin):
    """Estimates are only added: a new one replaces an earlier one from its month on."""

    seller_paths = ("seller",)
    allows = ("add",)
    form = BreakageRateForm
    empty_text = _("Without an estimate, breakage is recognized when prepaid value expires.")
    list_display = ("seller", "pack", "percent", "month", "reason", "by", "created_at")
    list_filter = ("seller",)
    list_select_related = ("seller", "pack", "by")

    def save_model(self, request: HttpRequest, obj: BreakageRate, form: Any, change: bool) -> None:
        fields = ("seller", "pack", "percent", "month", "reason")
        rate = estimate_breakage(
            **{name: form.cleaned_data[name] for name in fields}, at=timezone.now(), by=staff_user(request)
        )
        obj.pk, obj._state.adding = rate.pk, False
