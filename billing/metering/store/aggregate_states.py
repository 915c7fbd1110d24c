"""
Tallies: what is kept of a series where a sum does not tell its quantity, in the transaction that appends its events.

Everything here runs after the counters of the same events were added to. A series feeds one counter at least, and
whoever adds to that counter holds it until the end of the transaction: so nobody else adds to the series meanwhile.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

import msgspec

from billing.metering.store.counter_store import RollupSeries
from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from plans.aggregation.aggregate_state import EMPTY, Aggregate, Mark, add, tally_of
from plans.aggregation.distinct_values import Step, change, is_member
from plans.aggregation.weighted_sum import moment_of_levels
from plans.pricing.period_anchor import Interval

HOUR = "hour"
"""The span of tallies that breakdowns are made of, by the hour of the customer's own clock."""


class TallyKey(NamedTuple):
    """`span`: how long a window is, such as `1 day`; empty for the whole period. `starts_at`: of the window."""

    series: RollupSeries
    span: str
    starts_at: datetime


def span_of(resets: Interval | None) -> str:
    """Return the span of the tallies that a price reads which resets every so often."""
    return "" if resets is None else f"{resets.count} {resets.unit}"


Place = tuple[int, UUID]
"""A series, and the digest of a value."""


class Joined(NamedTuple):
    """An event's word on a distinct value. `digest`: of the value."""

    step: Step
    digest: UUID
    value: str


_ADD = """
INSERT INTO billing_aggregatestate AS t (series_id, span, starts_at, events, total, low, high, latest_at, latest_source,
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
    marks: Mapping[TallyKey, Sequence[Mark]],
    ids: Mapping[RollupSeries, int],
    *,
    kept: Mapping[RollupSeries, Sequence[Mark]],
) -> None:
    """Add events to tallies, as values and as deltas; `kept` are those by which a weighted sum is explained."""
    _add({key: _folded(key.starts_at, of_key) for key, of_key in marks.items()}, ids, kept=kept)


def _folded(start: datetime, marks: Iterable[Mark]) -> Aggregate:
    total = EMPTY
    for mark in marks:
        total = add(total, tally_of(mark, start))
    return total


class _Row(msgspec.Struct, gc=False):
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


class _Level(msgspec.Struct, gc=False):
    series_id: int
    at: datetime
    source: str
    key: str
    value: Decimal


_KEEP_LEVELS = """
INSERT INTO billing_levelchange (series_id, at, source, key, value)
SELECT * FROM jsonb_to_recordset(%s::jsonb) AS kept(series_id bigint, at timestamptz, source text, key text,
    value numeric)
"""


def _add(
    tallies: Mapping[TallyKey, Aggregate],
    ids: Mapping[RollupSeries, int],
    *,
    kept: Mapping[RollupSeries, Sequence[Mark]] = MappingProxyType({}),
) -> None:
    """Add to tallies; `kept` are single events to keep in the order of time, by which a weighted sum is explained."""
    if not tallies:
        return
    rows = [_row(ids[key.series], key, tally) for key, tally in tallies.items()]
    levels = [_Level(ids[series], *mark) for series, of_series in kept.items() for mark in of_series]
    with (
        prepared_statements.cursor() as to_tallies,
        prepared_statements.cursor() as to_levels,
        prepared_statements.pipeline(),
    ):
        to_tallies.execute(_ADD, [_document(rows)])
        if levels:
            to_levels.execute(_KEEP_LEVELS, [_document(levels)])


def _document(rows: Sequence[_Row | _Level]) -> str:
    return msgspec.json.encode(rows).decode()


def _row(series_id: int, key: TallyKey, tally: Aggregate) -> _Row:
    latest = tally.latest
    return _Row(
        series_id,
        key.span,
        key.starts_at,
        tally.events,
        tally.total,
        tally.low,
        tally.high,
        latest.at if latest else None,
        latest.source if latest else "",
        latest.key if latest else "",
        latest.value if latest else None,
        tally.first_at,
        tally.moment,
        tally.members,
    )


def add_levels(marks: Mapping[TallyKey, Sequence[Mark]], ids: Mapping[RollupSeries, int]) -> None:
    """Add events that say what the level is from then on."""
    tallies = {}
    for key, new in marks.items():
        kept = _levels_around(ids[key.series], since=min(new).at, until=max(new).at)
        moved = EXACT.subtract(moment_of_levels(sorted([*kept, *new])), moment_of_levels(kept))
        folded = _folded(key.starts_at, new)
        tallies[key] = Aggregate(
            folded.events, folded.total, folded.low, folded.high, folded.latest, folded.first_at, moved
        )
    _add(tallies, ids, kept={key.series: of_key for key, of_key in marks.items()})


_LEVELS_AROUND = """
(SELECT at, source, key, value FROM billing_levelchange WHERE series_id = %(series)s AND at < %(since)s
    ORDER BY at DESC, source COLLATE "C" DESC, key COLLATE "C" DESC LIMIT 1)
UNION ALL SELECT at, source, key, value FROM billing_levelchange
    WHERE series_id = %(series)s AND at BETWEEN %(since)s AND %(until)s
UNION ALL (SELECT at, source, key, value FROM billing_levelchange WHERE series_id = %(series)s AND at > %(until)s
    ORDER BY at, source COLLATE "C", key COLLATE "C" LIMIT 1)
"""


def _levels_around(series_id: int, *, since: datetime, until: datetime) -> list[Mark]:
    """
    Return the levels kept from `since` to `until`, with the last one before and the first one after, in order.

    What a level holds until the next event changes nowhere else.
    """
    with prepared_statements.cursor() as cursor:
        cursor.execute(_LEVELS_AROUND, {"series": series_id, "since": since, "until": until}, binary=True)
        return sorted(Mark(*row) for row in cursor.fetchall())


# One lock for all periods of a subscription's meter, since a value that comes or goes in one of them may have been
# there before, or be told of again in a later one, which other transactions add to.
_LOCK = """
SELECT pg_advisory_xact_lock(k) FROM (
    SELECT DISTINCT hashtextextended(format('members of %%s %%s', p.subscription_id, u.m), 0) AS k
    FROM unnest(%s::bigint[], %s::bigint[]) AS u(p, m) JOIN billing_period p ON p.id = u.p ORDER BY k
) locks
"""

_MEMBERS = """
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

_KEEP_MEMBERS = """
INSERT INTO billing_distinctvalue (series_id, digest, value, at, source, key, is_present)
SELECT * FROM unnest(%s::bigint[], %s::uuid[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::boolean[])
ORDER BY 1, 2
ON CONFLICT (series_id, digest) DO UPDATE SET
    at = excluded.at, source = excluded.source, key = excluded.key, is_present = excluded.is_present
"""

_MOVE_MEMBERS = """
UPDATE billing_aggregatestate t SET members = t.members + u.n
FROM (SELECT series, sum(n) AS n FROM unnest(%s::bigint[], %s::bigint[]) AS u(series, n) GROUP BY 1) u
WHERE t.series_id = u.series AND t.span = ''
"""


def lock_members(series: Iterable[RollupSeries]) -> None:
    """Let nobody else count the members of these meters' subscriptions, in any period, until the transaction ends."""
    keys = sorted({(one.period_id, one.meter_id) for one in series})
    if keys:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_LOCK, [list(column) for column in zip(*keys, strict=True)])


def add_members(
    joined: Mapping[TallyKey, Sequence[Joined]], ids: Mapping[RollupSeries, int], *, recurring: bool
) -> None:
    """
    Add events that say of values that they are there or gone.

    recurring: whether values stay from one period to the next; their members are locked by the caller then.
    """
    if not joined:
        return
    steps: dict[tuple[int, UUID], list[Joined]] = {}
    for key, of_key in joined.items():
        for one in of_key:
            steps.setdefault((ids[key.series], one.digest), []).append(one)
    moved: dict[int, int] = {}
    for places in in_rounds(list(steps), recurring=recurring):
        _add_members({place: steps[place] for place in places}, moved, recurring=recurring)
    _add({key: _counted(key, of_key, moved.pop(ids[key.series])) for key, of_key in joined.items()}, ids)
    move_members(list(moved.items()))


def _add_members(steps: Mapping[Place, Sequence[Joined]], moved: dict[int, int], *, recurring: bool) -> None:
    """Keep the last words on values, and note by how much each series' members change."""
    rows = []
    for (place, known), before, later_id in known_members(list(steps), recurring=recurring):
        found = steps[place]
        last, by = change(known, [one.step for one in found], before=before)
        moved[place[0]] = moved.get(place[0], 0) + by
        if by and later_id is not None:
            moved[later_id] = moved.get(later_id, 0) - by
        if last is not None and last != known:
            rows.append((*place, found[0].value, last.at, last.source, last.key, last.joins))
    if rows:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_KEEP_MEMBERS, [list(column) for column in zip(*rows, strict=True)])


def move_members(moved: Sequence[tuple[int, int]]) -> None:
    """Change how many members came less how many went: (series, by how many)."""
    if moved:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_MOVE_MEMBERS, [list(column) for column in zip(*moved, strict=True)])


def _counted(key: TallyKey, joined: Sequence[Joined], moved: int) -> Aggregate:
    marks = [Mark(one.step.at, one.step.source, one.step.key, Decimal(1)) for one in joined]
    return Aggregate(len(marks), ZERO, latest=max(marks), first_at=min(marks).at, members=moved)


_ROUNDS = """
SELECT u.i, rank() OVER (PARTITION BY p.subscription_id, s.meter_id, s.dimensions, u.digest ORDER BY p.starts_at)
FROM unnest(%s::int[], %s::bigint[], %s::uuid[]) AS u(i, series, digest)
JOIN billing_series s ON s.id = u.series JOIN billing_period p ON p.id = s.period_id
"""


def in_rounds(places: Sequence[Place], *, recurring: bool) -> list[list[Place]]:
    """
    Return places in rounds, one after the other: what a value does in a period depends on what it did before.

    One round is enough unless values stay, and one of them is told of in several periods of a subscription.
    """
    if not recurring or len({digest for _, digest in places}) == len(places):
        return [list(places)] if places else []
    rounds: dict[int, list[Place]] = {}
    with prepared_statements.cursor() as cursor:
        series, digests = zip(*places, strict=True)
        cursor.execute(_ROUNDS, [list(range(len(places))), list(series), list(digests)], binary=True)
        for index, number in cursor.fetchall():
            rounds.setdefault(number, []).append(places[index])
    return [rounds[number] for number in sorted(rounds)]


def known_members(
    places: Sequence[Place], *, recurring: bool
) -> list[tuple[tuple[Place, Step | None], bool, int | None]]:
    """Return each (series, value) with its last step, whether it was there before, and the series that goes on."""
    series, digests = zip(*places, strict=True)
    with prepared_statements.cursor() as cursor:
        cursor.execute(
            _MEMBERS, [list(range(len(places))), list(series), list(digests), recurring, recurring], binary=True
        )
        return [
            (
                (places[index], None if at is None else Step(at, source, key, is_present)),
                is_member(None, before=bool(before)),
                later_id,
            )
            for index, at, source, key, is_present, before, later_id in cursor.fetchall()
        ]
