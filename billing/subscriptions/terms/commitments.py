"""Give a subscription a minimum commitment of its own, in place of its version's: docs/closing.md#commitments."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser
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
    by: AbstractBaseUser | None = None,
) -> SubscriptionCommitment:
    """
    Let a subscription promise to spend a minimum on usage, for the periods that begin from `starts_at` on.

    minimum: in the subscription's currency. The other figures: see `plans.pricing.commitments.Commitment`.
    starts_at: the next period when absent; a commitment that holds then ends there. ends_at: it holds on when absent.

    :raises OverrideRefused: if a figure is out of bounds, or a period that it is for is billed already.
    """
    with audited_transaction("promise", by=by, at=at):
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        lock_open_periods(subscription)
        starts_at = starts_at or next_period_start(subscription, at=at)
        made = SubscriptionCommitment(
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
        _check_figures(made)
        replace_agreement(made, _beside(made), conflict="Another commitment holds from {since} on")
        _tell(made, "agreed", at=at)
        return made


def end_commitment(
    *,
    commitment: SubscriptionCommitment,
    at: datetime,
    ends_at: datetime | None = None,
    by: AbstractBaseUser | None = None,
) -> SubscriptionCommitment:
    """
    Let the version's commitment, if it has one, hold again for the periods that begin from `ends_at` on.

    ends_at: the next period when absent. A contract that it cuts short asks for its part of the minimum.

    :raises OverrideRefused: if it has ended, or a period that it was for is billed already.
    """
    with audited_transaction("end promise", by=by, at=at):
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=commitment.subscription_id)
        lock_open_periods(subscription)
        found = SubscriptionCommitment.objects.get(pk=commitment.pk)
        ends_at = max(ends_at or next_period_start(subscription, at=at), found.starts_at)
        if found.ends_at is not None and found.ends_at <= ends_at:
            raise OverrideRefused("ends_at", f"It ends at {found.ends_at} already: choose an earlier moment.")
        check_not_billed(subscription, ends_at)
        found.ends_at = ends_at
        found.save(update_fields=["ends_at"])
        _tell(found, "ended", at=at)
        return found


def _tell(one: SubscriptionCommitment, what: str, *, at: datetime) -> None:
    told = {"commitment": one.pk, "minimum": to_plain_string(one.minimum), "currency": str(one.currency)}
    since = {"starts_at": one.starts_at.isoformat(), "ends_at": one.ends_at.isoformat() if one.ends_at else None}
    announce_update(one.subscription, "commitment", at=at, discriminator=f"{one.pk}:{what}", **told, **since)


def _check_figures(made: SubscriptionCommitment) -> None:
    """Refuse figures that cannot be settled by, each by its name."""
    currency = str(made.currency)
    if made.minimum.is_finite() and (rounded := round_money(made.minimum, currency)) != made.minimum:
        raise OverrideRefused("minimum", f"{currency} has fewer decimal places: enter {rounded}, or another amount.")
    try:
        _ = made.terms
    except InvalidCharge as error:
        words = {"overage_factor": "times its price", "discount": "discount", "periods": "invoice periods"}
        field = next((name for name, word in words.items() if word in str(error)), "minimum")
        raise OverrideRefused(field, str(error)) from error


def _beside(made: SubscriptionCommitment) -> QuerySet[SubscriptionCommitment]:
    """Return the subscription's commitments that hold at some time after this one begins."""
    found = SubscriptionCommitment.objects.filter(subscription=made.subscription)
    return found.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=made.starts_at)).exclude(ends_at=F("starts_at"))
