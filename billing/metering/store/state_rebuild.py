"""Tallies told anew once events are taken back: what subtraction cannot undo. The caller holds the counters."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from billing.metering.store.aggregate_states import Place, TallyKey, in_rounds, known_members, move_members
from billing.metering.store.counter_store import RollupSeries
from lib import prepared_statements
from plans.aggregation.aggregate_state import Aggregate
from plans.aggregation.distinct_values import Step, is_member

_TELL = """
UPDATE billing_aggregatestate t SET events = n.events, total = n.total, low = n.low, high = n.high, latest_at = n.latest_at,
    latest_source = n.latest_source, latest_key = n.latest_key, latest_value = n.latest_value,
    first_at = n.first_at, moment = n.moment
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[],
    %s::timestamptz[], %s::text[], %s::text[], %s::numeric[], %s::timestamptz[], %s::numeric[])
    AS n(series, span, start, events, total, low, high, latest_at, latest_source, latest_key, latest_value, first_at,
        moment)
WHERE (t.series_id, t.span, t.starts_at) = (n.series, n.span, n.start)
"""
_DROP = """
DELETE FROM billing_aggregatestate t USING unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS n(series, span, start)
WHERE (t.series_id, t.span, t.starts_at) = (n.series, n.span, n.start)
"""


def tell(tallies: Mapping[TallyKey, Aggregate | None], ids: Mapping[RollupSeries, int]) -> None:
    """Let tallies say this, but for their members; a tally that no event is left of goes."""
    told = [_row(ids[key.series], key, one) for key, one in tallies.items() if one is not None]
    gone = [(ids[key.series], key.span, key.starts_at) for key, one in tallies.items() if one is None]
    _execute(_TELL, told)
    _execute(_DROP, gone)


def _row(series_id: int, key: TallyKey, tally: Aggregate) -> tuple[Any, ...]:
    at, source, id_, value = tally.latest or (None, "", "", None)
    figures = (tally.events, tally.total, tally.low, tally.high, at, source, id_, value, tally.first_at, tally.moment)
    return (series_id, key.span, key.starts_at, *figures)


_FORGET_LEVELS = """
DELETE FROM billing_levelchange l USING unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[])
    AS g(s, at, source, key)
WHERE (l.series_id, l.at, l.source, l.key) = (g.s, g.at, g.source, g.key)
"""


def forget_levels(levels: Collection[tuple[int, datetime, str, str]]) -> None:
    """Remove the levels of single events: (series, time, source, sender's id)."""
    _execute(_FORGET_LEVELS, levels)


_TELL_MEMBERS = """
UPDATE billing_distinctvalue m SET at = n.at, source = n.source, key = n.key, is_present = n.is_present
FROM unnest(%s::bigint[], %s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::boolean[])
    AS n(series, digest, at, source, key, is_present)
WHERE (m.series_id, m.digest) = (n.series, n.digest)
"""
_DROP_MEMBERS = """
DELETE FROM billing_distinctvalue m USING unnest(%s::bigint[], %s::uuid[]) AS n(series, digest)
WHERE (m.series_id, m.digest) = (n.series, n.digest)
"""


def tell_members(last: Mapping[Place, Step | None], *, recurring: bool) -> None:
    """
    Let these be the last words on values, None where none is left, and move the members that follow from it.

    recurring: whether values stay from one period to the next; their members are locked by the caller then.
    """
    for places in in_rounds(list(last), recurring=recurring):
        _tell_members({place: last[place] for place in places}, recurring=recurring)


def _tell_members(last: Mapping[Place, Step | None], *, recurring: bool) -> None:
    moved: list[tuple[int, int]] = []
    for (place, known), before, later_id in known_members(list(last), recurring=recurring):
        by = int(is_member(last[place], before=before)) - int(is_member(known, before=before))
        if by:
            moved.append((place[0], by))
        if by and later_id is not None:
            moved.append((later_id, -by))
    _execute(
        _TELL_MEMBERS,
        [(*place, step.at, step.source, step.key, step.joins) for place, step in last.items() if step is not None],
    )
    _execute(_DROP_MEMBERS, [place for place, step in last.items() if step is None])
    move_members(moved)


def _execute(statement: str, rows: Collection[tuple[Any, ...]]) -> None:
    if rows:
        with prepared_statements.cursor() as cursor:
            cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])
