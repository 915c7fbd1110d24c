"""
Quantities of meters whose quantity is more than a sum, computed from aggregate states and carried-over levels.

Counters hold the number of events; quantities are computed here, in the same way for a close, a preview, a check and
a portal page. docs/metering.md explains each aggregation.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from billing.metering.rating_inputs.rating_period import RatingPeriod
from billing.metering.store.aggregate_states import format_span
from billing.subscriptions.periods.boundaries import TimeInterval, period_anchor, whole_interval
from lib import prepared_statements
from lib.decimals import ZERO, exact_sum
from plans.aggregation.aggregate_state import (
    EMPTY,
    AggregateState,
    EventValue,
    UsageWindow,
    compute_quantity,
    merge_states,
    to_microseconds,
)
from plans.aggregation.held_values import held_quantity
from plans.aggregation.weighted_sum import weighted_sum
from plans.catalog.stored_terms import FeatureTerms, VersionTerms, load_terms
from plans.pricing.rating import match_rate

Quantities = dict[tuple[int, datetime], dict[int, Decimal]]
"""(plan feature, start of its window) → rate → quantity, before the meter's rounding."""


class StoredState(NamedTuple):
    """An aggregate state as stored, for one set of dimensions."""

    span: str
    starts_at: datetime
    state: AggregateState


# LATERAL with OFFSET 0 reads one series at a time by index: a plain join might scan the whole table to find a few
# rows.
_READ_STATES = """
SELECT s.period_id, s.meter_id, s.dimensions::text, t.span, t.starts_at, t.events, t.total, t.low, t.high,
    t.latest_at, t.latest_source, t.latest_key, t.latest_value, t.first_at, t.moment, t.members
FROM unnest(%s::bigint[]) AS asked(period)
CROSS JOIN LATERAL (
    SELECT * FROM billing_series WHERE period_id = asked.period AND meter_id = ANY(%s::bigint[]) OFFSET 0
) s
CROSS JOIN LATERAL (SELECT * FROM billing_aggregatestate WHERE series_id = s.id AND span <> 'hour' OFFSET 0) t
"""

# Sums over earlier periods of the subscription; the last value is that of the latest event, then of the later period.
_OPENINGS = """
SELECT p.id, s.meter_id, s.dimensions::text, sum(t.events), sum(t.total), sum(t.members),
    (array_agg(t.latest_at ORDER BY t.latest_at DESC NULLS LAST, e.starts_at DESC))[1],
    (array_agg(t.latest_value ORDER BY t.latest_at DESC NULLS LAST, e.starts_at DESC))[1]
FROM billing_period p
JOIN billing_period e ON e.subscription_id = p.subscription_id AND e.kind = 'regular' AND e.starts_at < p.starts_at
    AND {is_carried}
JOIN billing_series s ON s.period_id = e.id AND s.meter_id = ANY(%s::bigint[])
JOIN billing_aggregatestate t ON t.series_id = s.id AND t.span = ''
WHERE p.id = ANY(%s::bigint[]) GROUP BY 1, 2, 3
"""
_READ_OPENINGS = _OPENINGS.format(is_carried="true")
# A level that isn't recurring is carried over only between the parts of a period that plan changes have split.
_READ_OPENINGS_OF_PARTS = _OPENINGS.format(
    is_carried="""e.id IN (
        WITH RECURSIVE part(id) AS (
            SELECT p.continues_id
            UNION SELECT b.continues_id FROM part JOIN billing_period b ON b.id = part.id
        ) SELECT id FROM part)"""
)


class Opening(NamedTuple):
    """
    The opening level of a period: events, sum of values and members of the earlier periods, and their last value.
    """

    events: int
    total: Decimal
    members: int
    latest_at: datetime | None
    latest_value: Decimal | None


NO_OPENING = Opening(0, ZERO, 0, None, None)

Dimensions = tuple[tuple[str, str], ...]
"""Name and value of each dimension of the usage, ordered by name."""

ByMeter = dict[int, dict[Dimensions, Any]]
"""Meter → dimensions → states or opening."""

_read = msgspec.json.Decoder(dict[str, str]).decode


class NoRate(ValueError):
    """A level is carried over into a period whose price has no rate for it."""


class PeriodStates(NamedTuple):
    """Stored states and openings of some periods: period → meter → dimensions → states or opening."""

    states: dict[int, ByMeter]
    openings: dict[int, ByMeter]


NO_STATES = PeriodStates({}, {})


class StateQuery(NamedTuple):
    """
    The meters whose states, and the recurring ones whose openings, are read for some periods.

    parts: periods that continue another one after a plan change. split: meters that aren't recurring, whose level
        these periods continue nevertheless.
    """

    periods: tuple[int, ...]
    meters: tuple[int, ...]
    recurring: tuple[int, ...]
    parts: tuple[int, ...]
    split: tuple[int, ...]


def build_query(periods: Iterable[RatingPeriod]) -> StateQuery | None:
    """Return the query for these periods, or None if no feature needs aggregate states."""
    features_by_period = [(period, features) for period in periods if (features := _stateful_features(period))]
    if not features_by_period:
        return None
    is_recurring = {
        feature.meter_id: feature.metering.recurring
        for _, period_features in features_by_period
        for feature in period_features
    }
    split = {
        (period.period_id, feature.meter_id)
        for period, period_features in features_by_period
        for feature in period_features
        if period.continued and feature.metering.continues_level
    }
    return StateQuery(
        tuple(period.period_id for period, _ in features_by_period),
        tuple(is_recurring),
        tuple(meter_id for meter_id, recurring in is_recurring.items() if recurring),
        tuple(sorted({period_id for period_id, _ in split})),
        tuple(sorted({meter_id for _, meter_id in split})),
    )


def read_states(periods: Iterable[RatingPeriod]) -> PeriodStates:
    """
    Read the states that `compute_quantities` needs for these periods, in one round trip; nothing if no feature needs
    any.
    """
    query = build_query(periods)
    if query is None:
        return NO_STATES
    with prepared_statements.pipeline():
        read_answer = send_query(query)
    return read_answer()


def send_query(query: StateQuery) -> Callable[[], PeriodStates]:
    """Send the queries inside the caller's pipeline, and return the function that reads the answers after it."""
    state_cursor = prepared_statements.cursor()
    state_cursor.execute(_READ_STATES, [_bigint_array(query.periods), _bigint_array(query.meters)])
    opening_cursors = []
    for statement, meters, periods in (
        (_READ_OPENINGS, query.recurring, query.periods),
        (_READ_OPENINGS_OF_PARTS, query.split, query.parts),
    ):
        if meters:
            opening_cursors.append(prepared_statements.cursor())
            opening_cursors[-1].execute(statement, [_bigint_array(meters), _bigint_array(periods)])
    return lambda: PeriodStates(
        _group_states(state_cursor.fetchall()),
        _group_openings(row for cursor in opening_cursors for row in cursor.fetchall()),
    )


def _bigint_array(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


def compute_quantities(period: RatingPeriod, stored: PeriodStates, *, at: datetime | None = None) -> Quantities:
    """
    Return the quantities of a period's features with aggregate states; features without usage or level are left out.

    at: compute the quantities up to this time; default: the period's end.

    :raises NoRate: if the version's price has no rate for a level that is carried over.
    """
    quantities: Quantities = {}
    states, openings = stored.states.get(period.period_id, {}), stored.openings.get(period.period_id, {})
    for feature in _stateful_features(period):
        quantities.update(
            _compute_feature(
                period, feature, states.get(feature.meter_id, {}), openings.get(feature.meter_id, {}), at
            )
        )
    return quantities


def _stateful_features(period: RatingPeriod) -> list[FeatureTerms]:
    terms = load_terms(period.version_id, period.currency)
    return [feature for feature in terms.stateful_features if feature.price is not None]


def _group_states(rows: Iterable[Sequence[Any]]) -> dict[int, ByMeter]:
    states: dict[int, ByMeter] = {}
    for period_id, meter_id, dimensions, span, starts_at, *figures in rows:
        meter_states = states.setdefault(period_id, {}).setdefault(meter_id, {})
        meter_states.setdefault(decode_dimensions(dimensions), []).append(
            StoredState(span, starts_at, _build_state(*figures))
        )
    return states


def _build_state(events: int, total: Decimal, low: Any, high: Any, *rest: Any) -> AggregateState:
    latest_at, source, key, value, first_at, moment, members = rest
    latest = None if latest_at is None else EventValue(latest_at, source, key, value)
    return AggregateState(events, total, low, high, latest, first_at, moment, members)


def _group_openings(rows: Iterable[Sequence[Any]]) -> dict[int, ByMeter]:
    openings: dict[int, ByMeter] = {}
    for period_id, meter_id, dimensions, *figures in rows:
        events, total, members, *latest = figures
        opening = Opening(int(events), total, int(members), *latest)
        openings.setdefault(period_id, {}).setdefault(meter_id, {})[decode_dimensions(dimensions)] = opening
    return openings


def decode_dimensions(dimensions: str) -> Dimensions:
    return tuple(sorted(_read(dimensions).items()))


def _compute_feature(
    period: RatingPeriod,
    feature: FeatureTerms,
    kept: Mapping[Dimensions, Sequence[StoredState]],
    openings: Mapping[Dimensions, Opening],
    at: datetime | None,
) -> Quantities:
    """Return a feature's quantities: per window if its price resets, else for the period."""
    span = format_span(feature.resets)
    windows: dict[datetime, dict[int, list[tuple[AggregateState, Opening]]]] = {}
    for dimensions in {**kept, **openings}:
        rate_id = _match_rate(feature, dimensions)
        opening = openings.get(dimensions, NO_OPENING)
        states = [stored_state for stored_state in kept.get(dimensions, ()) if stored_state.span == span]
        if not states and opening is not NO_OPENING:
            states = [StoredState(span, period.starts_at, EMPTY)]
        for stored_state in states:
            rate_states = windows.setdefault(stored_state.starts_at, {}).setdefault(rate_id, [])
            rate_states.append((stored_state.state, opening))
    return {
        (feature.plan_feature_id, starts_at): {
            rate_id: compute_rate_quantity(period, feature, rate_states, at)
            for rate_id, rate_states in by_rate.items()
        }
        for starts_at, by_rate in windows.items()
    }


def find_rate(feature: FeatureTerms, dimensions: Dimensions) -> int | None:
    """Return the id of the rate for usage with these dimensions, if there is one."""
    rate = match_rate(feature.price.rates, dict(dimensions)) if feature.price else None
    return None if rate is None else int(rate.key)


def _match_rate(feature: FeatureTerms, dimensions: Dimensions) -> int:
    rate_id = find_rate(feature, dimensions)
    if rate_id is None:
        described = ", ".join(f"{name} {text}" for name, text in dimensions) or "use without dimensions"
        raise NoRate(f"{feature.name} carries over a level for {described}, but its price has no rate for it.")
    return rate_id


def compute_rate_quantity(
    period: RatingPeriod,
    feature: FeatureTerms,
    states: Sequence[tuple[AggregateState, Opening]],
    at: datetime | None,
) -> Decimal:
    """
    Return the quantity of one rate's states: summed where each set of dimensions has its own level, else merged.
    """
    aggregation = feature.metering.aggregation
    if aggregation in ("sum", "unique", "weighted_sum"):
        return exact_sum(_compute_level(period, feature, state, opening, at) for state, opening in states)
    merged = EMPTY
    for state, opening in states:
        opening_state = EMPTY
        # The last value of an earlier period stays in force until an event replaces it.
        if aggregation == "latest" and opening.latest_at is not None:
            opening_state = AggregateState(
                events=1, latest=EventValue(opening.latest_at, "", "", opening.latest_value or ZERO)
            )
        merged = merge_states(merged, merge_states(opening_state, state))
    return compute_quantity(aggregation, merged)


def _compute_level(
    period: RatingPeriod, feature: FeatureTerms, state: AggregateState, opening: Opening, at: datetime | None
) -> Decimal:
    metering = feature.metering
    if metering.aggregation == "sum":
        return compute_quantity("sum", state, opening=opening.total)
    if metering.held_by:
        return held_quantity(
            state,
            metering.held_by,
            ZoneInfo(period.time_zone),
            opening=Decimal(opening.members),
            start=period.starts_at,
            end=period.ends_at,
            interval=_whole_interval(period),
            until=at,
        )
    if metering.aggregation == "unique":
        return compute_quantity("unique", state, opening=Decimal(opening.members))
    level = opening.total if metering.measures == "deltas" else opening.latest_value or ZERO
    window = UsageWindow(period.starts_at, period.ends_at, whole_microseconds(period))
    return weighted_sum(metering.measures, state, window, opening=level, until=at)


def whole_microseconds(period: RatingPeriod) -> int:
    """Return the microseconds of the whole billing interval that a period is part of."""
    start, end = _whole_interval(period)
    return to_microseconds(end - start)


def _whole_interval(period: RatingPeriod) -> TimeInterval:
    terms: VersionTerms = load_terms(period.version_id, period.currency)
    anchor = period_anchor(terms, anchor_at=period.anchor_at, time_zone=period.time_zone)
    return whole_interval(anchor, period.starts_at)
