"""The billing thresholds of a version: amounts of usage at which a period is invoiced before it ends."""

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.forms import PaginationInlineFormSet

from lib.admin import StaffInline
from lib.admin.number_fields import NumberInput
from lib.money import round_money
from lib.row_form import RowForm
from plans.admin.fields.currency import CurrencyCodeField
from plans.admin.versions.draft_rows import DraftRows, too_precise
from plans.models import BillingThreshold


class ThresholdForm(RowForm[BillingThreshold]):
    currency = CurrencyCodeField(in_rows=True)

    class Meta:
        model = BillingThreshold
        fields = ("amount", "currency", "repeats")
        labels = {"amount": _("Usage reaches"), "repeats": _("Repeat at each multiple")}
        widgets = {"amount": NumberInput()}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        amount, currency = cleaned.get("amount"), cleaned.get("currency")
        if amount is not None and amount <= 0:
            self.add_error("amount", gettext("Enter an amount above zero."))
        elif amount is not None and currency and (rounded := round_money(amount, currency)) != amount:
            self.add_error("amount", too_precise(currency, rounded))
        return cleaned


class ThresholdFormSet(PaginationInlineFormSet):
    """Refuses a single and a repeating threshold of the same amount: the repeating one includes the single one."""

    def clean(self) -> None:
        rows = [form for form in self.forms if getattr(form, "cleaned_data", None)]
        amounts = set()
        for form in rows:
            if self._should_delete_form(form):
                continue
            amount = (form.cleaned_data.get("currency"), form.cleaned_data.get("amount"))
            if amount in amounts:
                form.add_error("amount", gettext("Another threshold has the same amount. Remove one of them."))
            amounts.add(amount)
        super().clean()


class ThresholdInline(DraftRows, StaffInline):
    model = BillingThreshold
    form = ThresholdForm
    formset = ThresholdFormSet
    verbose_name = _("threshold")
    verbose_name_plural = _("Bill early when usage reaches")
    ordering = ("currency", "amount")
