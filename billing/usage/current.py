"""What a customer has used in the running periods, and what that costs so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing.store import statements
from billing.subscribing import extend_customers
from billing.subscribing.extending import AHEAD
from plans.pricing.exact import ZERO
from plans.pricing.money import round_to
from plans.pricing.rating import Rating, rate_usage
from plans.terms import FeatureTerms, Terms, terms_of

MICROSECOND = timedelta(microseconds=1)
MILLIONTH = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class FeatureUsage:
    """
    One feature in one period.

    used: the sum over its rates after the meter's rounding. remaining: included units not used yet.
    cost: what an invoice issued now would say, in the currency's minor unit. projected: the same for the whole
    period, if usage goes on as it has since the period began.
    """

    terms: FeatureTerms
    used: Decimal
    remaining: Decimal
    cost: Decimal
    projected: Decimal
    rating: Rating | None
    events: int


@dataclass(frozen=True, slots=True)
class PeriodUsage:
    """One running period of one subscription."""

    subscription: str
    period_id: int
    starts_at: datetime
    ends_at: datetime
    terms: Terms
    features: tuple[FeatureUsage, ...]

    @property
    def cost(self) -> Decimal:
        return sum((one.cost for one in self.features), ZERO)

    @property
    def projected(self) -> Decimal:
        return sum((one.projected for one in self.features), ZERO)


class UnknownCustomer(Exception):
    """There is no customer of this external id."""


_READ = """
SELECT cu.id, s.state = 'active' AND s.starts_at <= %(at)s, s.external_id, s.currency,
       p.id, p.starts_at, p.ends_at, p.version_id, c.plan_feature_id, c.rate_id, c.quantity, c.events
FROM customers_customer cu
LEFT JOIN billing_subscription s ON s.customer_id = cu.id
LEFT JOIN billing_period p
    ON p.subscription_id = s.id AND p.kind = 'regular' AND p.starts_at <= %(at)s AND p.ends_at > %(at)s
LEFT JOIN billing_counter c ON c.period_id = p.id
WHERE cu.sandbox = %(sandbox)s AND cu.external_id = %(customer)s
ORDER BY s.id, p.id
"""


def current_usage(*, customer: str, sandbox: bool, at: datetime) -> list[PeriodUsage]:
    """
    Return the periods of a customer that contain `at`, with every metered feature of their plans: in one query.

    :raises UnknownCustomer: if there is none.
    """
    rows = _find(customer=customer, sandbox=sandbox, at=at)
    if any(runs and period_id is None for _, runs, _, _, period_id, *_ in rows):
        # Periods are made ahead of time; where nobody has done so for hours, usage is shown all the same.
        extend_customers(customer_ids=[rows[0][0]], until=at + AHEAD)
        rows = _find(customer=customer, sandbox=sandbox, at=at)
    periods: dict[int, tuple[Any, ...]] = {}
    counted: dict[int, dict[int, dict[int, tuple[Decimal, int]]]] = {}
    for _, _, *facts, plan_feature_id, rate_id, quantity, events in rows:
        period_id = facts[2]
        if period_id is None:
            continue
        periods[period_id] = tuple(facts)
        if plan_feature_id is not None:
            counted.setdefault(period_id, {}).setdefault(plan_feature_id, {})[rate_id] = (quantity, events)
    return [_period_usage(facts, counted.get(period_id, {}), at) for period_id, facts in periods.items()]


def _find(*, customer: str, sandbox: bool, at: datetime) -> list[tuple[Any, ...]]:
    with statements.cursor() as cursor:
        cursor.execute(_READ, {"customer": customer, "sandbox": sandbox, "at": at}, binary=True)
        rows = cursor.fetchall()
    if not rows:
        raise UnknownCustomer(customer)
    return rows


def _period_usage(
    facts: tuple[Any, ...], counted: Mapping[int, Mapping[int, tuple[Decimal, int]]], at: datetime
) -> PeriodUsage:
    subscription, currency, period_id, starts_at, ends_at, version_id = facts
    terms = terms_of(version_id, currency)
    passed = Fraction((at - starts_at) // MICROSECOND, (ends_at - starts_at) // MICROSECOND)
    return PeriodUsage(
        subscription=subscription,
        period_id=period_id,
        starts_at=starts_at,
        ends_at=ends_at,
        terms=terms,
        features=tuple(
            _feature_usage(feature, counted.get(feature.plan_feature_id, {}), passed) for feature in terms.features
        ),
    )


def _feature_usage(
    feature: FeatureTerms, counted: Mapping[int, tuple[Decimal, int]], passed: Fraction
) -> FeatureUsage:
    quantities = {rate_id: quantity for rate_id, (quantity, _) in counted.items()}
    rating = projection = None
    if feature.price is not None:
        rating = rate_usage(feature.price, quantities)
        projection = rate_usage(feature.price, {key: _scaled(one, passed) for key, one in quantities.items()})
    used = rating.quantity if rating else ZERO
    return FeatureUsage(
        terms=feature,
        used=used,
        remaining=max(feature.included - used, ZERO),
        cost=rating.invoiced if rating else ZERO,
        projected=projection.invoiced if projection else ZERO,
        rating=rating,
        events=sum(events for _, events in counted.values()),
    )


def _scaled(quantity: Decimal, passed: Fraction) -> Decimal:
    """Return quantity ÷ passed to a millionth, or quantity where nothing has passed: a forecast, not a bill."""
    return round_to(Fraction(quantity) / passed, MILLIONTH) if passed else quantity
