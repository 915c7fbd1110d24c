"""Set and remove alert rules, for finance or for the customer; acknowledge alerts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.limits.alerts.evaluation import FULL_EVALUATION
from billing.limits.alerts.thresholds import PERCENT_LEVELS
from billing.models import Alert, AlertRule, ChangeCursor, Subscription
from billing.models.alerts import AMOUNT_KINDS, MAX_LEVEL, WALLET_KINDS, AlertKind
from billing.models.price_overrides import CapSetter
from customers.models import Customer, Seller
from lib.audit_log import audited_transaction
from lib.field_types import MAX_MONEY
from lib.money import round_money
from plans.models import Feature

MAX_RULES_PER_CUSTOMER = 50
"""Alert rules that one customer may have of their own."""

# Each level may fire once per period and target, so this bounds the messages of a rule.
MAX_LEVELS = 10

DEFAULT_LEVELS: dict[str, tuple[int, ...]] = {
    AlertKind.ALLOWANCE: PERCENT_LEVELS,
    AlertKind.CAP: PERCENT_LEVELS,
    AlertKind.SPEND: PERCENT_LEVELS,
    AlertKind.LAST_PERIOD: (100, 150),
    AlertKind.PROJECTED: (100,),
    AlertKind.VALUES: (80, 100),
    AlertKind.ANOMALY: (5,),
    AlertKind.LOW_BALANCE: (20,),
    AlertKind.EXPIRING: (7,),
}
"""Levels of a rule that names none."""


class AlertRuleRefused(Exception):
    """The alert rule isn't possible; the text gives the reason and the remedy. field: the field that is wrong."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


@dataclass(frozen=True, slots=True)
class AlertScope:
    """
    The usage that a rule watches; all usage of all customers if nothing is named.

    At most one of seller, customer and subscription.
    dimension, value: limits the rule to usage with this dimension value, such as that of one API key.
    """

    seller: Seller | None = None
    customer: Customer | None = None
    subscription: Subscription | None = None
    feature: Feature | None = None
    dimension: str = ""
    value: str = ""

    @property
    def owner(self) -> Customer | None:
        return self.subscription.customer if self.subscription else self.customer

    @property
    def currency(self) -> str:
        """The currency of amounts; empty if no customer is named."""
        payer = self.subscription or self.customer
        return str(payer.currency) if payer else ""


def set_alert_rule(
    *,
    kind: str,
    scope: AlertScope,
    at: datetime,
    levels: Sequence[int] = (),
    amount: Decimal | None = None,
    is_on: bool = True,
    set_by: str = CapSetter.FINANCE,
    by: User | None = None,
) -> AlertRule:
    """
    Set an alert rule from now on, replacing the same side's rule of the same scope. A rule that is off disables more
    general rules.

    levels: percentages of the limit, multiples of the usual, or days: see `AlertRule`; default: DEFAULT_LEVELS.
    amount: the limit, if the kind has one of its own.

    :raises AlertRuleRefused: if the kind doesn't allow it, or the customer's own limit is above finance's.
    """
    with audited_transaction("set alert rule", by=by, at=at):
        if scope.owner is not None:  # rules of both sides are set one after the other, because they are compared
            Customer.objects.select_for_update(no_key=True).get(pk=scope.owner.pk)
        levels = tuple(sorted({*levels})) or DEFAULT_LEVELS[kind]
        check_alert_rule(kind=kind, scope=scope, levels=levels, amount=amount, is_on=is_on, set_by=set_by)
        scope_columns = _scope_columns(kind, scope)
        currency = scope.currency if kind in AMOUNT_KINDS else ""
        figures = {"levels": list(levels), "amount": amount, "currency": currency, "is_on": is_on}
        rule, _created = AlertRule.objects.update_or_create(**scope_columns, set_by=set_by, defaults=figures)
        _schedule_full_evaluation(rule)
        return rule


def check_alert_rule(
    *, kind: str, scope: AlertScope, levels: Sequence[int], amount: Decimal | None, is_on: bool, set_by: str
) -> None:
    """
    Check that an alert rule can be set.

    :raises AlertRuleRefused: if it can't be set at present.
    """
    _check_scope(kind, scope, set_by)
    _check_figures(kind, scope, levels, amount)
    _check_other_side(_scope_columns(kind, scope), amount, set_by, is_on)


def _scope_columns(kind: str, scope: AlertScope) -> dict[str, Any]:
    """Return the columns that identify the rules of one scope."""
    return {
        "kind": kind,
        "seller": scope.seller,
        "customer": scope.owner,
        "subscription": scope.subscription,
        "feature": scope.feature,
        "dimension": scope.dimension,
        "dimension_value": scope.value,
        "removed_at": None,
    }


def remove_alert_rule(*, alert_rule: AlertRule, at: datetime, by: User | None = None) -> None:
    """Remove a rule; its alerts stay. A more general rule applies again, if there is one."""
    with audited_transaction("remove alert rule", by=by, at=at):
        alert_rule.removed_at = at
        alert_rule.save(update_fields=["removed_at"])
        _schedule_full_evaluation(alert_rule)


def acknowledge(*, alert_ids: Collection[int], at: datetime, by: User) -> int:
    """
    Record that a person has handled these alerts, and return how many were not acknowledged before; nothing else
    changes.
    """
    return Alert.objects.filter(pk__in=alert_ids, acknowledged_at__isnull=True).update(
        acknowledged_at=at, acknowledged_by=by
    )


def _schedule_full_evaluation(rule: AlertRule) -> None:
    """
    Queue all customers for evaluation, unless the rule is one customer's own: the change feed finds that one anyway.
    """
    if rule.customer_id is None:
        ChangeCursor.objects.filter(pk=FULL_EVALUATION).update(looked_at=None)


def _check_scope(kind: str, scope: AlertScope, set_by: str) -> None:
    if sum(owner is not None for owner in (scope.seller, scope.customer, scope.subscription)) > 1:
        raise AlertRuleRefused("customer", _("Choose only one of seller, customer and subscription."))
    if set_by == CapSetter.CUSTOMER and scope.owner is None:
        raise AlertRuleRefused("customer", _("A customer’s own rule needs a customer."))
    if kind in AMOUNT_KINDS and scope.owner is None:
        raise AlertRuleRefused("customer", _("A rule with an amount needs a customer or a subscription."))
    if kind in WALLET_KINDS and (scope.subscription or scope.feature):
        raise AlertRuleRefused("feature", _("A rule for wallets has no subscription or feature. Leave both empty."))
    if scope.dimension and kind != AlertKind.SPEND:
        raise AlertRuleRefused("dimension", _("Only a spending rule can cover the value of a dimension."))
    if bool(scope.dimension) != bool(scope.value):
        raise AlertRuleRefused("dimension_value", _("Choose a dimension and enter a value, or leave both empty."))
    if scope.feature is not None and scope.feature.meter_id is None:
        text = _("%(feature)s is not metered. Choose another feature.")
        raise AlertRuleRefused("feature", text % {"feature": scope.feature})


def _check_figures(kind: str, scope: AlertScope, levels: Sequence[int], amount: Decimal | None) -> None:
    if len(levels) > MAX_LEVELS or not all(1 <= level <= MAX_LEVEL for level in levels):
        text = _("Enter at most %(count)s thresholds, each from 1 to %(most)s.")
        raise AlertRuleRefused("levels", text % {"count": MAX_LEVELS, "most": f"{MAX_LEVEL:,}"})
    if kind in AMOUNT_KINDS:
        if amount is None or not 0 < amount <= MAX_MONEY or round_money(amount, scope.currency) != amount:
            text = _("Enter an amount above zero that can be invoiced in %(currency)s.")
            raise AlertRuleRefused("amount", text % {"currency": scope.currency})
    elif kind not in (AlertKind.ANOMALY, AlertKind.LOW_BALANCE):
        if amount is not None:
            raise AlertRuleRefused("amount", _("This kind of rule uses an existing limit. Leave the amount empty."))
    elif amount is not None and not 0 <= amount <= MAX_MONEY:
        text = _("Enter an amount from 0 to %(most)s.")
        raise AlertRuleRefused("amount", text % {"most": f"{MAX_MONEY:,.0f}"})


def _check_other_side(scope_columns: dict[str, Any], amount: Decimal | None, set_by: str, is_on: bool) -> None:
    """Refuse a rule that customers may not set, and a customer's amount above finance's for the same scope."""
    customers_own = AlertRule.objects.filter(
        customer=scope_columns["customer"], set_by=CapSetter.CUSTOMER, removed_at__isnull=True
    )
    if set_by == CapSetter.CUSTOMER:
        if not is_on:
            raise AlertRuleRefused("is_on", _("Customers can’t turn alert rules off. Remove your own rule instead."))
        if customers_own.count() >= MAX_RULES_PER_CUSTOMER and not customers_own.filter(**scope_columns).exists():
            text = ngettext(
                "You can have at most %(count)s alert rule. Remove one first.",
                "You can have at most %(count)s alert rules. Remove one first.",
                MAX_RULES_PER_CUSTOMER,
            )
            raise AlertRuleRefused("kind", text % {"count": MAX_RULES_PER_CUSTOMER})
    if amount is None or scope_columns["kind"] not in AMOUNT_KINDS:
        return
    other = AlertRule.objects.filter(**scope_columns, is_on=True).exclude(set_by=set_by).first()
    if other is None or other.amount is None:
        return
    if set_by == CapSetter.CUSTOMER and amount > other.amount:
        text = _("Your amount can’t exceed %(most)s, the amount set by your provider.")
        raise AlertRuleRefused("amount", text % {"most": f"{other.amount.normalize():f}"})
    # Neither side may silently override the other, so the order of setting doesn't matter.
    if set_by == CapSetter.FINANCE and is_on and amount < other.amount:
        text = _(
            "The customer’s own amount is %(least)s. Choose that amount or more, or remove the customer’s rule first."
        )
        raise AlertRuleRefused("amount", text % {"least": f"{other.amount.normalize():f}"})
