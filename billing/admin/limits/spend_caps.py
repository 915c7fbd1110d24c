"""Spend caps on a subscription's usage per period, set by finance or by the customer."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
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

ENFORCED = _("Checks and reservations answer “stop” or “throttle”; reported usage always counts.")


class SpendCapForm(StaffForm):
    of = forms.ChoiceField(
        label=_("Scope"),
        choices=[("subscription", _("This subscription")), ("customer", _("All subscriptions of the customer"))],
        initial="subscription",
        required=False,
        widget=UnfoldAdminRadioSelectWidget,
    )
    feature = forms.ChoiceField(label=_("Feature"))
    dimension = forms.ChoiceField(label=_("Dimension"), required=False)
    value = forms.CharField(
        label=_("Dimension value"),
        required=False,
        max_length=MAX_VALUE_LENGTH,
        help_text=_("Such as the ID of one API key. Its share of the cost is in proportion to its quantity."),
    )
    amount = forms.DecimalField(label=_("Limit"), max_digits=19, decimal_places=4)
    action = forms.ChoiceField(
        label=_("When reached"),
        choices=CapAction.choices,
        initial=CapAction.NOTIFY,
        widget=UnfoldAdminRadioSelectWidget,
        help_text=ENFORCED,
    )
    per_minute = forms.IntegerField(
        label=_("Uses per minute"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Maximum while usage is throttled."),
    )
    throttles_from = forms.IntegerField(
        label=_("Throttle from (percent of the limit)"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Leave empty to throttle once the limit is reached."),
    )
    set_by = forms.ChoiceField(
        label=_("Set by"),
        choices=CapSetter.choices,
        initial=CapSetter.FINANCE,
        widget=UnfoldAdminRadioSelectWidget,
        help_text=_("A customer's cap is in addition to yours and can't be higher."),
    )

    def __init__(self, *args: Any, subscription: Subscription, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        features = load_terms(subscription.version_id, subscription.currency).features
        self.fields["feature"].choices = [
            ("", gettext("All usage")),
            *((feature.feature_id, feature.name) for feature in features),
        ]
        self.fields["feature"].required = False
        dimensions = budget_dimensions(subscription.customer, subscription, None)
        self.fields["dimension"].choices = [
            ("", gettext("None")),
            *((dimension, dimension) for dimension in dimensions),
        ]
        text = gettext("In %(currency)s per period, before coupons and tax.")
        self.fields["amount"].help_text = text % {"currency": subscription.currency}
        self.subscription = subscription

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `set_cap`."""
        fields = dict(self.cleaned_data)
        fields["throttles_from"] = 100 if fields["throttles_from"] is None else fields["throttles_from"]
        chosen, scope, dimension, value = (fields.pop(name) for name in ("feature", "of", "dimension", "value"))
        if scope == "customer":
            fields |= {"customer": self.subscription.customer, "currency": str(self.subscription.currency)}
        else:
            fields["subscription"] = self.subscription
        match = {dimension: value} if dimension else {}
        return {**fields, "match": match, "feature": Feature.objects.get(pk=chosen) if chosen else None}


class SetSpendCap(SubscriptionAction):
    label, icon, verb = _("Set spend cap"), "speed", _("Set cap")
    refusals = (CapRefused,)
    title = _("Set a spend cap for {.customer}")
    consequences = (
        _("The cap limits the cost of usage in each billing period."),
        _("It replaces an earlier cap by the same side for the same usage."),
        ENFORCED,
    )

    def make_form(self, subscription: Subscription) -> SpendCapForm:
        return SpendCapForm(self.posted, subscription=subscription)

    def run(self, subscription: Subscription) -> Response:
        cap = set_cap(**self.form.arguments(), by=self.user, at=timezone.now())
        text = gettext("%(usage)s: capped at %(amount)s per period.")
        return self.done(text % {"usage": _usage_text(cap), "amount": _amount(cap)})

    def field_of(self, refusal: Exception) -> str | None:
        field = super().field_of(refusal)
        return "value" if field == "match" else field


def caps_of(subscription: Subscription) -> list[tuple[SpendCap, str, str]]:
    """Return the caps on a subscription and on its customer, with their usage and action as text, in one query."""
    on_customer = Q(customer=subscription.customer_id, currency=subscription.currency)
    caps = (
        SpendCap.objects.filter(Q(subscription=subscription) | on_customer).select_related("feature").order_by("pk")
    )
    return [(cap, _usage_text(cap), _action(cap)) for cap in caps]


def _usage_text(cap: SpendCap) -> str:
    text = str(cap.feature) if cap.feature else gettext("All usage")
    text += "".join(f", {name} {value}" for name, value in cap.match.items())
    return text if cap.subscription_id else gettext("%(usage)s of all subscriptions") % {"usage": text}


def _amount(cap: SpendCap) -> str:
    return format_money(cap.amount, str(cap.currency))


def _action(cap: SpendCap) -> str:
    if cap.per_minute is None:
        return cap.get_action_display()
    if cap.throttles_from == 100:
        text = gettext("%(action)s to %(count)s per minute")
    else:
        text = gettext("%(action)s to %(count)s per minute from %(percent)s%% on")
    values = {"action": cap.get_action_display(), "count": format_number(cap.per_minute)}
    return text % {**values, "percent": cap.throttles_from}


class RemoveCap(ConfirmedAction[SpendCap]):
    label, icon, verb = _("Remove"), "delete", _("Remove cap")
    permission = "billing.change_spendcap"
    danger = True

    def preview(self, cap: SpendCap) -> Preview:
        return Preview(
            title=gettext("Remove the cap of %(amount)s") % {"amount": _amount(cap)},
            consequences=[gettext("Spend is no longer limited by it. Its history stays.")],
        )

    def run(self, cap: SpendCap) -> Response:
        text = gettext("The cap of %(amount)s is removed (%(usage)s).")
        text %= {"amount": _amount(cap), "usage": _usage_text(cap)}
        remove_cap(cap=cap, by=self.user, at=timezone.now())
        return self.done(text, to=cap.subscription or cap.customer)


@admin.register(SpendCap)
class SpendCapAdmin(ReadOnlyAdmin):
    seller_paths = ("subscription__seller", "customer__seller")
    list_display = ("of_shown", "amount_shown", "action_shown", "set_by", "subscription", "customer")
    list_select_related = ("feature", "subscription", "customer")
    search_fields = ("subscription__external_id", "customer__external_id")
    search_help_text = _("Subscription ID or customer ID")
    empty_text = _("Set spend caps on the page of a subscription.")
    fields = ("subscription", "customer", "of_shown", "amount_shown", "action_shown", "set_by", "created_at")
    actions_detail = ("remove",)

    remove = RemoveCap.as_action()

    amount_shown = money_column("amount", _("Limit"))
    of_shown = column(_("Usage"), _usage_text)
    action_shown = column(_("When reached"), _action)
