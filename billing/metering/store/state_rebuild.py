"""
Replacing aggregate states after events are voided, where subtraction is not enough. The caller holds the counters.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from billing.metering.store import held_steps
from billing.metering.store.aggregate_states import (
    AggregateStateKey,
    adjust_members,
    read_members,
    split_into_rounds,
)
from billing.metering.store.counter_store import RollupSeries
from billing.metering.store.held_steps import MembersDifference, SeriesValue, add_difference
from lib import prepared_statements
from plans.aggregation.aggregate_state import AggregateState
from plans.aggregation.distinct_values import MembershipChange, is_member
from plans.aggregation.held_values import HeldBy

# One round trip for any number of states: an array per column, unnested into rows.
_UPDATE_STATES = """
UPDATE billing_aggregatestate t SET events = n.events, total = n.total, low = n.low, high = n.high,
    latest_at = n.latest_at,
    latest_source = n.latest_source, latest_key = n.latest_key, latest_value = n.latest_value,
    first_at = n.first_at, moment = coalesce(n.moment, t.moment)
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[],
    %s::timestamptz[], %s::text[], %s::text[], %s::numeric[], %s::timestamptz[], %s::numeric[])
    AS n(series, span, start, events, total, low, high, latest_at, latest_source, latest_key, latest_value, first_at,
        moment)
WHERE (t.series_id, t.span, t.starts_at) = (n.series, n.span, n.start)
"""
_DELETE_STATES = """
DELETE FROM billing_aggregatestate t USING unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS n(series, span,
    start)
WHERE (t.series_id, t.span, t.starts_at) = (n.series, n.span, n.start)
"""


def replace_states(
    states: Mapping[AggregateStateKey, AggregateState | None],
    ids: Mapping[RollupSeries, int],
    *,
    held: Collection[RollupSeries],
) -> None:
    """
    Replace states, except for their members; a state without any events left is deleted.

    held: series of values that are held over time, whose moment `replace_value_steps` adjusts with the members.
    """
    updated_rows = [
        _row(ids[key.series], key, state, keeps_moment=key.series in held)
        for key, state in states.items()
        if state is not None
    ]
    deleted_keys = [(ids[key.series], key.span, key.starts_at) for key, state in states.items() if state is None]
    _execute(_UPDATE_STATES, updated_rows)
    _execute(_DELETE_STATES, deleted_keys)


def _row(series_id: int, key: AggregateStateKey, state: AggregateState, *, keeps_moment: bool) -> tuple[Any, ...]:
    at, source, id_, value = state.latest or (None, "", "", None)
    moment = None if keeps_moment else state.moment
    figures = (state.events, state.total, state.low, state.high, at, source, id_, value, state.first_at, moment)
    return (series_id, key.span, key.starts_at, *figures)


_DELETE_LEVELS = """
DELETE FROM billing_levelchange l USING unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[])
    AS g(s, at, source, key)
WHERE (l.series_id, l.at, l.source, l.key) = (g.s, g.at, g.source, g.key)
"""


def delete_levels(levels: Collection[tuple[int, datetime, str, str]]) -> None:
    """Delete the levels of single events: (series, time, source, sender's id)."""
    _execute(_DELETE_LEVELS, levels)


_UPDATE_VALUES = """
UPDATE billing_distinctvalue m SET at = n.at, source = n.source, key = n.key, is_present = n.is_present
FROM unnest(%s::bigint[], %s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::boolean[])
    AS n(series, digest, at, source, key, is_present)
WHERE (m.series_id, m.digest) = (n.series, n.digest)
"""
_DELETE_VALUES = """
DELETE FROM billing_distinctvalue m USING unnest(%s::bigint[], %s::uuid[]) AS n(series, digest)
WHERE (m.series_id, m.digest) = (n.series, n.digest)
"""


def replace_value_steps(
    last_steps: Mapping[SeriesValue, MembershipChange | None],
    removed: Mapping[SeriesValue, Collection[MembershipChange]],
    *,
    recurring: bool,
    held_by: HeldBy,
) -> None:
    """
    Replace the last changes of values (None if no change is left), and adjust the members.

    removed: the changes that no longer count.
    recurring: whether members stay from one period to the next; the caller has locked them then.
    held_by: whether the time for which each value is held counts.
    """
    for series_values in split_into_rounds(list(last_steps), recurring=recurring):
        _replace_value_steps(
            {series_value: last_steps[series_value] for series_value in series_values},
            {series_value: removed[series_value] for series_value in series_values},
            recurring=recurring,
            held_by=held_by,
        )


def _replace_value_steps(
    last_steps: Mapping[SeriesValue, MembershipChange | None],
    removed: Mapping[SeriesValue, Collection[MembershipChange]],
    *,
    recurring: bool,
    held_by: HeldBy,
) -> None:
    member_changes: dict[int, MembersDifference] = {}
    members = read_members(list(last_steps), recurring=recurring)
    if held_by:
        held_steps.remove_steps(removed, members, member_changes, held_by)
    for (series_value, stored_step), was_member, later_series_id in members:
        difference = int(is_member(last_steps[series_value], was_member=was_member)) - int(
            is_member(stored_step, was_member=was_member)
        )
        add_difference(member_changes, series_value[0], members=difference)
        if later_series_id is not None:
            add_difference(member_changes, later_series_id, members=-difference)
    _execute(
        _UPDATE_VALUES,
        [
            (*series_value, step.at, step.source, step.key, step.joins)
            for series_value, step in last_steps.items()
            if step is not None
        ],
    )
    _execute(_DELETE_VALUES, [series_value for series_value, step in last_steps.items() if step is None])
    adjust_members(member_changes)


def _execute(statement: str, rows: Collection[tuple[Any, ...]]) -> None:
    if rows:
        with prepared_statements.cursor() as cursor:
            cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])
