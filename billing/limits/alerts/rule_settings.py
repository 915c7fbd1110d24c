"""Say what is watched of whom, by finance or by the customer; and that somebody has seen to an alert."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser

from billing.limits.alerts.evaluation import FULL_EVALUATION
from billing.limits.alerts.thresholds import PERCENT_LEVELS
from billing.models import Alert, AlertRule, ChangeCursor, Subscription
from billing.models.alerts import AMOUNT_KINDS, MAX_LEVEL, WALLET_KINDS, AlertKind
from billing.models.price_overrides import CapSetter
from customers.models import Customer, Seller
from lib.audit_log import audited_transaction
from lib.field_types import MOST_MONEY
from lib.money import round_money
from plans.models import Feature

MAX_RULES_PER_CUSTOMER = 50
"""Alert rules that one customer may have of their own."""

MAX_LEVELS = 10

DEFAULT_LEVELS: dict[str, tuple[int, ...]] = {
    AlertKind.ALLOWANCE: PERCENT_LEVELS,
    AlertKind.CAP: PERCENT_LEVELS,
    AlertKind.SPEND: PERCENT_LEVELS,
    AlertKind.LAST_PERIOD: (100, 150),
    AlertKind.PROJECTED: (100,),
    AlertKind.ANOMALY: (5,),
    AlertKind.LOW_BALANCE: (20,),
    AlertKind.EXPIRING: (7,),
}
"""What is told of where nobody says otherwise."""


class AlertRuleRefused(Exception):
    """An alert rule cannot be set as asked; the text says why and what to do. field: which of the figures it is."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


@dataclass(frozen=True, slots=True)
class AlertScope:
    """
    Whose use is watched, and which: of everybody where nothing is named.

    At most one of seller, customer and subscription. dimension, value: the use that carries it alone, such as the
    API key it was made with.
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
        """What amounts are in; empty where nobody is named."""
        who = self.subscription or self.customer
        return str(who.currency) if who else ""


def set_alert_rule(
    *,
    kind: str,
    scope: AlertScope,
    at: datetime,
    levels: Sequence[int] = (),
    amount: Decimal | None = None,
    is_on: bool = True,
    set_by: str = CapSetter.FINANCE,
    by: AbstractBaseUser | None = None,
) -> AlertRule:
    """
    Watch something from now on; the same side's rule for the same is replaced. One that is off takes away what more
    general rules say.

    levels: percentages of the limit, multiples of the usual, or days: see `Alert rule`; DEFAULT_LEVELS where empty.
    amount: the limit, where the kind has one of its own.

    :raises AlertRuleRefused: if the kind cannot be watched so, or the customer's own is above what finance has set.
    """
    with audited_transaction("set alert rule", by=by, at=at):
        if scope.owner is not None:  # one at a time, so that both sides' are compared as they will stand
            Customer.objects.select_for_update(no_key=True).get(pk=scope.owner.pk)
        levels = tuple(sorted({*levels})) or DEFAULT_LEVELS[kind]
        check_alert_rule(kind=kind, scope=scope, levels=levels, amount=amount, is_on=is_on, set_by=set_by)
        same = _scope_columns(kind, scope)
        currency = scope.currency if kind in AMOUNT_KINDS else ""
        figures = {"levels": list(levels), "amount": amount, "currency": currency, "is_on": is_on}
        rule, _ = AlertRule.objects.update_or_create(**same, set_by=set_by, defaults=figures)
        _schedule_full_evaluation(rule)
        return rule


def check_alert_rule(
    *, kind: str, scope: AlertScope, levels: Sequence[int], amount: Decimal | None, is_on: bool, set_by: str
) -> None:
    """:raises AlertRuleRefused: if it cannot be set as asked, as things stand."""
    _check_scope(kind, scope, set_by)
    _check_figures(kind, scope, levels, amount)
    _check_other_side(_scope_columns(kind, scope), amount, set_by, is_on)


def _scope_columns(kind: str, scope: AlertScope) -> dict[str, object]:
    """Return what tells the rules that are of the same."""
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


def remove_alert_rule(*, alert_rule: AlertRule, at: datetime, by: AbstractBaseUser | None = None) -> None:
    """Watch it no more; what it told stays. A more general rule holds again, if there is one."""
    with audited_transaction("remove alert rule", by=by, at=at):
        alert_rule.removed_at = at
        alert_rule.save(update_fields=["removed_at"])
        _schedule_full_evaluation(alert_rule)


def acknowledge(*, alert_ids: Collection[int], at: datetime, by: AbstractBaseUser) -> int:
    """Note that a person has seen to these alerts, and return how many nobody had; it changes nothing of them."""
    return Alert.objects.filter(pk__in=alert_ids, acknowledged_at__isnull=True).update(
        acknowledged_at=at, acknowledged_by=by
    )


def _schedule_full_evaluation(rule: AlertRule) -> None:
    """Have everybody looked after next, where a rule is not of one customer: theirs are followed anyway."""
    if rule.customer_id is None:
        ChangeCursor.objects.filter(pk=FULL_EVALUATION).update(looked_at=None)


def _check_scope(kind: str, scope: AlertScope, set_by: str) -> None:
    if sum(one is not None for one in (scope.seller, scope.customer, scope.subscription)) > 1:
        raise AlertRuleRefused("customer", "Name a seller, a customer or a subscription: one of them.")
    if set_by == CapSetter.CUSTOMER and scope.owner is None:
        raise AlertRuleRefused("customer", "Say which customer sets it.")
    if kind in AMOUNT_KINDS and scope.owner is None:
        raise AlertRuleRefused("customer", "An amount of money is watched of one customer or subscription: name it.")
    if kind in WALLET_KINDS and (scope.subscription or scope.feature):
        raise AlertRuleRefused("feature", "Wallets are watched whole: leave subscription and feature out.")
    if scope.dimension and kind != AlertKind.SPEND:
        raise AlertRuleRefused("dimension", "Only spend is watched by the value of a dimension.")
    if bool(scope.dimension) != bool(scope.value):
        raise AlertRuleRefused("dimension_value", "Name a dimension and its value, or neither.")
    if scope.feature is not None and scope.feature.meter_id is None:
        raise AlertRuleRefused("feature", f"{scope.feature} is not metered: choose a feature that is.")


def _check_figures(kind: str, scope: AlertScope, levels: Sequence[int], amount: Decimal | None) -> None:
    if len(levels) > MAX_LEVELS or not all(1 <= one <= MAX_LEVEL for one in levels):
        raise AlertRuleRefused("levels", f"Give {MAX_LEVELS} levels at most, each from 1 to {MAX_LEVEL:,}.")
    if kind in AMOUNT_KINDS:
        if amount is None or not 0 < amount <= MOST_MONEY or round_money(amount, scope.currency) != amount:
            raise AlertRuleRefused("amount", f"Give an amount that could be invoiced in {scope.currency}.")
    elif kind not in (AlertKind.ANOMALY, AlertKind.LOW_BALANCE):
        if amount is not None:
            raise AlertRuleRefused("amount", "What is watched has a limit of its own: leave the amount out.")
    elif amount is not None and not 0 <= amount <= MOST_MONEY:
        raise AlertRuleRefused("amount", f"Give an amount from 0 to {MOST_MONEY:,.0f}.")


def _check_other_side(same: dict[str, object], amount: Decimal | None, set_by: str, is_on: bool) -> None:
    """Refuse what a customer may not have, and an amount of theirs above finance's for the same."""
    customers_own = AlertRule.objects.filter(
        customer=same["customer"], set_by=CapSetter.CUSTOMER, removed_at__isnull=True
    )
    if set_by == CapSetter.CUSTOMER:
        if not is_on:
            raise AlertRuleRefused("is_on", "Only finance switches alert rules off; remove your own instead.")
        if customers_own.count() >= MAX_RULES_PER_CUSTOMER and not customers_own.filter(**same).exists():
            raise AlertRuleRefused(
                "kind", f"{MAX_RULES_PER_CUSTOMER} alert rules of one's own are enough: remove one first."
            )
    if amount is None or same["kind"] not in AMOUNT_KINDS:
        return
    other = AlertRule.objects.filter(**same, is_on=True).exclude(set_by=set_by).first()
    if other is None or other.amount is None:
        return
    if set_by == CapSetter.CUSTOMER and amount > other.amount:
        raise AlertRuleRefused("amount", f"Finance watches {other.amount.normalize():f}: choose no more than that.")
    if set_by == CapSetter.FINANCE and is_on and amount < other.amount:
        raise AlertRuleRefused(
            "amount", f"The customer's own is {other.amount.normalize():f}: choose no less, or remove that first."
        )
