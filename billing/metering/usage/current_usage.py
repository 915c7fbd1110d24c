"""What a customer has used in the running periods, and what that costs so far."""

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
from billing.metering.rating_inputs.effective_terms import OVERRIDES, terms_for
from billing.metering.rating_inputs.multi_period_windows import read_window_runs
from billing.metering.rating_inputs.period_counters import (
    DRAWDOWN_COUNTERS,
    EMPTY_COUNTER,
    Counters,
    CounterState,
    RatingPeriod,
    UsageWindow,
    with_aggregates,
    with_metered,
    with_window_runs,
)
from billing.metering.rating_inputs.plan_change_carryover import CONTINUED
from billing.metering.rating_inputs.window_amounts import rate_window
from billing.subscriptions import generate_customer_periods
from billing.subscriptions.periods.boundaries import ANCHOR_AT, usage_window
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
    One feature in one period.

    used: the sum over its rates after the meter's rounding, since its window of use began. remaining: included units
    not used yet.
    cost: what an invoice issued now would say, in the currency's minor unit. projected: the same for the whole
    period, if usage goes on as it has since the period began, and levels stay what they are. window_start,
    window_end: of its window of use. drawn: what a wallet was asked for, where one pays.
    """

    terms: FeatureTerms
    used: Decimal
    remaining: Decimal
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
        return sum((one.cost for one in self.features), ZERO)

    @property
    def projected(self) -> Decimal:
        return sum((one.projected for one in self.features), ZERO)


Pace = tuple[int, int]
"""A period and a meter."""

AS_IT_HAS: Mapping[Pace, Fraction] = MappingProxyType({})
"""Every forecast goes on as use has since the period began."""


class UnknownCustomer(Exception):
    """There is no customer of this external id."""


# What is said of a period is told with each of its counters, and found out once.
_RUNNING = f"""
WITH running AS MATERIALIZED (
    SELECT s.id AS subscription_id, cu.id AS customer_id, s.state IN ('trialing', 'active') AND s.starts_at <= %(at)s,
           s.external_id, p.id AS period_id, p.version_id, s.currency, p.starts_at, p.ends_at, {ANCHOR_AT},
           cu.time_zone, {OVERRIDES}, {CONTINUED}, p.is_trial, {CAPS}
    FROM customers_customer cu
    LEFT JOIN billing_subscription s ON s.customer_id = cu.id
    LEFT JOIN billing_period p
        ON p.subscription_id = s.id AND p.kind = 'regular' AND p.starts_at <= %(at)s AND p.ends_at > %(at)s
    WHERE %(which)s
)
SELECT r.*, c.plan_feature_id, c.window_start, c.rate_id, c.events, c.quantity, c.fingerprint, c.carried
FROM running r LEFT JOIN LATERAL (
    SELECT period_id, plan_feature_id, window_start, rate_id, events, quantity, fingerprint, carried
    FROM billing_counter WHERE period_id = r.period_id
    UNION ALL {DRAWDOWN_COUNTERS} WHERE period_id = r.period_id
) c ON true
ORDER BY r.subscription_id, r.period_id
"""  # noqa: S608
_READ = _RUNNING.replace("%(which)s", "cu.sandbox = %(sandbox)s AND cu.external_id = %(customer)s")
_READ_MANY = _RUNNING.replace("%(which)s", "cu.id = ANY(%(customers)s::bigint[])")


def current_usage(
    *, customer: str, sandbox: bool, at: datetime, paces: Mapping[Pace, Fraction] = AS_IT_HAS
) -> list[PeriodUsage]:
    """
    Return the periods of a customer that contain `at`, with every metered feature of their plans: in one round trip,
    and one more where a plan charges for seats or add-ons.

    paces: by which forecasts go on; as use has since the period began where nothing else is said.

    :raises UnknownCustomer: if there is none.
    """
    rows, likely = _find(customer=customer, sandbox=sandbox, at=at)
    if any(runs and period_id is None for _, _, runs, _, period_id, *_ in rows):
        # Periods are made ahead of time; where nobody has done so for hours, usage is shown all the same.
        generate_customer_periods(customer_ids=[rows[0][1]], until=at + PERIOD_LEAD_TIME)
        rows, likely = _find(customer=customer, sandbox=sandbox, at=at)
    periods, counters = _gathered(rows)
    spans = [one.span for one in periods]
    held = _held(spans, likely, (sandbox, customer))
    quantities = quantity_rows.read_fee_quantities(spans, at=at)
    told = _told(periods, counters, held, at, paces=paces)
    found = [replace(one, quantities=quantities.get(one.period_id, ())) for one in told]
    return _with_caps(periods, found)


def usage_of_customers(
    *, customer_ids: Collection[int], at: datetime, projects: bool = True
) -> dict[int, list[PeriodUsage]]:
    """
    Return the same of many customers at one go, without seats and add-ons; one without a running period is left out.

    projects: whether forecasts are wanted, which are as much work as all else; they are what is used so far if not.
    """
    with prepared_statements.cursor() as cursor:
        cursor.execute(_READ_MANY, {"customers": list(customer_ids), "at": at}, binary=True)
        rows = cursor.fetchall()
    periods, counters = _gathered(rows)
    told = _told(periods, counters, read_states([one.span for one in periods]), at, projects=projects)
    found: dict[int, list[PeriodUsage]] = {}
    for one, usage in zip(periods, _with_caps(periods, told), strict=True):
        found.setdefault(one.customer_id, []).append(usage)
    return found


class _Running(NamedTuple):
    """A running period as it is read. caps: those on it, as text."""

    customer_id: int
    subscription_id: int
    subscription: str
    caps: str
    span: RatingPeriod


def _gathered(rows: Iterable[Sequence[Any]]) -> tuple[list[_Running], dict[int, Counters]]:
    """Return the periods that were read, and period → its counters."""
    periods: dict[int, _Running] = {}
    counters: dict[int, Counters] = {}
    for subscription_id, customer_id, _, subscription, *facts in rows:
        span, (caps, plan_feature_id, window_start, rate_id, *counted) = facts[:10], facts[10:]
        if span[0] is None:
            continue
        if span[0] not in periods:
            periods[span[0]] = _Running(customer_id, subscription_id, subscription, caps, RatingPeriod(*span))
        if plan_feature_id is not None:
            of_period = counters.setdefault(span[0], {})
            of_period.setdefault(UsageWindow(plan_feature_id, window_start), {})[rate_id] = CounterState(*counted)
    return list(periods.values()), counters


def _told(
    periods: Sequence[_Running],
    counters: Mapping[int, Counters],
    held: PeriodStates,
    at: datetime,
    *,
    projects: bool = True,
    paces: Mapping[Pace, Fraction] = AS_IT_HAS,
) -> list[PeriodUsage]:
    """Rate what was counted in each period."""
    runs = read_window_runs([one.span for one in periods])
    found = []
    for one in periods:
        counted = counters.get(one.span.period_id, {})
        used = with_metered(counted, one.span, held, at=at)
        levels = _levels_to_the_end(counted, one.span, held) if projects else {}
        running = one._replace(span=with_window_runs(one.span, runs))
        found.append(_period_usage(running, used, levels, at, projects=projects, paces=paces))
    return found


def _levels_to_the_end(counters: Counters, span: RatingPeriod, held: PeriodStates) -> Counters:
    """Return what levels come to over the whole period if each stays what it is; nothing where none is charged."""
    tallied = load_terms(span.version_id, span.currency).stateful_features
    if all(one.metering.aggregation != "weighted_sum" for one in tallied):
        return {}
    return with_aggregates(counters, span, held)


def _with_caps(periods: Sequence[_Running], found: list[PeriodUsage]) -> list[PeriodUsage]:
    caps = read_cap_usage({one.span.period_id: one.caps for one in periods}, found)
    return [replace(one, caps=caps.get(one.period_id, ())) for one in found] if caps else found


MOST_LIKELY = 100_000

_likely: dict[tuple[bool, str], StateQuery] = {}
"""Customer → what was to be read beside its counters last time, which is asked along with them the next time."""


def _find(
    *, customer: str, sandbox: bool, at: datetime
) -> tuple[list[tuple[Any, ...]], tuple[StateQuery, PeriodStates] | None]:
    """Return the counters with what they belong to, and what is held beside them if it is what it was last time."""
    asked = _likely.get((sandbox, customer))
    counters = prepared_statements.cursor()
    with prepared_statements.pipeline():
        counters.execute(_READ, {"customer": customer, "sandbox": sandbox, "at": at}, binary=True)
        answer = send_query(asked) if asked else None
    rows = counters.fetchall()
    if not rows:
        raise UnknownCustomer(customer)
    return rows, (asked, answer()) if asked and answer else None


def _held(
    spans: list[RatingPeriod], likely: tuple[StateQuery, PeriodStates] | None, of: tuple[bool, str]
) -> PeriodStates:
    """Return what is held beside the counters, reading it unless it was guessed right."""
    asked = build_query(spans)
    if asked is None:
        _likely.pop(of, None)
        return NO_STATES
    if likely is not None and likely[0] == asked:
        return likely[1]
    if len(_likely) >= MOST_LIKELY:
        _likely.clear()
    _likely[of] = asked
    return read_states(spans)


def _period_usage(
    one: _Running,
    counters: Counters,
    levels: Counters,
    at: datetime,
    *,
    projects: bool,
    paces: Mapping[Pace, Fraction],
) -> PeriodUsage:
    span = one.span
    terms = terms_for(span)
    features = []
    for feature in terms.features:
        window = _window(terms, feature, span, at)
        key = UsageWindow(feature.plan_feature_id, window[0])
        counted = counters.get(key, {})
        goes_on = None
        if projects and feature.metering.aggregation == "weighted_sum":
            goes_on = levels.get(key, {})
        elif projects:
            pace = paces.get((span.period_id, feature.meter_id), FULL_PERIOD)
            passed = _at_pace(_passed(span, feature, window, at), pace)
            goes_on = {rate_id: _projected(feature, one, passed) for rate_id, one in counted.items()}
        features.append(_feature_usage(span, feature, counted, window, goes_on))
    return PeriodUsage(
        subscription_id=one.subscription_id,
        subscription=one.subscription,
        period_id=span.period_id,
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        terms=terms,
        features=tuple(features),
    )


def _window(
    terms: VersionTerms, feature: FeatureTerms, span: RatingPeriod, at: datetime
) -> tuple[datetime, datetime]:
    """Return a feature's running window of use."""
    if feature.resets is None:
        return span.starts_at, span.ends_at
    return usage_window(terms, feature.resets, anchor_at=span.anchor_at, zone=ZoneInfo(span.time_zone), at=at)


def _passed(span: RatingPeriod, feature: FeatureTerms, window: tuple[datetime, datetime], at: datetime) -> Fraction:
    """Return which share has passed of a window, or of the period."""
    # What a window that runs on holds from before is known; only this period's usage goes on as it has.
    since, until = (span.starts_at, span.ends_at) if feature.spans_periods else window
    return Fraction((at - since) // MICROSECOND, (until - since) // MICROSECOND)


def _at_pace(passed: Fraction, pace: Fraction) -> Fraction:
    """Return which share of all use lies behind, if it goes on so much faster than it has."""
    return passed if pace == FULL_PERIOD or not passed else passed / (passed + pace * (1 - passed))


def _feature_usage(
    span: RatingPeriod,
    feature: FeatureTerms,
    counted: Mapping[int, CounterState],
    window: tuple[datetime, datetime],
    goes_on: Mapping[int, CounterState] | None,
) -> FeatureUsage:
    """Rate what was counted; goes_on: what it is expected to be at the end, if that is asked for."""
    rating = projection = None
    if feature.price is not None:
        rating = projection = rate_window(span, feature, counted, is_final=False)
        if goes_on is not None:
            projection = rate_window(span, feature, goes_on)
    used = rating.now.quantity if rating else ZERO
    return FeatureUsage(
        terms=feature,
        used=used,
        remaining=max(feature.included - used, ZERO),
        cost=rating.invoiced if rating else ZERO,
        projected=projection.invoiced if projection else ZERO,
        rating=rating.now if rating else None,
        events=sum(one.events for one in counted.values()),
        window_start=window[0],
        window_end=window[1],
        drawn=counted.get(UNCOVERED, EMPTY_COUNTER).carried if feature.wallet else None,
    )


GROWING = ("count", "sum")
"""Aggregations that grow with time if usage goes on as it has; a level, or an extreme, stays what it is."""


def _projected(feature: FeatureTerms, counted: CounterState, passed: Fraction) -> CounterState:
    if feature.metering.aggregation not in GROWING or (
        feature.metering.recurring and feature.metering.aggregation == "sum"
    ):
        return counted
    return counted._replace(
        events=int(_scaled(Decimal(counted.events), passed)),
        quantity=_scaled(counted.quantity, passed),
        carried=_scaled(counted.carried, passed),
        metered=None if counted.metered is None else _scaled(counted.metered, passed),
    )


def _scaled(quantity: Decimal, passed: Fraction) -> Decimal:
    """Return quantity ÷ passed to a millionth, or quantity where nothing has passed: a forecast, not a bill."""
    if not quantity or not passed:
        return quantity
    whole = EXACT.multiply(quantity, Decimal(passed.denominator))
    return FORECAST.divide(whole, Decimal(passed.numerator)).quantize(MILLIONTH, context=FORECAST)
