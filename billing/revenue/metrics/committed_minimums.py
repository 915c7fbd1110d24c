"""What commitments guarantee by the month, of versions and of single subscriptions."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from billing.models import SubscriptionCommitment
from customers.models import Seller
from lib import sql
from lib.decimals import HALF_UP
from plans.catalog.stored_terms import commitment_with_worth, load_terms
from plans.metrics.monthly_amounts import interval_months
from plans.models import Commitment
from plans.models.versions import VersionState
from plans.pricing.commitments import SpendCommitment

PLACES = 30
"""Decimal places of a monthly amount before it is summed: ten more than a stored row has."""

# The versions that a subscription was on while its own commitment applied: the period's start decides.
_OWN_VERSIONS = """
SELECT DISTINCT own.id, p.version_id FROM billing_subscriptioncommitment own
JOIN billing_subscription s ON s.id = own.subscription_id
JOIN customers_customer c ON c.id = s.customer_id AND s.seller_id = %s AND NOT c.sandbox
JOIN billing_period p ON p.subscription_id = s.id AND p.kind = 'regular' AND p.starts_at >= own.starts_at
    AND (own.ends_at IS NULL OR p.starts_at < own.ends_at)
"""


class MonthlyMinimum(NamedTuple):
    """
    The guaranteed spend of a commitment by the month.

    own_id: the subscription's own commitment; 0 for the version's. amount: rounded to 30 decimal places.
    """

    version_id: int
    own_id: int
    currency: str
    amount: Decimal


def read_monthly_minimums(seller: Seller) -> list[MonthlyMinimum]:
    """
    Return the monthly minimums that subscriptions of a seller can have.

    A commitment in units counts with their worth at the version's price. One that bills no true-up guarantees
    nothing, nor does one that the version's features can't settle.

    Source: docs/metrics.md#committed-mrr.
    """
    return [minimum for minimum in (*_of_versions(), *_of_subscriptions(seller)) if minimum.amount]


def _of_versions() -> Iterator[MonthlyMinimum]:
    published = Commitment.objects.exclude(version__state__in=[VersionState.DRAFT, VersionState.REVIEW])
    for version_id, currency in published.values_list("version_id", "currency"):
        yield _minimum(version_id, 0, currency, load_terms(version_id, currency).commitment)


def _of_subscriptions(seller: Seller) -> Iterator[MonthlyMinimum]:
    versions = sql.fetch_rows(_OWN_VERSIONS, [seller.pk])
    stored = SubscriptionCommitment.objects.in_bulk({own_id for own_id, _ in versions})
    for own_id, version_id in versions:
        own = stored[own_id]
        features = load_terms(version_id, own.currency).features
        yield _minimum(version_id, own_id, own.currency, commitment_with_worth(own.terms, features))


def _minimum(version_id: int, own_id: int, currency: str, commitment: SpendCommitment | None) -> MonthlyMinimum:
    amount = monthly_minimum(commitment, version_id, currency) if commitment else Fraction(0)
    places = Decimal(1).scaleb(-PLACES)
    exact = HALF_UP.divide(Decimal(amount.numerator), Decimal(amount.denominator))
    return MonthlyMinimum(version_id, own_id, currency, exact.quantize(places, context=HALF_UP))


def monthly_minimum(commitment: SpendCommitment, version_id: int, currency: str) -> Fraction:
    """Return what a commitment of a version guarantees by the month, exactly; 0 if it bills no true-up."""
    if not commitment.trues_up:
        return Fraction(0)
    terms = load_terms(version_id, currency)
    interval, periods = terms.interval, commitment.periods
    if commitment.per_window:
        feature = next(feature for feature in terms.features if feature.code == commitment.feature)
        interval = feature.resets or terms.interval
    return Fraction(commitment.minimum) / (interval_months(interval.unit, interval.count) * periods)
