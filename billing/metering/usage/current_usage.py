"""Usage of a customer in the running periods, and its cost so far."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from billing.metering.rating_inputs.aggregate_quantities import (
    NO_STATES,
    PeriodStates,
    StateQuery,
    build_query,
    read_states,
    send_query,
)
from billing.metering.rating_inputs.cap_usage import CAPS, CapUsage, read_cap_usage
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.period_counters import with_aggregates
from billing.metering.rating_inputs.period_loader import (
    COUNTERS,
    RATING_COLUMNS,
    group_counters,
    read_rating_inputs,
)
from billing.metering.rating_inputs.rating_period import (
    EMPTY_COUNTER,
    BillablePeriod,
    Counters,
    CounterState,
    CounterWindow,
    RatingPeriod,
)
from billing.metering.rating_inputs.window_amounts import rate_window
from billing.subscriptions import generate_customer_periods
from billing.subscriptions.periods.boundaries import usage_window
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME
from billing.subscriptions.terms import quantities as quantity_rows
from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from plans.catalog.stored_terms import FeatureTerms, VersionTerms, load_terms
from plans.pricing.rating import FULL_PERIOD, UNCOVERED, Rating

MICROSECOND = timedelta(microseconds=1)
MILLIONTH = Decimal("0.000001")
FORECAST = Context(prec=80, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class FeatureUsage:
    """
    Usage of one feature in one period.

    used: the sum over its rates, after the meter's rounding, since its usage window started.
    remaining: included units not used yet; None where each value of a split price has its own.
    cost: the amount that an invoice issued now would bill, in the currency's minor unit.
    projected: the cost of the whole period if usage continues at its present pace and levels stay the same.
    window_start, window_end: bounds of its usage window.
    drawn: the amount asked of a wallet, where one pays.
    """

    terms: FeatureTerms
    used: Decimal
    remaining: Decimal | None
    cost: Decimal
    projected: Decimal
    rating: Rating | None
    events: int
    window_start: datetime
    window_end: datetime
    drawn: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PeriodUsage:
    """One running period of one subscription. quantities: the seats and add-ons that it holds."""

    subscription_id: int
    subscription: str
    period_id: int
    starts_at: datetime
    ends_at: datetime
    terms: VersionTerms
    features: tuple[FeatureUsage, ...]
    quantities: tuple[quantity_rows.FeeQuantity, ...] = ()
    caps: tuple[CapUsage, ...] = ()

    @property
    def cost(self) -> Decimal:
        return sum((feature.cost for feature in self.features), ZERO)

    @property
    def projected(self) -> Decimal:
        return sum((feature.projected for feature in self.features), ZERO)


Pace = tuple[int, int]
"""A period and a meter."""

UNCHANGED_PACE: Mapping[Pace, Fraction] = MappingProxyType({})
"""All forecasts continue at the pace of the period so far."""


class UnknownCustomer(Exception):
    """There is no customer with this external id."""

    def __init__(self, external_id: str) -> None:
        super().__init__(f"There is no customer “{external_id}”.")


# One round trip: each counter's row repeats the columns of its period, and MATERIALIZED computes these once.
_RUNNING = f"""
WITH running AS MATERIALIZED (
    SELECT s.id AS subscription_id, cu.id AS customer_id, s.state IN ('trialing', 'active') AND s.starts_at <= %(at)s
           AS is_active, s.external_id AS subscription, {RATING_COLUMNS}, {CAPS} AS caps
    FROM customers_customer cu
    LEFT JOIN billing_subscription s ON s.customer_id = cu.id
    LEFT JOIN billing_period p
        ON p.subscription_id = s.id AND p.kind = 'regular' AND p.starts_at <= %(at)s AND p.ends_at > %(at)s
    WHERE %(which)s
)
SELECT r.*, c.plan_feature_id, c.window_start, c.rate_id, c.events, c.quantity, c.fingerprint, c.carried
FROM running r LEFT JOIN LATERAL ({COUNTERS.format(periods="r.period_id")}) c ON true
ORDER BY r.subscription_id, r.period_id
"""  # noqa: S608
_READ = _RUNNING.replace("%(which)s", "cu.sandbox = %(sandbox)s AND cu.external_id = %(customer)s")
_READ_MANY = _RUNNING.replace("%(which)s", "cu.id = ANY(%(customers)s::bigint[])")


def current_usage(
    *, customer: str, sandbox: bool, at: datetime, paces: Mapping[Pace, Fraction] = UNCHANGED_PACE
) -> list[PeriodUsage]:
    """
    Return the periods of a customer that contain `at`, with every metered feature of their plans. One round trip, and
    one more where a plan charges for seats or add-ons.

    paces: paces of forecasts; default: that of the period so far.

    :raises UnknownCustomer: if there is no such customer.
    """
    rows, cached_states = _read_rows(customer=customer, sandbox=sandbox, at=at)
    if any(row.is_active and row.period_id is None for row in rows):
        # Periods are generated ahead of time. If the job hasn't run for hours, usage is reported all the same.
        generate_customer_periods(customer_ids=[rows[0].customer_id], until=at + PERIOD_LEAD_TIME)
        rows, cached_states = _read_rows(customer=customer, sandbox=sandbox, at=at)
    periods, counters = _group_rows(rows)
    rating_periods = [running.span for running in periods]
    states = _read_states(rating_periods, cached_states, (sandbox, customer))
    quantities = quantity_rows.read_fee_quantities(rating_periods, at=at)
    usages = _rate_periods(periods, counters, states, at, paces=paces)
    usages_with_fees = [replace(usage, quantities=quantities.get(usage.period_id, ())) for usage in usages]
    return _with_caps(periods, usages_with_fees)


def read_usage_of_customers(
    *, customer_ids: Collection[int], at: datetime, projects: bool = True
) -> dict[int, list[PeriodUsage]]:
    """
    Return the usage of many customers in one query, without seats and add-ons; customers without a running period are
    left out.

    projects: whether to compute forecasts, which double the work; else `projected` is the cost so far.
    """
    with prepared_statements.named_cursor() as cursor:
        cursor.execute(_READ_MANY, {"customers": list(customer_ids), "at": at}, binary=True)
        rows = cursor.fetchall()
    periods, counters = _group_rows(rows)
    usages = _rate_periods(periods, counters, None, at, projects=projects)
    usages_by_customer: dict[int, list[PeriodUsage]] = {}
    for running, usage in zip(periods, _with_caps(periods, usages), strict=True):
        usages_by_customer.setdefault(running.customer_id, []).append(usage)
    return usages_by_customer


class _Running(NamedTuple):
    """A running period as it is read. caps: its spend caps, as text."""

    customer_id: int
    subscription_id: int
    subscription: str
    caps: str
    span: RatingPeriod


def _group_rows(rows: Iterable[Any]) -> tuple[list[_Running], Mapping[int, Counters]]:
    """Return the periods that were read, and period → its counters."""
    periods: dict[int, _Running] = {}
    for row in rows:
        if row.period_id is not None and row.period_id not in periods:
            span = RatingPeriod.from_row(row)
            periods[row.period_id] = _Running(row.customer_id, row.subscription_id, row.subscription, row.caps, span)
    return list(periods.values()), group_counters(row for row in rows if row.plan_feature_id is not None)


def _rate_periods(
    periods: Sequence[_Running],
    counters: Mapping[int, Counters],
    states: PeriodStates | None,
    at: datetime,
    *,
    projects: bool = True,
    paces: Mapping[Pace, Fraction] = UNCHANGED_PACE,
) -> list[PeriodUsage]:
    """Rate the counters of each period. states: None if they are not read yet."""
    inputs = read_rating_inputs([running.span for running in periods], states=states)
    usages = []
    for running in periods:
        counted = counters.get(running.span.period_id, {})
        levels = _project_levels(counted, running.span, inputs.states) if projects else {}
        billable = inputs.complete(running.span, counted, at=at)
        usages.append(_period_usage(running, billable, levels, at, projects=projects, paces=paces))
    return usages


def _project_levels(counters: Counters, period: RatingPeriod, states: PeriodStates) -> Counters:
    """
    Return counters with the levels' weighted sums for the whole period if each stays the same; empty if no level is
    priced.
    """
    features = load_terms(period.version_id, period.currency).stateful_features
    if not any(feature.metering.is_held_over_time for feature in features):
        return {}
    return with_aggregates(counters, period, states)


def _with_caps(periods: Sequence[_Running], usages: list[PeriodUsage]) -> list[PeriodUsage]:
    caps = read_cap_usage({running.span.period_id: running.caps for running in periods}, usages)
    return [replace(usage, caps=caps.get(usage.period_id, ())) for usage in usages] if caps else usages


MAX_CACHED_QUERIES = 100_000

_cached_queries: dict[tuple[bool, str], StateQuery] = {}
"""Customer → the state query of the last request, which is sent together with the next one's counters."""


def _read_rows(
    *, customer: str, sandbox: bool, at: datetime
) -> tuple[list[Any], tuple[StateQuery, PeriodStates] | None]:
    """Return the counters with their periods, and the aggregate states if the cached query is still the right one."""
    query = _cached_queries.get((sandbox, customer))
    counters = prepared_statements.named_cursor()
    with prepared_statements.pipeline():
        counters.execute(_READ, {"customer": customer, "sandbox": sandbox, "at": at}, binary=True)
        read_answer = send_query(query) if query else None
    rows = counters.fetchall()
    if not rows:
        raise UnknownCustomer(customer)
    return rows, (query, read_answer()) if query and read_answer else None


def _read_states(
    periods: list[RatingPeriod], cached_states: tuple[StateQuery, PeriodStates] | None, customer_key: tuple[bool, str]
) -> PeriodStates:
    """Return the states, reading them unless the cached query was the right one."""
    query = build_query(periods)
    if query is None:
        _cached_queries.pop(customer_key, None)
        return NO_STATES
    if cached_states is not None and cached_states[0] == query:
        return cached_states[1]
    # A bound on memory; losing the cache costs one round trip per customer.
    if len(_cached_queries) >= MAX_CACHED_QUERIES:
        _cached_queries.clear()
    _cached_queries[customer_key] = query
    return read_states(periods)


def _period_usage(
    running: _Running,
    billable: BillablePeriod,
    levels: Counters,
    at: datetime,
    *,
    projects: bool,
    paces: Mapping[Pace, Fraction],
) -> PeriodUsage:
    period = billable.span
    terms = terms_for(period)
    features = []
    for feature in terms.features:
        window = _running_window(terms, feature, period, at)
        key = CounterWindow(feature.plan_feature_id, window[0])
        counted = billable.counters.get(key, {})
        projected_counters = None
        if projects and feature.metering.is_held_over_time:
            # Levels are projected by staying the same, not by pace.
            projected_counters = levels.get(key, {})
        elif projects:
            pace = paces.get((period.period_id, feature.meter_id), FULL_PERIOD)
            elapsed = _adjust_to_pace(_elapsed_share(period, feature, window, at), pace)
            projected_counters = {
                rate_id: _project(feature, counter, elapsed) for rate_id, counter in counted.items()
            }
        features.append(_feature_usage(period, feature, counted, window, projected_counters))
    return PeriodUsage(
        subscription_id=running.subscription_id,
        subscription=running.subscription,
        period_id=period.period_id,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        terms=terms,
        features=tuple(features),
    )


def _running_window(
    terms: VersionTerms, feature: FeatureTerms, period: RatingPeriod, at: datetime
) -> tuple[datetime, datetime]:
    """Return a feature's running usage window."""
    if feature.resets is None:
        return period.starts_at, period.ends_at
    return usage_window(terms, feature.resets, anchor_at=period.anchor_at, zone=ZoneInfo(period.time_zone), at=at)


def _elapsed_share(
    period: RatingPeriod, feature: FeatureTerms, window: tuple[datetime, datetime], at: datetime
) -> Fraction:
    """Return the elapsed share of a window, or of the period."""
    # Earlier usage in a window that spans several periods is known; only this period's usage is projected.
    since, until = (period.starts_at, period.ends_at) if feature.spans_periods else window
    return Fraction((at - since) // MICROSECOND, (until - since) // MICROSECOND)


def _adjust_to_pace(elapsed: Fraction, pace: Fraction) -> Fraction:
    """Return the share of all usage that lies behind if it continues at `pace` times its rate so far."""
    return elapsed if pace == FULL_PERIOD or not elapsed else elapsed / (elapsed + pace * (1 - elapsed))


def _feature_usage(
    period: RatingPeriod,
    feature: FeatureTerms,
    counted: Mapping[int, CounterState],
    window: tuple[datetime, datetime],
    projected_counters: Mapping[int, CounterState] | None,
) -> FeatureUsage:
    """Rate a feature's counters. projected_counters: their expected state at the end; None without a forecast."""
    rating = projection = None
    if feature.price is not None:
        rating = projection = rate_window(period, feature, counted, is_final=False)
        if projected_counters is not None:
            projection = rate_window(period, feature, projected_counters)
    used = rating.now.quantity if rating else ZERO
    return FeatureUsage(
        terms=feature,
        used=used,
        remaining=None if feature.included_per else max(feature.included - used, ZERO),
        cost=rating.invoiced if rating else ZERO,
        projected=projection.invoiced if projection else ZERO,
        rating=rating.now if rating else None,
        events=sum(counter.events for counter in counted.values()),
        window_start=window[0],
        window_end=window[1],
        drawn=counted.get(UNCOVERED, EMPTY_COUNTER).carried if feature.wallet else None,
    )


GROWING = ("count", "sum")
"""Aggregations that grow with time if usage continues; a level or an extreme stays the same."""


def _project(feature: FeatureTerms, counted: CounterState, elapsed: Fraction) -> CounterState:
    if feature.metering.aggregation not in GROWING or (
        feature.metering.recurring and feature.metering.aggregation == "sum"
    ):
        return counted
    return counted._replace(
        events=int(_scale(Decimal(counted.events), elapsed)),
        quantity=_scale(counted.quantity, elapsed),
        carried=_scale(counted.carried, elapsed),
        metered=None if counted.metered is None else _scale(counted.metered, elapsed),
    )


def _scale(quantity: Decimal, elapsed: Fraction) -> Decimal:
    """
    Return quantity ÷ elapsed share to a millionth, or the quantity if no time has passed: a forecast, not a bill.
    """
    if not quantity or not elapsed:
        return quantity
    whole = EXACT.multiply(quantity, Decimal(elapsed.denominator))
    return FORECAST.divide(whole, Decimal(elapsed.numerator)).quantize(MILLIONTH, context=FORECAST)
