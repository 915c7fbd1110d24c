"""Forms with which a customer sets a budget or a spend cap."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.limits.spend_caps import MAX_PER_MINUTE, budget_dimensions
from billing.models.alerts import AlertKind
from billing.models.price_overrides import CapAction
from customers.portal.visit import Visit
from plans.models import Feature

RULE_TITLES = {
    AlertKind.SPEND: _("Spending reaches a budget"),
    AlertKind.PROJECTED: _("Projected spending reaches an amount"),
    AlertKind.LAST_PERIOD: _("Spending exceeds the previous period"),
    AlertKind.LOW_BALANCE: _("A wallet balance is low"),
    AlertKind.ALLOWANCE: _("Usage reaches the allowance"),
    AlertKind.CAP: _("Spending reaches a spend cap"),
    AlertKind.VALUES: _("Usage needs more separate lines than a price allows"),
    AlertKind.ANOMALY: _("Usage is unusual"),
    AlertKind.EXPIRING: _("Credits are about to expire"),
}
OWN_KINDS = (AlertKind.SPEND, AlertKind.PROJECTED, AlertKind.LAST_PERIOD, AlertKind.LOW_BALANCE)
"""Kinds of which customers set rules of their own."""

ACTIONS = {
    CapAction.NOTIFY: _("Email us"),
    CapAction.STOP: _("Decline requests"),
    CapAction.THROTTLE: _("Slow down requests"),
}
AMOUNT: dict[str, Any] = {"min_value": 0, "max_digits": 20, "decimal_places": 6}


class ScopeForm(forms.Form):
    """The usage that a limit covers: all usage, a feature, or one value of a dimension."""

    fields: dict[str, Any]  # each of its own class

    feature = forms.ChoiceField(label=_("Feature"), required=False)
    dimension = forms.ChoiceField(label=_("Only usage with"), required=False)
    value = forms.CharField(
        label=_("Value"), max_length=200, required=False, help_text=_("For example, the name of an API key.")
    )

    def __init__(self, *args: Any, visit: Visit, features: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        names = budget_dimensions(visit.customer, None, None)
        self.fields["feature"].choices = [("", gettext("All usage")), *features.items()]
        self.fields["dimension"].choices = [("", gettext("Any dimension")), *((name, name) for name in names)]
        if not names:
            del self.fields["dimension"], self.fields["value"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if bool(cleaned.get("dimension")) != bool(cleaned.get("value")):
            self.add_error("value", gettext("Choose a dimension and enter a value, or leave both empty."))
        return cleaned

    @property
    def of_feature(self) -> Feature | None:
        code = self.cleaned_data.get("feature")
        return Feature.objects.get(code=code) if code else None


class BudgetForm(ScopeForm):
    prefix = "budget"
    kind = forms.ChoiceField(label=_("Alert when"), choices=[(kind, RULE_TITLES[kind]) for kind in OWN_KINDS])
    amount = forms.DecimalField(
        label=_("Amount"),
        required=False,
        help_text=_("Before tax. Required for a budget and for projected spending."),
        **AMOUNT,
    )
    levels = forms.CharField(
        label=_("Thresholds in percent"),
        required=False,
        max_length=60,
        help_text=_("For example, 50, 80, 100. Leave empty for the default thresholds."),
    )
    field_order = ["kind", "amount", "levels", "feature", "dimension", "value"]

    def clean_levels(self) -> list[int]:
        parts = [part.strip().rstrip("%").strip() for part in self.cleaned_data["levels"].split(",") if part.strip()]
        if not all(part.isdecimal() and len(part) <= 4 for part in parts):
            raise forms.ValidationError(gettext("Enter whole percentages separated by commas, such as 50, 80, 100."))
        return [int(part) for part in parts]


class CustomerCapForm(ScopeForm):
    prefix = "cap"
    amount = forms.DecimalField(label=_("Cap"), help_text=_("For each billing period, before tax."), **AMOUNT)
    action = forms.ChoiceField(label=_("When reached"), choices=list(ACTIONS.items()))
    per_minute = forms.IntegerField(
        label=_("Requests a minute"),
        required=False,
        min_value=1,
        max_value=MAX_PER_MINUTE,
        help_text=_("Required if requests are slowed down."),
    )
    field_order = ["amount", "action", "per_minute", "feature", "dimension", "value"]
