"""Say how much a subscription's usage may come to in a period, and what happens when it does."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser

from billing.models import SpendCap, Subscription
from billing.models.agreements import CapAction, CapSetter
from plans.bounds import MOST_MONEY
from plans.models import Feature
from plans.pricing.money import round_money
from plans.terms import terms_of
from plans.trail import change

MOST_PER_MINUTE = 1_000_000


class CapRefused(Exception):
    """A spend cap cannot be set as asked; the text says why and what to do. field: which of the figures it is."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


def set_cap(
    *,
    subscription: Subscription,
    amount: Decimal,
    at: datetime,
    feature: Feature | None = None,
    action: str = CapAction.NOTIFY,
    per_minute: int | None = None,
    set_by: str = CapSetter.FINANCE,
    by: AbstractBaseUser | None = None,
) -> SpendCap:
    """
    Cap what usage of a subscription, or of one feature of it, comes to in each period; the cap before it is replaced.

    amount: zero or more, in the subscription's currency. per_minute: uses to let through, for a throttle.

    :raises CapRefused: if the feature is not metered there, the amount cannot be invoiced, or the customer's own cap
        is above finance's.
    """
    with change("set spend cap", by=by, at=at):
        # One at a time, so that the two caps of a scope are compared as they will stand.
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        _check(subscription, feature, amount, action, per_minute)
        _check_other(subscription, feature, amount, set_by)
        cap, _ = SpendCap.objects.update_or_create(
            subscription=subscription,
            feature=feature,
            set_by=set_by,
            defaults={"amount": amount, "action": action, "per_minute": per_minute},
        )
        return cap


def remove_cap(*, cap: SpendCap, at: datetime, by: AbstractBaseUser | None = None) -> None:
    """Let spending go on as if there had been no cap; its history stays."""
    with change("remove spend cap", by=by, at=at):
        cap.delete()


def _check(
    subscription: Subscription, feature: Feature | None, amount: Decimal, action: str, per_minute: int | None
) -> None:
    metered = {one.feature_id for one in terms_of(subscription.version_id, subscription.currency).features}
    if feature is not None and feature.pk not in metered:
        raise CapRefused("feature", f"{feature} is not metered in {subscription.version}: choose a feature that is.")
    if not 0 <= amount <= MOST_MONEY or round_money(amount, subscription.currency) != amount:
        raise CapRefused("amount", f"{amount:f} is no amount that could be invoiced in {subscription.currency}.")
    if action == CapAction.THROTTLE and not (per_minute and 1 <= per_minute <= MOST_PER_MINUTE):
        raise CapRefused("per_minute", f"Say how many uses a minute are let through: 1 to {MOST_PER_MINUTE:,}.")
    if action != CapAction.THROTTLE and per_minute is not None:
        raise CapRefused("per_minute", "Only a throttle lets so many uses through: leave it out.")


def _check_other(subscription: Subscription, feature: Feature | None, amount: Decimal, set_by: str) -> None:
    """Refuse a cap of the customer's own above the one that finance has set for the same."""
    other = SpendCap.objects.filter(subscription=subscription, feature=feature).exclude(set_by=set_by).first()
    if other is None:
        return
    if set_by == CapSetter.CUSTOMER and amount > other.amount:
        raise CapRefused("amount", f"Finance allows {other.amount.normalize():f} at most: choose no more than that.")
    if set_by == CapSetter.FINANCE and amount < other.amount:
        raise CapRefused(
            "amount", f"The customer's own cap is {other.amount.normalize():f}: choose no less, or remove that first."
        )
