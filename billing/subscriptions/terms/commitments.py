"""A subscription's own minimum commitment, instead of its version's: docs/closing.md#commitments."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from billing.models import Subscription, SubscriptionCommitment
from billing.subscriptions.terms.price_overrides import (
    OverrideRefused,
    announce_agreement,
    check_not_billed,
    end_agreement,
    in_force_after,
    lock_terms,
    next_period_start,
    replace_agreement,
)
from lib.audit_log import audited_transaction
from lib.decimals import to_plain_string
from lib.money import round_money
from plans.catalog.stored_terms import load_terms, resolve_commitment
from plans.pricing.charge_models import InvalidCharge


def set_commitment(
    *,
    subscription: Subscription,
    at: datetime,
    reason: str,
    minimum: Decimal | None = None,
    feature: str = "",
    units: Decimal | None = None,
    per_window: bool = False,
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

    minimum: in the subscription's currency; or units: of the feature with the code `feature`. For the other figures
        see `plans.pricing.commitments.SpendCommitment`.
    starts_at: default: the next period; a commitment in force then ends there.
    ends_at: None if it is open-ended.

    :raises OverrideRefused: if a figure is out of bounds, the subscription's version can't settle it, or one of its
    periods is billed already.
    """
    with audited_transaction("promise", by=by, at=at):
        subscription = lock_terms(subscription.pk)
        starts_at = starts_at or next_period_start(subscription, at=at)
        commitment = SubscriptionCommitment(
            subscription=subscription,
            currency=subscription.currency,
            minimum=minimum,
            feature=feature,
            units=units,
            per_window=per_window,
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
            raise OverrideRefused(
                "ends_at",
                _("The end (%(end)s) must be after the start (%(start)s).")
                % {"end": f"{ends_at:%Y-%m-%d %H:%M %Z}", "start": f"{starts_at:%Y-%m-%d %H:%M %Z}"},
            )
        _check_figures(commitment)
        overlapping = in_force_after(starts_at, SubscriptionCommitment.objects.filter(subscription=subscription))
        replace_agreement(commitment, overlapping, conflict="Another commitment applies from {since}")
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
        ended = end_agreement(commitment, at=at, ends_at=ends_at)
        _announce(ended, "ended", at=at)
        return ended


def _announce(commitment: SubscriptionCommitment, event: str, *, at: datetime) -> None:
    figures = {
        name: to_plain_string(figure)
        for name, figure in (("minimum", commitment.minimum), ("units", commitment.units))
        if figure is not None
    } | {"currency": str(commitment.currency)}
    if commitment.feature:
        figures["feature"] = commitment.feature
    announce_agreement(commitment, "commitment", event, at=at, **figures)


def _check_figures(commitment: SubscriptionCommitment) -> None:
    """Refuse figures that can't be settled, each by its name."""
    currency = str(commitment.currency)
    if (commitment.minimum is None) == (commitment.units is None):
        raise OverrideRefused("minimum", _("Enter either an amount of money or a number of units."))
    if (
        commitment.minimum is not None
        and commitment.minimum.is_finite()
        and (rounded := round_money(commitment.minimum, currency)) != commitment.minimum
    ):
        raise OverrideRefused(
            "minimum",
            _("%(currency)s has fewer decimal places. Enter %(rounded)s or another amount.")
            % {"currency": currency, "rounded": rounded},
        )
    try:
        resolve_commitment(commitment.terms, load_terms(commitment.subscription.version_id, currency).features)
    except InvalidCharge as error:
        error_words = {
            "overage_factor": "times its price",
            "discount": "discount",
            "periods": "invoice periods",
            "feature": "code of the feature",
            "units": "units",
            "per_window": "per billing period",
        }
        field = next((name for name, word in error_words.items() if word in str(error)), "minimum")
        raise OverrideRefused(field, str(error)) from error
