"""
An independent reckoner of committed MRR: one customer and one instant at a time, from the rows of its subscriptions.

It shares no code with the product's statement but the pure arithmetic, which has tests of its own.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from django.db.models import F, Q

from billing.models import (
    Pause,
    Period,
    Redemption,
    Subscription,
    SubscriptionCommitment,
    SubscriptionQuantity,
)
from customers.models import Customer
from invoices.models import Invoice
from invoices.models.dunning import DunningAct
from plans.metrics.monthly_amounts import (
    PermanentDiscount,
    RecurringFee,
    gross_fees,
    interval_months,
    net_fees,
    round_row,
)
from plans.models import Commitment, Fee

TICK = timedelta(microseconds=1)


class Reckoned(NamedTuple):
    """A customer's recurring revenue in a currency, rounded as rows are."""

    net: Decimal
    gross: Decimal
    commitment: Decimal


def reckon(customer: Customer, currency: str, ends_at: datetime) -> Reckoned:
    """Return a customer's recurring revenue just before a month end."""
    at = ends_at - TICK
    fees: list[RecurringFee] = []
    minimum = Fraction(0)
    plans: dict[int, str] = {}
    months: dict[int, Fraction] = {}
    for subscription in Subscription.objects.filter(customer=customer, currency=currency):
        period = running_period(subscription, at)
        if period is None or is_uncollectible(subscription, at):
            continue
        version = period.version
        plans[subscription.pk] = version.plan.code
        length = months[subscription.pk] = interval_months(version.interval_unit, version.interval_count)
        for fee in Fee.objects.filter(version=version, currency=currency, kind="base"):
            amount = fee.amount.amount * units_of(subscription, fee, at)
            fees.append(RecurringFee(amount, length * fee.every, fee.code, subscription.pk))
        minimum += minimum_of(subscription, period, length)
    discounts = [
        discount
        for redemption in redemptions_of(customer, at)
        for discount in discounts_of(redemption, currency, plans, months)
    ]
    net, gross = net_fees(fees, discounts), gross_fees(fees)
    return Reckoned(round_row(net + minimum), round_row(gross + minimum), round_row(minimum))


def running_period(subscription: Subscription, at: datetime) -> Period | None:
    periods = Period.objects.filter(subscription=subscription, kind="regular", is_trial=False)
    paused = Pause.objects.exclude(state="revoked").filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=at), subscription=subscription, starts_at__lte=at
    )
    return None if paused.exists() else periods.filter(starts_at__lte=at, ends_at__gt=at).first()


def is_uncollectible(subscription: Subscription, at: datetime) -> bool:
    invoices = Invoice.objects.filter(periods__subscription=subscription, issued_at__lte=at).order_by("-issued_at")
    acts = DunningAct.objects.filter(action="write_off", at__lte=at)
    last = invoices.first()
    return last is not None and last.state == "uncollectible" and acts.filter(invoice=last).exists()


def units_of(subscription: Subscription, fee: Fee, at: datetime) -> int:
    if fee.basis == "fixed":
        return 1
    changes = SubscriptionQuantity.objects.filter(subscription=subscription, fee_code=fee.code, since__lte=at)
    last = changes.order_by("since", "pk").last()
    return max((last.quantity if last else fee.least) - fee.included, 0)


def minimum_of(subscription: Subscription, period: Period, length: Fraction) -> Fraction:
    """Return the monthly minimum; of commitments in money without usage windows, which is all that is reckoned."""
    own = SubscriptionCommitment.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=period.starts_at),
        subscription=subscription,
        starts_at__lte=period.starts_at,
    ).first()
    agreed = own or Commitment.objects.filter(version=period.version, currency=subscription.currency).first()
    if agreed is None or not agreed.trues_up:
        return Fraction(0)
    assert agreed.minimum is not None
    return Fraction(agreed.minimum) / length / agreed.periods


def redemptions_of(customer: Customer, at: datetime) -> list[Redemption]:
    held = Redemption.objects.filter(Q(customer=customer) | Q(subscription__customer=customer)).filter(
        Q(ended_at__isnull=True) | Q(ended_at__gt=at, ended_at__gte=F("since")),
        coupon__duration="forever",
        since__lte=at,
    )
    return list(held.select_related("coupon").order_by("position", "pk"))


def discounts_of(
    redemption: Redemption, currency: str, plans: dict[int, str], months: dict[int, Fraction]
) -> list[PermanentDiscount]:
    """Return a coupon as one discount; one for each subscription if it names plans, or is a subscription's own."""
    coupon = redemption.coupon
    if coupon.currency not in ("", currency) or (coupon.features and not coupon.fees):
        return []
    facts = {
        "percent": coupon.percent,
        "amount": coupon.amount,
        "fees": frozenset(coupon.fees) if coupon.fees else None,
    }
    if redemption.subscription_id is not None:
        holder = redemption.subscription_id
        if holder not in plans or (coupon.plans and plans[holder] not in coupon.plans):
            return []
        return [PermanentDiscount(**facts, months=months[holder], subscription=holder)]
    if not coupon.plans:
        return [PermanentDiscount(**facts, months=Fraction(coupon.period_months))]
    assert coupon.amount is None, "an amount that plans share is not reckoned"
    return [PermanentDiscount(**facts, subscription=key) for key, plan in plans.items() if plan in coupon.plans]
