"""Spend caps on a subscription's usage per period, set by finance or by the customer."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.utils import timezone
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from billing.admin.subscriptions.subscription_action import SubscriptionAction
from billing.limits.spend_caps import MAX_VALUE_LENGTH, CapRefused, budget_dimensions, remove_cap, set_cap
from billing.models import SpendCap, Subscription
from billing.models.price_overrides import CapAction, CapSetter
from lib.admin import ConfirmedAction, Preview, ReadOnlyAdmin, Response, StaffForm
from lib.admin.columns import column, money_column
from lib.formats import format_money, format_number
from plans.catalog.stored_terms import load_terms
from plans.models import Feature

ENFORCED = (
    "Stop and slow down are what your product is told when it checks or reserves; what it reports is always counted."
)


class SpendCapForm(StaffForm):
    of = forms.ChoiceField(
        label="Whose usage",
        choices=[("subscription", "of this subscription"), ("customer", "of all subscriptions of the customer")],
        initial="subscription",
        required=False,
        widget=UnfoldAdminRadioSelectWidget,
    )
    feature = forms.ChoiceField(label="Of")
    dimension = forms.ChoiceField(label="Budget for one", required=False)
    value = forms.CharField(
        label="Which one",
        required=False,
        max_length=MAX_VALUE_LENGTH,
        help_text="Such as the id of one API key. Its share of the cost is counted, in proportion to its quantity.",
    )
    amount = forms.DecimalField(label="At most", max_digits=19, decimal_places=4)
    action = forms.ChoiceField(
        label="Once it is reached",
        choices=CapAction.choices,
        initial=CapAction.NOTIFY,
        widget=UnfoldAdminRadioSelectWidget,
        help_text=ENFORCED,
    )
    per_minute = forms.IntegerField(
        label="Uses a minute",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="That are let through, where it throttles.",
    )
    set_by = forms.ChoiceField(
        label="Set by",
        choices=CapSetter.choices,
        initial=CapSetter.FINANCE,
        widget=UnfoldAdminRadioSelectWidget,
        help_text="The customer's own cap stands beside finance's, and never above it.",
    )

    def __init__(self, *args: Any, subscription: Subscription, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        features = load_terms(subscription.version_id, subscription.currency).features
        self.fields["feature"].choices = [
            ("", "all usage"),
            *((feature.feature_id, feature.name) for feature in features),
        ]
        self.fields["feature"].required = False
        dimensions = budget_dimensions(subscription.customer, subscription, None)
        self.fields["dimension"].choices = [
            ("", "nothing: all of it together"),
            *((dimension, dimension) for dimension in dimensions),
        ]
        self.fields["amount"].help_text = f"In {subscription.currency}, in each period, before coupons and tax."
        self.subscription = subscription

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `set_cap`."""
        fields = dict(self.cleaned_data)
        chosen, scope, dimension, value = (fields.pop(name) for name in ("feature", "of", "dimension", "value"))
        if scope == "customer":
            fields |= {"customer": self.subscription.customer, "currency": str(self.subscription.currency)}
        else:
            fields["subscription"] = self.subscription
        match = {dimension: value} if dimension else {}
        return {**fields, "match": match, "feature": Feature.objects.get(pk=chosen) if chosen else None}


class SetSpendCap(SubscriptionAction):
    label, icon, verb = "Cap spend", "speed", "Set cap"
    refusals = (CapRefused,)
    title = "Cap what {.customer} spends"
    consequences = [
        "In each period, what usage comes to is compared with the cap.",
        "It takes the place of the cap that the same side has set for the same.",
        ENFORCED,
    ]

    def make_form(self, subscription: Subscription) -> SpendCapForm:
        return SpendCapForm(self.posted, subscription=subscription)

    def run(self, subscription: Subscription) -> Response:
        cap = set_cap(**self.form.arguments(), by=self.user, at=timezone.now())
        return self.done(f"{_usage_text(cap)} is capped at {_amount(cap)} a period.")

    def field_of(self, refusal: Exception) -> str | None:
        field = super().field_of(refusal)
        return "value" if field == "match" else field


def caps_of(subscription: Subscription) -> list[tuple[SpendCap, str, str]]:
    """Return the caps on a subscription and on its customer, with their usage and action in words, in one query."""
    on_customer = Q(customer=subscription.customer_id, currency=subscription.currency)
    caps = (
        SpendCap.objects.filter(Q(subscription=subscription) | on_customer).select_related("feature").order_by("pk")
    )
    return [(cap, _usage_text(cap), _action(cap)) for cap in caps]


def _usage_text(cap: SpendCap) -> str:
    text = str(cap.feature) if cap.feature else "All usage"
    text += "".join(f", {name} {value}" for name, value in cap.match.items())
    return text if cap.subscription_id else f"{text} of all subscriptions"


def _amount(cap: SpendCap) -> str:
    return format_money(cap.amount, str(cap.currency))


def _action(cap: SpendCap) -> str:
    if cap.per_minute is None:
        return cap.get_action_display()
    return f"{cap.get_action_display()} to {format_number(cap.per_minute)} uses a minute"


class RemoveCap(ConfirmedAction[SpendCap]):
    label, icon, verb = "Remove", "delete", "Remove it"
    permission = "billing.change_spendcap"
    danger = True

    def preview(self, cap: SpendCap) -> Preview:
        return Preview(
            title=f"Remove the cap of {_amount(cap)}",
            consequences=["Spending goes on as if there had been no cap. Its history stays."],
        )

    def run(self, cap: SpendCap) -> Response:
        text = f"The cap of {_amount(cap)} on {_usage_text(cap).lower()} is removed."
        remove_cap(cap=cap, by=self.user, at=timezone.now())
        return self.done(text, to=cap.subscription or cap.customer)


@admin.register(SpendCap)
class SpendCapAdmin(ReadOnlyAdmin):
    list_display = ("of_shown", "amount_shown", "action_shown", "set_by", "subscription", "customer")
    list_select_related = ("feature", "subscription", "customer")
    search_fields = ("subscription__external_id", "customer__external_id")
    search_help_text = "A subscription's or a customer's id"
    fields = ("subscription", "customer", "of_shown", "amount_shown", "action_shown", "set_by", "created_at")
    actions_detail = ("remove",)

    remove = RemoveCap.as_action()

    amount_shown = money_column("amount", "At most")
    of_shown = column("Of", _usage_text)
    action_shown = column("Once it is reached", _action)
