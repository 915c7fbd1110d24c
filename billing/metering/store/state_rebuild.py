"""
Replacing aggregate states after events are voided, where subtraction is not enough. The caller holds the counters.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from billing.metering.store.aggregate_states import (
    AggregateStateKey,
    SeriesValue,
    adjust_member_counts,
    read_members,
    split_into_rounds,
)
from billing.metering.store.counter_store import RollupSeries
from lib import prepared_statements
from plans.aggregation.aggregate_state import AggregateState
from plans.aggregation.distinct_values import MembershipChange, is_member

# One round trip for any number of states: an array per column, unnested into rows.
_UPDATE_STATES = """
UPDATE billing_aggregatestate t SET events = n.events, total = n.total, low = n.low, high = n.high,
    latest_at = n.latest_at,
    latest_source = n.latest_source, latest_key = n.latest_key, latest_value = n.latest_value,
    first_at = n.first_at, moment = n.moment
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
    states: Mapping[AggregateStateKey, AggregateState | None], ids: Mapping[RollupSeries, int]
) -> None:
    """Replace states, except for their members; a state without any events left is deleted."""
    updated_rows = [_row(ids[key.series], key, state) for key, state in states.items() if state is not None]
    deleted_keys = [(ids[key.series], key.span, key.starts_at) for key, state in states.items() if state is None]
    _execute(_UPDATE_STATES, updated_rows)
    _execute(_DELETE_STATES, deleted_keys)


def _row(series_id: int, key: AggregateStateKey, state: AggregateState) -> tuple[Any, ...]:
    at, source, id_, value = state.latest or (None, "", "", None)
    figures = (state.events, state.total, state.low, state.high, at, source, id_, value, state.first_at, state.moment)
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


def replace_value_steps(last_steps: Mapping[SeriesValue, MembershipChange | None], *, recurring: bool) -> None:
    """
    Replace the last changes of values (None if no change is left), and adjust the member counts.

    recurring: whether members stay from one period to the next; the caller has locked them then.
    """
    for series_values in split_into_rounds(list(last_steps), recurring=recurring):
        _replace_value_steps(
            {series_value: last_steps[series_value] for series_value in series_values}, recurring=recurring
        )


def _replace_value_steps(last_steps: Mapping[SeriesValue, MembershipChange | None], *, recurring: bool) -> None:
    member_changes: list[tuple[int, int]] = []
    for (series_value, stored_step), was_member, later_series_id in read_members(
        list(last_steps), recurring=recurring
    ):
        difference = int(is_member(last_steps[series_value], was_member=was_member)) - int(
            is_member(stored_step, was_member=was_member)
        )
        if difference:
            member_changes.append((series_value[0], difference))
        if difference and later_series_id is not None:
            member_changes.append((later_series_id, -difference))
    _execute(
        _UPDATE_VALUES,
        [
            (*series_value, step.at, step.source, step.key, step.joins)
            for series_value, step in last_steps.items()
            if step is not None
        ],
    )
    _execute(_DELETE_VALUES, [series_value for series_value, step in last_steps.items() if step is None])
    adjust_member_counts(member_changes)


def _execute(statement: str, rows: Collection[tuple[Any, ...]]) -> None:
    if rows:
        with prepared_statements.cursor() as cursor:
            cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])
