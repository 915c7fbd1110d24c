"""Set and remove spend caps: an amount that usage may cost per period, and the action when it is reached."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils.translation import gettext as _

from billing.models import Period, SpendCap, Subscription
from billing.models.price_overrides import CapAction, CapSetter
from billing.subscriptions.terms.feature_coverage import invalidate_periods
from customers.models import Customer
from lib.audit_log import audited_transaction
from lib.field_types import MAX_MONEY
from lib.money import round_money
from plans.catalog.stored_terms import load_terms
from plans.models import Feature, Meter

MAX_PER_MINUTE = 1_000_000
MAX_VALUE_LENGTH = 200


class CapRefused(Exception):
    """The spend cap isn't possible; the text gives the reason and the remedy. field: the field that is wrong."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


def set_cap(
    *,
    amount: Decimal,
    at: datetime,
    subscription: Subscription | None = None,
    customer: Customer | None = None,
    currency: str = "",
    feature: Feature | None = None,
    match: Mapping[str, str] | None = None,
    action: str = CapAction.NOTIFY,
    per_minute: int | None = None,
    throttles_from: int = 100,
    set_by: str = CapSetter.FINANCE,
    by: User | None = None,
) -> SpendCap:
    """
    Cap the cost of usage in each period; a cap that the same side has set for the same scope is replaced.

    subscription, customer: the scope, one of the two.
    currency: of a customer's cap, default: the customer's; a subscription's cap is in its own.
    feature: None for all usage.
    match: one dimension and its value, for a budget.
    amount: zero or more.
    per_minute: uses to allow per minute, for a throttle.
    throttles_from: percentage of the amount from which it throttles, 1 to 100.

    :raises CapRefused: if the feature or the dimension is not metered in the scope, the amount can't be invoiced, or
        the customer's own cap is above finance's.
    """
    with audited_transaction("set spend cap", by=by, at=at):
        # Caps of a customer are set one after the other, so that the caps of both sides are compared in their final
        # state.
        owner = customer or Customer.objects.get(subscriptions=subscription)
        owner = Customer.objects.select_for_update(no_key=True).get(pk=owner.pk)
        currency = str(subscription.currency) if subscription else currency or str(owner.currency)
        _check_amount(amount, currency, action, per_minute)
        _check_start(action, throttles_from)
        _check_scope(owner, subscription, feature, match or {})
        scope: dict[str, Any] = {
            "subscription": subscription,
            "customer": None if subscription else owner,
            "feature": feature,
            "match": dict(match or {}),
            "currency": currency,
        }
        _check_other_side(scope, amount, set_by)
        throttling = SpendCap.objects.filter(**scope, set_by=set_by, action=CapAction.THROTTLE).first()
        throttles = action == CapAction.THROTTLE
        figures = {
            "amount": amount,
            "action": action,
            "per_minute": per_minute,
            "throttles_from": throttles_from,
            "counts_from": (throttling.counts_from if throttling else at) if throttles else None,
        }
        cap, _created = SpendCap.objects.update_or_create(**scope, set_by=set_by, defaults=figures)
        if throttles != (throttling is not None):
            cap.buckets.all().delete()
            _invalidate_periods(cap, at=at)
        return cap


def remove_cap(*, cap: SpendCap, at: datetime, by: User | None = None) -> None:
    """Remove a spend cap; its history stays."""
    with audited_transaction("remove spend cap", by=by, at=at):
        if cap.action == CapAction.THROTTLE:
            _invalidate_periods(cap, at=at)
        cap.delete()


def _invalidate_periods(cap: SpendCap, *, at: datetime) -> None:
    """Make ingest read the cap's periods again, because it counts the uses toward caps that throttle."""
    scope = Q(subscription=cap.subscription_id) if cap.subscription_id else Q(subscription__customer=cap.customer_id)
    invalidate_periods(Period.objects.filter(scope, ends_at__gt=at))


def budget_dimensions(customer: Customer, subscription: Subscription | None, feature: Feature | None) -> list[str]:
    """Return the dimensions that budgets in a scope can use, in order."""
    return sorted(
        {name for meter in _metered_in_scope(customer, subscription, feature) for name in _dimension_names(meter)}
    )


def _dimension_names(meter: Meter) -> list[str]:
    reading_dimensions = [meter.reading_dimension] if meter.reading_dimension else []
    return [*meter.dimensions, *reading_dimensions]


def _metered_in_scope(
    customer: Customer, subscription: Subscription | None, feature: Feature | None
) -> Iterable[Meter]:
    subscriptions = [subscription] if subscription else customer.subscriptions.running()
    meter_ids = {
        feature_terms.meter_id
        for running in subscriptions
        for feature_terms in load_terms(running.version_id, running.currency).features
        if feature is None or feature_terms.feature_id == feature.pk
    }
    return Meter.objects.filter(pk__in=meter_ids)


def _check_amount(amount: Decimal, currency: str, action: str, per_minute: int | None) -> None:
    if not 0 <= amount <= MAX_MONEY or round_money(amount, currency) != amount:
        text = _("Enter an amount of zero or more that can be invoiced in %(currency)s.")
        raise CapRefused("amount", text % {"currency": currency})
    if action == CapAction.THROTTLE and not (per_minute and 1 <= per_minute <= MAX_PER_MINUTE):
        text = _("Enter how many requests a minute to allow, from 1 to %(most)s.")
        raise CapRefused("per_minute", text % {"most": f"{MAX_PER_MINUTE:,}"})
    if action != CapAction.THROTTLE and per_minute is not None:
        text = _("Requests a minute can only be set if requests are slowed down. Leave the field empty.")
        raise CapRefused("per_minute", text)


def _check_start(action: str, throttles_from: int) -> None:
    if action == CapAction.THROTTLE and not 1 <= throttles_from <= 100:
        raise CapRefused(
            "throttles_from", _("Enter the percentage of the cap from which to slow down, from 1 to 100.")
        )
    if action != CapAction.THROTTLE and throttles_from != 100:
        text = _("Only a cap that slows requests down can begin before its amount. Leave the field empty.")
        raise CapRefused("throttles_from", text)


def _check_scope(
    customer: Customer, subscription: Subscription | None, feature: Feature | None, match: Mapping[str, str]
) -> None:
    if feature is not None and not list(_metered_in_scope(customer, subscription, feature)):
        if subscription is None:
            text = _("No subscription of %(customer)s meters %(feature)s. Choose another feature.")
            raise CapRefused("feature", text % {"customer": customer, "feature": feature})
        text = _("%(version)s does not meter %(feature)s. Choose another feature.")
        raise CapRefused("feature", text % {"version": subscription.version, "feature": feature})
    if not match:
        return
    if len(match) > 1:
        raise CapRefused("match", _("A spend cap can cover the value of one dimension only. Choose one."))
    ((name, value),) = match.items()
    dimensions = budget_dimensions(customer, subscription, feature)
    if name not in dimensions:
        if not dimensions:
            raise CapRefused("match", _("This usage has no dimensions. Leave the dimension empty."))
        text = _("Usage has no dimension “%(dimension)s”. Choose one of these: %(dimensions)s.")
        raise CapRefused("match", text % {"dimension": name, "dimensions": ", ".join(dimensions)})
    if not 1 <= len(value) <= MAX_VALUE_LENGTH:
        text = _("Enter a value of %(dimension)s with 1 to %(most)s characters.")
        raise CapRefused("match", text % {"dimension": name, "most": MAX_VALUE_LENGTH})


def _check_other_side(scope: Mapping[str, Any], amount: Decimal, set_by: str) -> None:
    """Refuse a customer's own cap above finance's cap of the same scope."""
    other = SpendCap.objects.filter(**scope).exclude(set_by=set_by).first()
    if other is None:
        return
    if set_by == CapSetter.CUSTOMER and amount > other.amount:
        text = _("Your cap can’t exceed %(most)s, the cap set by your provider.")
        raise CapRefused("amount", text % {"most": f"{other.amount.normalize():f}"})
    if set_by == CapSetter.FINANCE and amount < other.amount:
        text = _(
            "The customer’s own cap is %(least)s. Choose that amount or more, or remove the customer’s cap first."
        )
        raise CapRefused("amount", text % {"least": f"{other.amount.normalize():f}"})
