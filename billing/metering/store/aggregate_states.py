"""
Aggregate states of series whose quantity is not a sum, updated in the transaction that stores the events.

Everything here runs after the counters of the same events were updated. A series feeds at least one counter, and a
transaction that updates a counter locks it until it ends, so no other transaction adds to the series at the same
time.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

import msgspec

from billing.metering.store import held_steps
from billing.metering.store.counter_store import RollupSeries
from billing.metering.store.held_steps import MembersDifference, SeriesValue, StoredMember, add_difference
from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from plans.aggregation.aggregate_state import EMPTY, AggregateState, EventValue, aggregate_event, merge_states
from plans.aggregation.distinct_values import MembershipChange, apply_changes, is_member
from plans.aggregation.held_values import HeldBy
from plans.aggregation.weighted_sum import level_moment
from plans.pricing.period_anchor import Interval

HOUR = "hour"
"""The span of the states that breakdowns are made of, by the hours of the customer's clock."""


class AggregateStateKey(NamedTuple):
    """
    The key of an aggregate state.

    span: length of a window, such as `1 day`; empty for the whole period.
    starts_at: start of the window.
    """

    series: RollupSeries
    span: str
    starts_at: datetime


def format_span(resets: Interval | None) -> str:
    """Return the span of the states that a price with this reset interval reads."""
    return "" if resets is None else f"{resets.count} {resets.unit}"


class ValueChange(NamedTuple):
    """The change of a distinct value's membership by an event. digest: of the value."""

    step: MembershipChange
    digest: UUID
    value: str


# Rows are sorted, so that concurrent batches update them in one order; the latest value is that of the greatest time,
# then source, then key, in byte order as in Python.
_ADD_TO_STATES = """
INSERT INTO billing_aggregatestate AS t (series_id, span, starts_at, events, total, low, high, latest_at,
    latest_source,
    latest_key, latest_value, first_at, moment, members)
SELECT * FROM jsonb_to_recordset(%s::jsonb) AS added(series_id bigint, span text, starts_at timestamptz,
    events bigint, total numeric, low numeric, high numeric, latest_at timestamptz, latest_source text,
    latest_key text, latest_value numeric, first_at timestamptz, moment numeric, members bigint)
ORDER BY 1, 2, 3
ON CONFLICT (series_id, span, starts_at) DO UPDATE SET
    events = t.events + excluded.events,
    total = t.total + excluded.total,
    low = least(t.low, excluded.low),
    high = greatest(t.high, excluded.high),
    (latest_at, latest_source, latest_key, latest_value) = (
        SELECT v.* FROM (VALUES (t.latest_at, t.latest_source, t.latest_key, t.latest_value),
            (excluded.latest_at, excluded.latest_source, excluded.latest_key, excluded.latest_value)
        ) AS v(at, source, key, value)
        WHERE v.at IS NOT NULL ORDER BY v.at DESC, v.source COLLATE "C" DESC, v.key COLLATE "C" DESC LIMIT 1
    ),
    first_at = least(t.first_at, excluded.first_at),
    moment = t.moment + excluded.moment,
    members = t.members + excluded.members
"""


def add_marks(
    marks: Mapping[AggregateStateKey, Sequence[EventValue]],
    ids: Mapping[RollupSeries, int],
    *,
    level_changes: Mapping[RollupSeries, Sequence[EventValue]],
) -> None:
    """
    Add events to states, as values and as deltas. level_changes: events stored in time order, to explain weighted
    sums.
    """
    _add_to_states(
        {key: _aggregate(key.starts_at, key_marks) for key, key_marks in marks.items()},
        ids,
        level_changes=level_changes,
    )


def _aggregate(start: datetime, marks: Iterable[EventValue]) -> AggregateState:
    total = EMPTY
    for mark in marks:
        total = merge_states(total, aggregate_event(mark, start))
    return total


class _StateRow(msgspec.Struct, gc=False):
    series_id: int
    span: str
    starts_at: datetime
    events: int
    total: Decimal
    low: Decimal | None
    high: Decimal | None
    latest_at: datetime | None
    latest_source: str
    latest_key: str
    latest_value: Decimal | None
    first_at: datetime | None
    moment: Decimal
    members: int


class _LevelRow(msgspec.Struct, gc=False):
    series_id: int
    at: datetime
    source: str
    key: str
    value: Decimal


_INSERT_LEVEL_CHANGES = """
INSERT INTO billing_levelchange (series_id, at, source, key, value)
SELECT * FROM jsonb_to_recordset(%s::jsonb) AS kept(series_id bigint, at timestamptz, source text, key text,
    value numeric)
"""


def _add_to_states(
    states: Mapping[AggregateStateKey, AggregateState],
    ids: Mapping[RollupSeries, int],
    *,
    level_changes: Mapping[RollupSeries, Sequence[EventValue]] = MappingProxyType({}),
) -> None:
    """Add to states. level_changes: events stored in time order, to explain weighted sums."""
    if not states:
        return
    rows = [_state_row(ids[key.series], key, state) for key, state in states.items()]
    levels = [_LevelRow(ids[series], *mark) for series, changes in level_changes.items() for mark in changes]
    with (
        prepared_statements.cursor() as state_cursor,
        prepared_statements.cursor() as level_cursor,
        prepared_statements.pipeline(),
    ):
        state_cursor.execute(_ADD_TO_STATES, [_encode_rows(rows)])
        if levels:
            level_cursor.execute(_INSERT_LEVEL_CHANGES, [_encode_rows(levels)])


def _encode_rows(rows: Sequence[_StateRow | _LevelRow]) -> str:
    return msgspec.json.encode(rows).decode()


def _state_row(series_id: int, key: AggregateStateKey, state: AggregateState) -> _StateRow:
    latest = state.latest
    return _StateRow(
        series_id,
        key.span,
        key.starts_at,
        state.events,
        state.total,
        state.low,
        state.high,
        latest.at if latest else None,
        latest.source if latest else "",
        latest.key if latest else "",
        latest.value if latest else None,
        state.first_at,
        state.moment,
        state.members,
    )


def add_levels(marks: Mapping[AggregateStateKey, Sequence[EventValue]], ids: Mapping[RollupSeries, int]) -> None:
    """Add events that set a level from their time on."""
    states = {}
    for key, new_marks in marks.items():
        stored_marks = _levels_around(ids[key.series], since=min(new_marks).at, until=max(new_marks).at)
        moment_change = EXACT.subtract(level_moment(sorted([*stored_marks, *new_marks])), level_moment(stored_marks))
        aggregate = _aggregate(key.starts_at, new_marks)
        states[key] = AggregateState(
            aggregate.events,
            aggregate.total,
            aggregate.low,
            aggregate.high,
            aggregate.latest,
            aggregate.first_at,
            moment_change,
        )
    _add_to_states(states, ids, level_changes={key.series: key_marks for key, key_marks in marks.items()})


# Three index reads in one statement: the neighbors of the changed levels are enough to compute the difference.
_LEVELS_AROUND = """
(SELECT at, source, key, value FROM billing_levelchange WHERE series_id = %(series)s AND at < %(since)s
    ORDER BY at DESC, source COLLATE "C" DESC, key COLLATE "C" DESC LIMIT 1)
UNION ALL SELECT at, source, key, value FROM billing_levelchange
    WHERE series_id = %(series)s AND at BETWEEN %(since)s AND %(until)s
UNION ALL (SELECT at, source, key, value FROM billing_levelchange WHERE series_id = %(series)s AND at > %(until)s
    ORDER BY at, source COLLATE "C", key COLLATE "C" LIMIT 1)
"""


def _levels_around(series_id: int, *, since: datetime, until: datetime) -> list[EventValue]:
    """
    Return the levels stored from `since` to `until`, with the last one before and the first one after, in order.

    New levels in between change the weighted sum nowhere else.
    """
    with prepared_statements.cursor() as cursor:
        cursor.execute(_LEVELS_AROUND, {"series": series_id, "since": since, "until": until}, binary=True)
        return sorted(EventValue(*row) for row in cursor.fetchall())


# One lock for all periods of a subscription's meter: a value that joins or leaves in one period may have been a
# member before, or change again in a later period, to which other transactions add.
_LOCK_MEMBERS = """
SELECT pg_advisory_xact_lock(k) FROM (
    SELECT DISTINCT hashtextextended(format('members of %%s %%s', p.subscription_id, u.m), 0) AS k
    FROM unnest(%s::bigint[], %s::bigint[]) AS u(p, m) JOIN billing_period p ON p.id = u.p ORDER BY k
) locks
"""

# `before` is the nearest earlier period that holds the value, `later` the next one; both only for recurring members.
_READ_MEMBERS = """
SELECT u.i, own.at, own.source, own.key, own.is_present, before.is_present, later.series_id
FROM unnest(%s::int[], %s::bigint[], %s::uuid[]) AS u(i, series, digest)
JOIN billing_series s ON s.id = u.series
JOIN billing_period p ON p.id = s.period_id
LEFT JOIN billing_distinctvalue own ON (own.series_id, own.digest) = (u.series, u.digest)
LEFT JOIN LATERAL (
    SELECT m.is_present FROM billing_period p2
    JOIN billing_series s2 ON (s2.period_id, s2.meter_id, s2.dimensions) = (p2.id, s.meter_id, s.dimensions)
    JOIN billing_distinctvalue m ON (m.series_id, m.digest) = (s2.id, u.digest)
    WHERE %s AND p2.subscription_id = p.subscription_id AND p2.kind = 'regular' AND p2.starts_at < p.starts_at
    ORDER BY p2.starts_at DESC LIMIT 1
) before ON true
LEFT JOIN LATERAL (
    SELECT s2.id AS series_id FROM billing_period p2
    JOIN billing_series s2 ON (s2.period_id, s2.meter_id, s2.dimensions) = (p2.id, s.meter_id, s.dimensions)
    JOIN billing_distinctvalue m ON (m.series_id, m.digest) = (s2.id, u.digest)
    WHERE %s AND p2.subscription_id = p.subscription_id AND p2.kind = 'regular' AND p2.starts_at > p.starts_at
    ORDER BY p2.starts_at LIMIT 1
) later ON true
"""

_UPSERT_VALUES = """
INSERT INTO billing_distinctvalue (series_id, digest, value, at, source, key, is_present)
SELECT * FROM unnest(%s::bigint[], %s::uuid[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::boolean[])
ORDER BY 1, 2
ON CONFLICT (series_id, digest) DO UPDATE SET
    at = excluded.at, source = excluded.source, key = excluded.key, is_present = excluded.is_present
"""

_ADJUST_MEMBERS = """
UPDATE billing_aggregatestate t SET members = t.members + u.n, moment = t.moment + u.m
FROM (
    SELECT series, sum(n) AS n, sum(m) AS m FROM unnest(%s::bigint[], %s::bigint[], %s::numeric[]) AS u(series, n, m)
    GROUP BY 1
) u
WHERE t.series_id = u.series AND t.span = ''
"""


def lock_members(series: Iterable[RollupSeries]) -> None:
    """Lock the members of these meters' subscriptions, in all periods, until the transaction ends."""
    keys = sorted({(key.period_id, key.meter_id) for key in series})
    if keys:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_LOCK_MEMBERS, [list(column) for column in zip(*keys, strict=True)])


def add_value_changes(
    changes_by_key: Mapping[AggregateStateKey, Sequence[ValueChange]],
    ids: Mapping[RollupSeries, int],
    *,
    recurring: bool,
    held_by: HeldBy,
) -> None:
    """
    Add events that make distinct values join or leave.

    recurring: whether members stay from one period to the next; the caller has locked them then.
    held_by: whether the time for which each value is held counts.
    """
    if not changes_by_key:
        return
    changes_by_value: dict[tuple[int, UUID], list[ValueChange]] = {}
    for key, changes in changes_by_key.items():
        for change in changes:
            changes_by_value.setdefault((ids[key.series], change.digest), []).append(change)
    member_changes: dict[int, MembersDifference] = {}
    # In rounds, because a change in one period decides whether the same value counts as new in the next.
    for series_values in split_into_rounds(list(changes_by_value), recurring=recurring):
        _add_value_changes(
            {series_value: changes_by_value[series_value] for series_value in series_values},
            member_changes,
            recurring=recurring,
            held_by=held_by,
        )
    _add_to_states(
        {
            key: _members_aggregate(changes, member_changes.pop(ids[key.series]))
            for key, changes in changes_by_key.items()
        },
        ids,
    )
    adjust_members(member_changes)


def _add_value_changes(
    changes_by_value: Mapping[SeriesValue, Sequence[ValueChange]],
    member_changes: dict[int, MembersDifference],
    *,
    recurring: bool,
    held_by: HeldBy,
) -> None:
    """Store the last change of each value, and add up by how much the members of each series change."""
    rows = []
    members = read_members(list(changes_by_value), recurring=recurring)
    if held_by:
        steps = {value: [change.step for change in changes] for value, changes in changes_by_value.items()}
        held_steps.add_steps(steps, members, member_changes, held_by)
    for (series_value, stored_step), was_member, later_series_id in members:
        changes = changes_by_value[series_value]
        last_step, difference = apply_changes(
            stored_step, [value_change.step for value_change in changes], was_member=was_member
        )
        add_difference(member_changes, series_value[0], members=difference)
        # The later period no longer counts the value as joined, or counts it again.
        if difference and later_series_id is not None:
            add_difference(member_changes, later_series_id, members=-difference)
        if last_step is not None and last_step != stored_step:
            rows.append(
                (*series_value, changes[0].value, last_step.at, last_step.source, last_step.key, last_step.joins)
            )
    if rows:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_UPSERT_VALUES, [list(column) for column in zip(*rows, strict=True)])


def adjust_members(member_changes: Mapping[int, MembersDifference]) -> None:
    """Change the members and moments of series."""
    rows = [(series_id, *difference) for series_id, difference in member_changes.items() if any(difference)]
    if rows:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_ADJUST_MEMBERS, [list(column) for column in zip(*rows, strict=True)])


def _members_aggregate(changes: Sequence[ValueChange], difference: MembersDifference) -> AggregateState:
    marks = [EventValue(change.step.at, change.step.source, change.step.key, Decimal(1)) for change in changes]
    return AggregateState(
        len(marks),
        ZERO,
        latest=max(marks),
        first_at=min(marks).at,
        moment=Decimal(difference.moment),
        members=difference.members,
    )


_RANK_ROUNDS = """
SELECT u.i, rank() OVER (PARTITION BY p.subscription_id, s.meter_id, s.dimensions, u.digest ORDER BY p.starts_at)
FROM unnest(%s::int[], %s::bigint[], %s::uuid[]) AS u(i, series, digest)
JOIN billing_series s ON s.id = u.series JOIN billing_period p ON p.id = s.period_id
"""


def split_into_rounds(series_values: Sequence[SeriesValue], *, recurring: bool) -> list[list[SeriesValue]]:
    """
    Return (series, value) pairs in consecutive rounds: the effect of a change in a period depends on the periods
    before.

    One round is enough unless members recur and a value changes in several periods of a subscription.
    """
    if not recurring or len({digest for _, digest in series_values}) == len(series_values):
        return [list(series_values)] if series_values else []
    rounds: dict[int, list[SeriesValue]] = {}
    with prepared_statements.cursor() as cursor:
        series, digests = zip(*series_values, strict=True)
        cursor.execute(_RANK_ROUNDS, [list(range(len(series_values))), list(series), list(digests)], binary=True)
        for index, number in cursor.fetchall():
            rounds.setdefault(number, []).append(series_values[index])
    return [rounds[number] for number in sorted(rounds)]


def read_members(series_values: Sequence[SeriesValue], *, recurring: bool) -> list[StoredMember]:
    """
    Return each (series, value) with its last step, whether it was a member before, and the next series that holds it.
    """
    series, digests = zip(*series_values, strict=True)
    with prepared_statements.cursor() as cursor:
        cursor.execute(
            _READ_MEMBERS,
            [list(range(len(series_values))), list(series), list(digests), recurring, recurring],
            binary=True,
        )
        return [
            (
                (series_values[index], None if at is None else MembershipChange(at, source, key, is_present)),
                is_member(None, was_member=bool(was_present)),
                later_series_id,
            )
            for index, at, source, key, is_present, was_present, later_series_id in cursor.fetchall()
        ]
