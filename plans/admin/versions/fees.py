"""The fees of a version, due independently of usage."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.text import slugify
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from djmoney.money import Money
from unfold.widgets import UnfoldAdminTextInputWidget

from lib.admin.number_fields import NumberInput
from lib.formats import format_money
from lib.money import round_money
from lib.row_form import RowForm
from plans.admin.fields.currency import CurrencyCodeField
from plans.admin.versions.draft_rows import OrderedDraftRows, too_precise
from plans.models import Fee, PlanVersion
from plans.models.prices import MAX_RECOGNITION_MONTHS, Basis, FeeKind, Recognition
from plans.pricing.period_anchor import MAX_INTERVAL_UNITS, MONTHS


class FeeForm(RowForm[Fee]):
    defaults = {"every": 1, "included": 0, "least": 0, "recognition": Recognition.SERVICE}

    code = forms.CharField(
        required=False,
        max_length=64,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": _("from the label")}),
        help_text=_(
            "Identifies the fee in the API and coupons, in all versions. Leave empty to derive it from the label."
        ),
    )
    amount = forms.DecimalField(max_digits=19, decimal_places=4, min_value=0, widget=NumberInput)
    currency = CurrencyCodeField(in_rows=True)

    class Meta:
        model = Fee
        fields = (
            *("label", "code", "kind", "amount", "currency", "billed"),
            *(
                "every",
                "basis",
                "included",
                "least",
                "most",
                "tax_code",
                "recognition",
                "recognition_months",
                "position",
            ),
        )
        labels = {
            "label": _("Invoice label"),
            "every": _("Billing periods"),
            "basis": _("Charged"),
            "least": _("Minimum"),
            "most": _("Maximum"),
            "tax_code": _("Tax code"),
            "recognition": _("Revenue is earned"),
            "recognition_months": _("Over months"),
        }
        widgets = {name: NumberInput() for name in ("every", "included", "least", "most", "recognition_months")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["amount"] = self.instance.amount.amount

    def clean_code(self) -> str:
        return self.cleaned_data["code"] or slugify(self.cleaned_data.get("label", ""))[:64] or "fee"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self._check_numbers(cleaned)
        self._check_recognition(cleaned)
        every = cleaned.get("every", 1)
        if not 1 <= every <= MAX_INTERVAL_UNITS:
            self.add_error("every", gettext("Enter 1 to %(most)s periods.") % {"most": MAX_INTERVAL_UNITS})
        elif every > 1 and (cleaned.get("basis") != Basis.FIXED or cleaned.get("kind") != FeeKind.BASE):
            self.add_error("every", gettext("Seats, add-ons, and one-time fees use the plan's period. Enter 1."))
        amount, currency = cleaned.pop("amount", None), cleaned.get("currency")
        if amount is not None and currency:  # the field can't store an amount without a currency
            if (rounded := round_money(amount, currency)) != amount:
                self.add_error("amount", too_precise(currency, rounded))
            else:
                cleaned["amount"] = Money(amount, currency)
        return cleaned

    def _check_numbers(self, cleaned: dict[str, Any]) -> None:
        """Add errors for numbers that do not fit the fee's basis."""
        basis, least, most = cleaned.get("basis"), cleaned.get("least"), cleaned.get("most")
        if basis == Basis.FIXED and (cleaned.get("included") or least or most):
            self.add_error(
                "basis", gettext("Quantities apply to seats and add-ons. Select one, or remove the quantities.")
            )
        if basis == Basis.ADD_ON and least:
            self.add_error("least", gettext("An add-on has no minimum. Leave this empty, or charge for seats."))
        if least is not None and most is not None and most < max(least, 1):
            text = gettext("Enter %(least)s or more, or leave empty for no maximum.")
            self.add_error("most", text % {"least": max(least, 1)})

    def _check_recognition(self, cleaned: dict[str, Any]) -> None:
        """Add errors for a recognition that does not fit the fee's kind, and for months that it does not use."""
        recognition, months = cleaned.get("recognition"), cleaned.get("recognition_months")
        if recognition != Recognition.SERVICE and cleaned.get("kind") != FeeKind.ONE_TIME:
            self.add_error(
                "recognition",
                gettext("Only a one-time fee is earned another way than over its service period."),
            )
        if recognition != Recognition.MONTHS and months is not None:
            text = gettext("Only recognition over several months uses this. Leave it empty.")
            self.add_error("recognition_months", text)
        elif recognition == Recognition.MONTHS and not 1 <= (months or 0) <= MAX_RECOGNITION_MONTHS:
            text = gettext("Enter 1 to %(most)s months.")
            self.add_error("recognition_months", text % {"most": MAX_RECOGNITION_MONTHS})


class FeeInline(OrderedDraftRows):
    model = Fee
    form = FeeForm
    verbose_name = _("fee")
    verbose_name_plural = _("Fees")


def longer_fees(version: PlanVersion) -> Iterator[dict[str, str]]:
    """Yield the fees for several periods as facts: “$1,188.00 each year, in advance; usage each month”."""
    unit, count = version.interval_unit, version.interval_count
    for fee in version.fees.filter(every__gt=1).order_by("position", "pk"):
        amount = format_money(fee.amount.amount, fee.currency)
        values = {
            "amount": amount,
            "interval": format_interval(unit, count * fee.every),
            "billed": fee.get_billed_display(),
            "period": format_interval(unit, count),
        }
        yield {"name": fee.label, "value": gettext("%(amount)s %(interval)s, %(billed)s; usage %(period)s") % values}


EVERY_ONE = {
    "day": _("every day"),
    "week": _("every week"),
    "month": _("every month"),
    "quarter": _("every quarter"),
    "year": _("every year"),
}


def format_interval(unit: str, count: int) -> str:
    """Return an interval as text: “every year” for 12 months, “every 5 months”."""
    months = MONTHS.get(unit, 0) * count
    whole = next((name for name, length in reversed(MONTHS.items()) if months == length), None)
    if whole or count == 1:
        return str(EVERY_ONE[whole or unit])
    texts = {
        "day": ngettext("every %(count)s day", "every %(count)s days", count),
        "week": ngettext("every %(count)s week", "every %(count)s weeks", count),
        "month": ngettext("every %(count)s month", "every %(count)s months", count),
        "quarter": ngettext("every %(count)s quarter", "every %(count)s quarters", count),
        "year": ngettext("every %(count)s year", "every %(count)s years", count),
    }
    return texts[unit] % {"count": count}
