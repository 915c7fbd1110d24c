"""
The quantities of meters whose quantity is more than a sum: read from tallies, and from the levels carried over.

Counters say how many events there were; what they come to is worked out here, the same way for a close, a preview, a
check and a customer's page. docs/metering.md explains each aggregation.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

import msgspec

from billing.metering.store.aggregate_states import span_of
from billing.subscriptions.periods.boundaries import period_anchor, whole_interval
from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from plans.aggregation.aggregate_state import (
    EMPTY,
    AggregateState,
    EventValue,
    UsageWindow,
    compute_quantity,
    merge_states,
    to_microseconds,
)
from plans.aggregation.weighted_sum import weighted_sum
from plans.catalog.stored_terms import FeatureTerms, VersionTerms, load_terms
from plans.pricing.rating import match_rate


class MeteredPeriod(Protocol):
    """A period to read the quantities of."""

    @property
    def period_id(self) -> int: ...
    @property
    def version_id(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def starts_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime: ...
    @property
    def anchor_at(self) -> datetime: ...
    @property
    def time_zone(self) -> str: ...


Quantities = dict[tuple[int, datetime], dict[int, Decimal]]
"""(feature of the version, start of its window) → rate → quantity, before the meter's rounding."""


class StoredState(NamedTuple):
    """A tally as stored, of one set of dimensions."""

    span: str
    starts_at: datetime
    state: AggregateState


# One series at a time: a join of them all might read the whole table to find a few.
_TALLIES = """
SELECT s.period_id, s.meter_id, s.dimensions::text, t.span, t.starts_at, t.events, t.total, t.low, t.high,
    t.latest_at, t.latest_source, t.latest_key, t.latest_value, t.first_at, t.moment, t.members
FROM unnest(%s::bigint[]) AS asked(period)
CROSS JOIN LATERAL (
    SELECT * FROM billing_series WHERE period_id = asked.period AND meter_id = ANY(%s::bigint[]) OFFSET 0
) s
CROSS JOIN LATERAL (SELECT * FROM billing_aggregatestate WHERE series_id = s.id AND span <> 'hour' OFFSET 0) t
"""

_OPENINGS = """
SELECT p.id, s.meter_id, s.dimensions::text, sum(t.events), sum(t.total), sum(t.members),
    (array_agg(t.latest_at ORDER BY t.latest_at DESC NULLS LAST, e.starts_at DESC))[1],
    (array_agg(t.latest_value ORDER BY t.latest_at DESC NULLS LAST, e.starts_at DESC))[1]
FROM billing_period p
JOIN billing_period e ON e.subscription_id = p.subscription_id AND e.kind = 'regular' AND e.starts_at < p.starts_at
JOIN billing_series s ON s.period_id = e.id AND s.meter_id = ANY(%s::bigint[])
JOIN billing_aggregatestate t ON t.series_id = s.id AND t.span = ''
WHERE p.id = ANY(%s::bigint[]) GROUP BY 1, 2, 3
"""


class Opening(NamedTuple):
    """What earlier periods leave to a later one: their events, the sum of values, members, and the last value."""

    events: int
    total: Decimal
    members: int
    latest_at: datetime | None
    latest_value: Decimal | None


NO_OPENING = Opening(0, ZERO, 0, None, None)

Dimensions = tuple[tuple[str, str], ...]
"""Name and value of each dimension that the usage carried, in the order of names."""

ByMeter = dict[int, dict[Dimensions, Any]]
"""Meter → dimensions → what is kept of them."""

_read = msgspec.json.Decoder(dict[str, str]).decode


class NoRate(ValueError):
    """A level is carried over into a period whose price has no rate for it."""


class PeriodStates(NamedTuple):
    """What is kept of some periods and what they were entered with: period → meter → dimensions → figures."""

    states: dict[int, ByMeter]
    openings: dict[int, ByMeter]


NO_STATES = PeriodStates({}, {})


class StateQuery(NamedTuple):
    """What is read for some periods: tallies of these meters, and what earlier ones leave of the recurring."""

    periods: tuple[int, ...]
    meters: tuple[int, ...]
    recurring: tuple[int, ...]


def build_query(periods: Iterable[MeteredPeriod]) -> StateQuery | None:
    """Return what to read for these periods, or None where no feature is tallied."""
    tallied = {one.period_id: features for one in periods if (features := _tallied(one))}
    if not tallied:
        return None
    features = {one.meter_id: one.metering.recurring for of_period in tallied.values() for one in of_period}
    return StateQuery(tuple(tallied), tuple(features), tuple(one for one, recurring in features.items() if recurring))


def read_states(periods: Iterable[MeteredPeriod]) -> PeriodStates:
    """Read what `quantities` needs of these periods, at one go; nothing where no feature is tallied."""
    asked = build_query(periods)
    if asked is None:
        return NO_STATES
    with prepared_statements.pipeline():
        answer = send_query(asked)
    return answer()


def send_query(asked: StateQuery) -> Callable[[], PeriodStates]:
    """Send the questions inside the caller's pipeline, and return what reads the answers after it."""
    tallies = prepared_statements.cursor()
    tallies.execute(_TALLIES, [_array(asked.periods), _array(asked.meters)])
    if not asked.recurring:
        return lambda: PeriodStates(_by_meter(tallies.fetchall()), {})
    openings = prepared_statements.cursor()
    openings.execute(_OPENINGS, [_array(asked.recurring), _array(asked.periods)])
    return lambda: PeriodStates(_by_meter(tallies.fetchall()), _openings(openings.fetchall()))


def _array(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


def compute_quantities(period: MeteredPeriod, held: PeriodStates, *, at: datetime | None = None) -> Quantities:
    """
    Return the quantities of a period's tallied features; a feature without usage or level is left out.

    at: count what was held up to this moment; to the period's end if not given.

    :raises NoRate: if a level is carried over that no rate of the version's price is for.
    """
    found: Quantities = {}
    own, entered = held.states.get(period.period_id, {}), held.openings.get(period.period_id, {})
    for feature in _tallied(period):
        found.update(
            _of_feature(period, feature, own.get(feature.meter_id, {}), entered.get(feature.meter_id, {}), at)
        )
    return found


def quantities_by_dimensions(
    period: MeteredPeriod, feature: FeatureTerms, held: PeriodStates, *, at: datetime | None = None
) -> dict[Dimensions, Decimal]:
    """Return a tallied feature's quantity in a period for each set of dimensions that its usage carried."""
    own = held.states.get(period.period_id, {}).get(feature.meter_id, {})
    entered = held.openings.get(period.period_id, {}).get(feature.meter_id, {})
    found = {}
    for dimensions in {**own, **entered}:
        tallies = [one.tally for one in own.get(dimensions, ()) if not one.span] or [EMPTY]
        opening = entered.get(dimensions, NO_OPENING)
        found[dimensions] = _quantity(period, feature, [(one, opening) for one in tallies], at)
    return found


def _tallied(period: MeteredPeriod) -> list[FeatureTerms]:
    terms = load_terms(period.version_id, period.currency)
    return [one for one in terms.stateful_features if one.price is not None]


def _by_meter(rows: Iterable[Sequence[Any]]) -> dict[int, ByMeter]:
    found: dict[int, ByMeter] = {}
    for period_id, meter_id, dimensions, span, starts_at, *figures in rows:
        of_dimensions = found.setdefault(period_id, {}).setdefault(meter_id, {})
        of_dimensions.setdefault(decode_dimensions(dimensions), []).append(
            StoredState(span, starts_at, _tally(*figures))
        )
    return found


def _tally(events: int, total: Decimal, low: Any, high: Any, *rest: Any) -> AggregateState:
    latest_at, source, key, value, first_at, moment, members = rest
    latest = None if latest_at is None else EventValue(latest_at, source, key, value)
    return AggregateState(events, total, low, high, latest, first_at, moment, members)


def _openings(rows: Iterable[Sequence[Any]]) -> dict[int, ByMeter]:
    found: dict[int, ByMeter] = {}
    for period_id, meter_id, dimensions, *figures in rows:
        events, total, members, *latest = figures
        opening = Opening(int(events), total, int(members), *latest)
        found.setdefault(period_id, {}).setdefault(meter_id, {})[decode_dimensions(dimensions)] = opening
    return found


def decode_dimensions(dimensions: str) -> Dimensions:
    return tuple(sorted(_read(dimensions).items()))


def _of_feature(
    period: MeteredPeriod,
    feature: FeatureTerms,
    kept: Mapping[Dimensions, Sequence[StoredState]],
    openings: Mapping[Dimensions, Opening],
    at: datetime | None,
) -> Quantities:
    """Return a feature's quantities: by its windows where its price resets, of the period otherwise."""
    span = span_of(feature.resets)
    windows: dict[datetime, dict[int, list[tuple[AggregateState, Opening]]]] = {}
    for dimensions in {**kept, **openings}:
        rate_id = _rate_of(feature, dimensions)
        opening = openings.get(dimensions, NO_OPENING)
        own = [one for one in kept.get(dimensions, ()) if one.span == span]
        if not own and opening is not NO_OPENING:
            own = [StoredState(span, period.starts_at, EMPTY)]
        for one in own:
            of_rate = windows.setdefault(one.starts_at, {}).setdefault(rate_id, [])
            of_rate.append((one.state, opening))
    return {
        (feature.plan_feature_id, starts_at): {
            rate_id: _quantity(period, feature, tallies, at) for rate_id, tallies in of_window.items()
        }
        for starts_at, of_window in windows.items()
    }


def _rate_of(feature: FeatureTerms, dimensions: Dimensions) -> int:
    rate = match_rate(feature.price.rates, dict(dimensions)) if feature.price else None
    if rate is None:
        told = ", ".join(f"{name} {text}" for name, text in dimensions) or "use without dimensions"
        raise NoRate(f"A level of {feature.name} is carried over for {told}, and no rate of its price is for that.")
    return int(rate.key)


def _quantity(
    period: MeteredPeriod,
    feature: FeatureTerms,
    tallies: Sequence[tuple[AggregateState, Opening]],
    at: datetime | None,
) -> Decimal:
    """Return what one rate's tallies come to: added up where levels are held side by side, taken as one otherwise."""
    aggregation = feature.metering.aggregation
    if aggregation in ("sum", "unique", "weighted_sum"):
        total = ZERO
        for tally, opening in tallies:
            total = EXACT.add(total, _level(period, feature, tally, opening, at))
        return total
    together = EMPTY
    for tally, opening in tallies:
        entered = EMPTY
        if aggregation == "latest" and opening.latest_at is not None:
            entered = AggregateState(
                events=1, latest=EventValue(opening.latest_at, "", "", opening.latest_value or ZERO)
            )
        together = merge_states(together, merge_states(entered, tally))
    return compute_quantity(aggregation, together)


def _level(
    period: MeteredPeriod, feature: FeatureTerms, tally: AggregateState, opening: Opening, at: datetime | None
) -> Decimal:
    metering = feature.metering
    if metering.aggregation == "sum":
        return compute_quantity("sum", tally, opening=opening.total)
    if metering.aggregation == "unique":
        return compute_quantity("unique", tally, opening=Decimal(opening.members))
    level = opening.total if metering.measures == "deltas" else opening.latest_value or ZERO
    window = UsageWindow(period.starts_at, period.ends_at, _full(period))
    return weighted_sum(metering.measures, tally, window, opening=level, until=at)


def _full(period: MeteredPeriod) -> int:
    """Return the microseconds of the whole interval that a period is a part of."""
    terms: VersionTerms = load_terms(period.version_id, period.currency)
    anchor = period_anchor(terms, anchor_at=period.anchor_at, time_zone=period.time_zone)
    start, end = whole_interval(anchor, period.starts_at)
    return to_microseconds(end - start)
