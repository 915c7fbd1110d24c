"""A subscription's own minimum commitment, instead of its version's: docs/closing.md#commitments."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db.models import F, Q, QuerySet

from billing.models import Subscription, SubscriptionCommitment
from billing.subscriptions.notifications import announce_update
from billing.subscriptions.terms.price_overrides import (
    OverrideRefused,
    check_not_billed,
    lock_open_periods,
    next_period_start,
    replace_agreement,
)
from lib.audit_log import audited_transaction
from lib.decimals import to_plain_string
from lib.money import round_money
from plans.pricing.charge_models import InvalidCharge


def set_commitment(
    *,
    subscription: Subscription,
    minimum: Decimal,
    at: datetime,
    reason: str,
    periods: int = 1,
    overage_factor: Decimal = Decimal(1),
    discount: Decimal = Decimal(0),
    trues_up: bool = True,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    by: User | None = None,
) -> SubscriptionCommitment:
    """
    Commit a subscription to a minimum spend on usage, for the periods that start at `starts_at` or later.

    minimum: in the subscription's currency. For the other figures see `plans.pricing.commitments.Commitment`.
    starts_at: default: the next period; a commitment in force then ends there.
    ends_at: None if it is open-ended.

    :raises OverrideRefused: if a figure is out of bounds, or one of its periods is billed already.
    """
    with audited_transaction("promise", by=by, at=at):
        # Subscription first, then its periods: the lock order of every change of a subscription.
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        lock_open_periods(subscription)
        starts_at = starts_at or next_period_start(subscription, at=at)
        commitment = SubscriptionCommitment(
            subscription=subscription,
            currency=subscription.currency,
            minimum=minimum,
            periods=periods,
            overage_factor=overage_factor,
            discount=discount,
            trues_up=trues_up,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=reason,
            created_by=by if by is not None and by.pk else None,
        )
        check_not_billed(subscription, starts_at)
        if ends_at is not None and ends_at <= starts_at:
            raise OverrideRefused("ends_at", f"It would end ({ends_at}) before it starts ({starts_at}).")
        _check_figures(commitment)
        replace_agreement(commitment, _overlapping(commitment), conflict="Another commitment holds from {since} on")
        _announce(commitment, "agreed", at=at)
        return commitment


def end_commitment(
    *,
    commitment: SubscriptionCommitment,
    at: datetime,
    ends_at: datetime | None = None,
    by: User | None = None,
) -> SubscriptionCommitment:
    """
    End a subscription's own commitment: the version's, if there is one, applies to periods that start at `ends_at` or
    later.

    ends_at: default: the next period. A contract that this shortens bills its share of the minimum.

    :raises OverrideRefused: if it has ended, or one of its periods is billed already.
    """
    with audited_transaction("end promise", by=by, at=at):
        # Subscription, then periods: the lock order of every change of terms, so a close can't bill in between.
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=commitment.subscription_id)
        lock_open_periods(subscription)
        locked = SubscriptionCommitment.objects.get(pk=commitment.pk)
        ends_at = max(ends_at or next_period_start(subscription, at=at), locked.starts_at)
        if locked.ends_at is not None and locked.ends_at <= ends_at:
            raise OverrideRefused("ends_at", f"It ends at {locked.ends_at} already: choose an earlier moment.")
        check_not_billed(subscription, ends_at)
        locked.ends_at = ends_at
        locked.save(update_fields=["ends_at"])
        _announce(locked, "ended", at=at)
        return locked


def _announce(commitment: SubscriptionCommitment, event: str, *, at: datetime) -> None:
    announce_update(
        commitment.subscription,
        "commitment",
        at=at,
        discriminator=f"{commitment.pk}:{event}",
        commitment=commitment.pk,
        minimum=to_plain_string(commitment.minimum),
        currency=str(commitment.currency),
        starts_at=commitment.starts_at.isoformat(),
        ends_at=commitment.ends_at.isoformat() if commitment.ends_at else None,
    )


def _check_figures(commitment: SubscriptionCommitment) -> None:
    """Refuse figures that can't be settled, each by its name."""
    currency = str(commitment.currency)
    if (
        commitment.minimum.is_finite()
        and (rounded := round_money(commitment.minimum, currency)) != commitment.minimum
    ):
        raise OverrideRefused("minimum", f"{currency} has fewer decimal places: enter {rounded}, or another amount.")
    try:
        # Building the terms validates them.
        _ = commitment.terms
    except InvalidCharge as error:
        error_words = {"overage_factor": "times its price", "discount": "discount", "periods": "invoice periods"}
        field = next((name for name, word in error_words.items() if word in str(error)), "minimum")
        raise OverrideRefused(field, str(error)) from error


def _overlapping(commitment: SubscriptionCommitment) -> QuerySet[SubscriptionCommitment]:
    """Return the subscription's commitments that are in force at any time after this one starts."""
    commitments = SubscriptionCommitment.objects.filter(subscription=commitment.subscription)
    return commitments.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=commitment.starts_at)).exclude(
        ends_at=F("starts_at")
    )
