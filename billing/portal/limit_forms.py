"""Forms with which a customer sets a budget or a spend cap."""

from typing import Any

from django import forms

from billing.limits.spend_caps import MAX_PER_MINUTE, budget_dimensions
from billing.models.alerts import AlertKind
from billing.models.price_overrides import CapAction
from customers.portal.visit import Visit
from plans.models import Feature

KINDS = {
    AlertKind.SPEND: "Tell us when spending reaches a budget",
    AlertKind.PROJECTED: "Tell us when spending is heading for an amount",
    AlertKind.LAST_PERIOD: "Tell us when spending is above the period before",
    AlertKind.LOW_BALANCE: "Tell us when a wallet is low",
}
ACTIONS = {
    CapAction.NOTIFY: "tell us",
    CapAction.STOP: "stop what asks before it uses",
    CapAction.THROTTLE: "slow down what asks before it uses",
}
AMOUNT: dict[str, Any] = {"min_value": 0, "max_digits": 20, "decimal_places": 6}


class ScopeForm(forms.Form):
    """The usage that a limit covers: all usage, a feature, or one value of a dimension."""

    fields: dict[str, Any]  # each of its own class

    feature = forms.ChoiceField(label="Of", required=False)
    dimension = forms.ChoiceField(label="Only where", required=False)
    value = forms.CharField(label="is", max_length=200, required=False, help_text="Such as the name of an API key.")

    def __init__(self, *args: Any, visit: Visit, features: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        names = budget_dimensions(visit.customer, None, None)
        self.fields["feature"].choices = [("", "all usage"), *features.items()]
        self.fields["dimension"].choices = [("", "everywhere"), *((name, name) for name in names)]
        if not names:
            del self.fields["dimension"], self.fields["value"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if bool(cleaned.get("dimension")) != bool(cleaned.get("value")):
            self.add_error("value", "Say both what it is told apart by and for which value, or neither.")
        return cleaned

    @property
    def of_feature(self) -> Feature | None:
        code = self.cleaned_data.get("feature")
        return Feature.objects.get(code=code) if code else None


class BudgetForm(ScopeForm):
    prefix = "budget"
    kind = forms.ChoiceField(label="What", choices=list(KINDS.items()))
    amount = forms.DecimalField(
        label="Amount", required=False, help_text="Of a budget and of what is expected; before tax.", **AMOUNT
    )
    levels = forms.CharField(
        label="At which percentages",
        required=False,
        max_length=60,
        help_text="Such as 50, 80, 100; as usual if empty.",
    )
    field_order = ["kind", "amount", "levels", "feature", "dimension", "value"]

    def clean_levels(self) -> list[int]:
        parts = [part.strip().rstrip("%").strip() for part in self.cleaned_data["levels"].split(",") if part.strip()]
        if not all(part.isdecimal() and len(part) <= 4 for part in parts):
            raise forms.ValidationError("Write whole percentages with commas between them, such as 50, 80, 100.")
        return [int(part) for part in parts]


class CustomerCapForm(ScopeForm):
    prefix = "cap"
    amount = forms.DecimalField(label="Spend at most", help_text="In each period, before tax.", **AMOUNT)
    action = forms.ChoiceField(label="Then", choices=list(ACTIONS.items()))
    per_minute = forms.IntegerField(
        label="Uses a minute",
        required=False,
        min_value=1,
        max_value=MAX_PER_MINUTE,
        help_text="Where it slows down.",
    )
    field_order = ["amount", "action", "per_minute", "feature", "dimension", "value"]
