"""The billing thresholds of a version: amounts of usage at which a period is invoiced before it ends."""

from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.admin import TabularInline

from lib.admin.number_fields import NumberInput
from lib.money import round_money
from plans.admin.fields.currency import CurrencyCodeField
from plans.models import BillingThreshold, PlanVersion


class ThresholdForm(forms.ModelForm):
    currency = CurrencyCodeField()

    class Meta:
        model = BillingThreshold
        fields = ("amount", "currency", "repeats")
        labels = {"amount": "Usage of a period comes to", "repeats": "And each time it is so much more"}
        widgets = {"amount": NumberInput()}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        amount, currency = cleaned.get("amount"), cleaned.get("currency")
        if amount is not None and amount <= 0:
            self.add_error("amount", "Enter an amount above zero.")
        elif amount is not None and currency and (rounded := round_money(amount, currency)) != amount:
            self.add_error("amount", f"{currency} has fewer decimal places: enter {rounded}, or another amount.")
        return cleaned


class ThresholdInline(TabularInline):
    model = BillingThreshold
    form = ThresholdForm
    extra = 0
    verbose_name = "threshold"
    verbose_name_plural = "Invoice usage within the period"
    ordering = ("currency", "amount")
    hide_title = True
    fields = ("amount", "currency", "repeats")

    def has_add_permission(self, request: Any, obj: PlanVersion | None = None) -> bool:
        return super().has_add_permission(request, obj) and (obj is None or obj.is_editable)

    def has_change_permission(self, request: Any, obj: PlanVersion | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.is_editable)

    def has_delete_permission(self, request: HttpRequest, obj: PlanVersion | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.is_editable)
