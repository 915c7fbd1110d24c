"""The billing thresholds of a version: amounts of usage at which a period is invoiced before it ends."""

from typing import Any

from lib.admin import StaffInline
from lib.admin.number_fields import NumberInput
from lib.money import round_money
from lib.row_form import RowForm
from plans.admin.fields.currency import CurrencyCodeField
from plans.admin.versions.draft_rows import DraftRows
from plans.models import BillingThreshold


class ThresholdForm(RowForm[BillingThreshold]):
    currency = CurrencyCodeField()

    class Meta:
        model = BillingThreshold
        fields = ("amount", "currency", "repeats")
        labels = {"amount": "Usage of a period comes to", "repeats": "And each time it is so much more"}
        widgets = {"amount": NumberInput()}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        amount, currency = cleaned.get("amount"), cleaned.get("currency")
        if amount is not None and amount <= 0:
            self.add_error("amount", "Enter an amount above zero.")
        elif amount is not None and currency and (rounded := round_money(amount, currency)) != amount:
            self.add_error("amount", f"{currency} has fewer decimal places: enter {rounded}, or another amount.")
        return cleaned


class ThresholdInline(DraftRows, StaffInline):
    model = BillingThreshold
    form = ThresholdForm
    verbose_name = "threshold"
    verbose_name_plural = "Invoice usage within the period"
    ordering = ("currency", "amount")
