"""
Counters and rollups: the sums kept beside the events, in the transaction that appends them.

What a sum is of is written once, as a row with a number; adding to it moves that number and three figures. Numbers
are remembered per process, once the transaction that gave them out is committed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import msgspec
import psycopg
from django.db import transaction

from billing.triggers import COSTS
from lib import prepared_statements

MOST_REMEMBERED = 500_000


class CounterKey(NamedTuple):
    """`rate_id` is 0 for a hard cap without a price."""

    period_id: int
    plan_feature_id: int
    rate_id: int
    window_start: datetime


class RollupSeries(NamedTuple):
    """`dimensions` is encoded JSON with sorted keys."""

    period_id: int
    meter_id: int
    dimensions: bytes


RollupKey = tuple[RollupSeries, datetime]
"""A series in one hour, which is named by its start."""


class CounterSum(msgspec.Struct, gc=False):
    """What a batch adds to a counter."""

    events: int = 0
    quantity: int | Decimal = 0
    carried: int | Decimal = 0
    fingerprint: int = 0


class RollupSum(msgspec.Struct, gc=False):
    """What a batch adds to a rollup."""

    events: int = 0
    quantity: int | Decimal = 0


class Gate(NamedTuple):
    """What ingest must know of a period before it counts into it."""

    revision: int
    is_closed: bool


_HOLD_COSTS = "SELECT pg_advisory_xact_lock_shared(%s)"
_REVISION = "SELECT revision FROM plans_catalogrevision"
_GATE = """
SELECT (SELECT revision FROM plans_catalogrevision), id, revision, state = 'closed'
FROM billing_period WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE
"""


# Whoever adds a period holds the last one: while we share it, none comes that would be entered without us.
_HOLD_LAST = """
SELECT subscription_id, starts_at FROM billing_period WHERE id IN (
    SELECT last.id FROM unnest(%s::bigint[]) AS c(subscription) JOIN LATERAL (
        SELECT id FROM billing_period WHERE subscription_id = c.subscription AND kind = 'regular'
        ORDER BY starts_at DESC LIMIT 1
    ) last ON true
) ORDER BY id FOR SHARE
"""
_GATE_LATER = """
SELECT p.subscription_id, p.id, p.starts_at, p.state = 'closed'
FROM unnest(%s::bigint[], %s::timestamptz[]) AS c(subscription, since)
JOIN billing_period p ON p.subscription_id = c.subscription AND p.kind = 'regular' AND p.starts_at >= c.since
ORDER BY p.id FOR KEY SHARE OF p
"""


class Later(NamedTuple):
    """Closed periods that are entered with a level which earlier ones leave: (subscription, id, start) of each."""

    closed: tuple[tuple[int, int, datetime], ...]

    def entered_after(self, carried: Iterable[tuple[int, datetime]]) -> set[int]:
        """Return those that a change carries into: of these subscriptions, from these moments on."""
        since: dict[int, datetime] = {}
        for subscription_id, moment in carried:
            since[subscription_id] = min(moment, since.get(subscription_id, moment))
        return {id_ for subscription_id, id_, start in self.closed if start >= since.get(subscription_id, NEVER)}


NEVER = datetime.max.replace(tzinfo=UTC)


class Gated(NamedTuple):
    """What is held until the transaction ends; `revision` is the catalog's."""

    revision: int
    periods: dict[int, Gate]
    later: Later


def gate(
    period_ids: Iterable[int], *, carried: Collection[tuple[int, datetime]] = (), is_costed: bool = False
) -> Gated:
    """
    Lock these periods against closing until the transaction ends, and return what ingest must know of them.

    Ingests share the lock; a close takes it alone. Whoever comes second waits and then reads what the first left.
    Periods are locked in the order of their ids, so nobody deadlocks.

    carried: subscriptions, each with the moment from which on its periods are entered with what may change. Those
    are locked as well, and none is added after them.
    is_costed: whether unit costs are to stay as they are. They are held first, so that the revision read after them
    tells of any change that came before.
    """
    with prepared_statements.cursor() as costs, prepared_statements.cursor() as periods:
        with prepared_statements.pipeline():
            if is_costed:
                costs.execute(_HOLD_COSTS, [COSTS])
            periods.execute(_GATE, [_array(sorted(period_ids))])
        rows = periods.fetchall()
        if not rows:
            periods.execute(_REVISION)
            return Gated(periods.fetchone()[0], {}, Later(()))
    found = {id_: Gate(revision, is_closed) for _, id_, revision, is_closed in rows}
    return Gated(rows[0][0], found, _gate_later(carried) if carried else Later(()))


def _gate_later(carried: Collection[tuple[int, datetime]]) -> Later:
    subscriptions, since = map(list, zip(*carried, strict=True))
    with prepared_statements.cursor() as held, prepared_statements.cursor() as entered:
        while True:
            with prepared_statements.pipeline():
                held.execute(_HOLD_LAST, [_array(subscriptions)])
                entered.execute(_GATE_LATER, [_array(subscriptions), _instants(since)])
            last, rows = dict(held.fetchall()), entered.fetchall()
            # One may have been added while we waited for the last.
            if all(start <= last[subscription_id] for subscription_id, _, start, _ in rows):
                return Later(tuple(row[:3] for row in rows if row[3]))


_MAKE_COUNTERS = """
INSERT INTO billing_counter (period_id, plan_feature_id, rate_id, window_start, events, quantity, carried,
    fingerprint)
SELECT p, f, r, w, 0, 0, 0, 0 FROM jsonb_to_recordset(%s::jsonb) AS sent(p bigint, f bigint, r bigint, w timestamptz)
ORDER BY p, f, r, w ON CONFLICT DO NOTHING
"""
# One key at a time: a join of them all might read the whole table to find a few.
_FIND_COUNTERS = """
SELECT sent.i, c.id
FROM jsonb_to_recordset(%s::jsonb) AS sent(i int, p bigint, f bigint, r bigint, w timestamptz)
CROSS JOIN LATERAL (
    SELECT id FROM billing_counter WHERE (period_id, plan_feature_id, rate_id, window_start) = (p, f, r, w) LIMIT 1
) c
"""
_MAKE_SERIES = """
INSERT INTO billing_series (period_id, meter_id, dimensions)
SELECT p, m, d FROM jsonb_to_recordset(%s::jsonb) AS sent(p bigint, m bigint, d jsonb)
ORDER BY p, m, d ON CONFLICT DO NOTHING
"""
_FIND_SERIES = """
SELECT sent.i, s.id FROM jsonb_to_recordset(%s::jsonb) AS sent(i int, p bigint, m bigint, d jsonb)
CROSS JOIN LATERAL (
    SELECT id FROM billing_series WHERE (period_id, meter_id, dimensions) = (p, m, d) LIMIT 1
) s
"""
# Joined with itself so that rows are locked in the order of their numbers, which an UPDATE does not promise.
_ADD_TO_COUNTERS = """
INSERT INTO billing_counter AS c
    (id, period_id, plan_feature_id, rate_id, window_start, events, quantity, carried, fingerprint)
SELECT k.id, k.period_id, k.plan_feature_id, k.rate_id, k.window_start, added.n, added.q, added.c, added.h
FROM unnest(%s::bigint[], %s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[]) AS added(id, n, q, c, h)
JOIN billing_counter k USING (id)
ORDER BY k.id
ON CONFLICT (id) DO UPDATE SET
    events = c.events + excluded.events,
    quantity = c.quantity + excluded.quantity,
    carried = c.carried + excluded.carried,
    fingerprint = c.fingerprint + excluded.fingerprint
"""
_ADD_TO_HOURS = """
INSERT INTO billing_hourlyusage AS h (series_id, bucket, events, quantity)
SELECT * FROM unnest(%s::bigint[], %s::timestamptz[], %s::bigint[], %s::numeric[]) AS added(s, b, n, q)
ORDER BY s, b
ON CONFLICT (series_id, bucket) DO UPDATE SET
    events = h.events + excluded.events,
    quantity = h.quantity + excluded.quantity
"""

_HOLD_COUNTERS = "SELECT FROM billing_counter WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE"
# No INSERT: a sum that is taken back is no row, its constraints would refuse it before it met the one that is there.
_TAKE_FROM_COUNTERS = """
UPDATE billing_counter c SET
    events = c.events - taken.n,
    quantity = c.quantity - taken.q,
    carried = c.carried - taken.c,
    fingerprint = c.fingerprint - taken.h
FROM unnest(%s::bigint[], %s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[]) AS taken(id, n, q, c, h)
WHERE c.id = taken.id
"""
# An hour is named by the clock that the customer had when the usage came, which may have been changed since.
_TAKE_FROM_HOURS = """
WITH taken AS (
    SELECT t.s, h.bucket AS b, sum(t.n) AS n, sum(t.q) AS q
    FROM unnest(%s::bigint[], %s::timestamptz[], %s::bigint[], %s::numeric[]) AS t(s, b, n, q)
    LEFT JOIN LATERAL (
        SELECT bucket FROM billing_hourlyusage WHERE series_id = t.s AND events >= t.n
            AND bucket > t.b - interval '1 hour' AND bucket < t.b + interval '1 hour'
        ORDER BY bucket = t.b DESC, bucket LIMIT 1
    ) h ON true
    GROUP BY 1, 2
), changed AS (
    UPDATE billing_hourlyusage h SET events = h.events - taken.n, quantity = h.quantity - taken.q
    FROM taken WHERE (h.series_id, h.bucket) = (taken.s, taken.b) RETURNING 1
)
SELECT (SELECT count(*) FROM taken) = (SELECT count(*) FROM changed)
"""

Key = TypeVar("Key", CounterKey, RollupSeries)

_counter_ids: dict[CounterKey, int] = {}
_series_ids: dict[RollupSeries, int] = {}


class SumsMissing(Exception):
    """A counter that this process remembers is gone: its period was removed."""


class SumsDisagree(Exception):
    """A sum holds less than its events gave: the books are wrong, which an audit tells more of."""

    def __init__(self) -> None:
        super().__init__("The sums of this usage hold less than its events gave them: run manage.py audit.")


def add(
    counters: Mapping[CounterKey, CounterSum], rollups: Mapping[RollupKey, RollupSum]
) -> Mapping[RollupSeries, int]:
    """
    Add to counters and rollups, inside a transaction, and return the series' numbers; the periods are gated already.

    Rows are touched in the order of their numbers, so that two batches never wait for each other in a circle.

    :raises SumsMissing: if a counter was removed since this process learned its number.
    """
    if not counters:
        return {}
    with prepared_statements.cursor() as cursor:
        counter_ids = _ids(cursor, counters, _counter_ids, _MAKE_COUNTERS, _FIND_COUNTERS, "pfrw")
        series = [series for series, _ in rollups]
        series_ids = _ids(cursor, series, _series_ids, _MAKE_SERIES, _FIND_SERIES, "pmd")
    with (
        prepared_statements.pipeline(),
        prepared_statements.cursor() as to_counters,
        prepared_statements.cursor() as to_hours,
    ):
        added: Collection[Any] = counters.values()
        fingerprints = _array(one.fingerprint for one in added)
        ids = _array(counter_ids)
        carried = "{" + ",".join([str(one.carried) for one in counters.values()]) + "}"
        to_counters.execute(_ADD_TO_COUNTERS, [ids, _events(added), _quantities(added), carried, fingerprints])
        if rollups:
            ids, added = _array(series_ids), rollups.values()
            buckets = _instants(bucket for _, bucket in rollups)
            to_hours.execute(_ADD_TO_HOURS, [ids, buckets, _events(added), _quantities(added)])
    if to_counters.rowcount != len(counters):
        raise SumsMissing
    return dict(zip(series, series_ids, strict=True))


def hold(counters: Collection[CounterKey]) -> None:
    """Lock counters in the order of their numbers, making those that are missing, for several changes to follow."""
    if counters:
        with prepared_statements.cursor() as cursor:
            ids = _ids(cursor, counters, _counter_ids, _MAKE_COUNTERS, _FIND_COUNTERS, "pfrw")
            cursor.execute(_HOLD_COUNTERS, [_array(ids)])
            if cursor.rowcount != len(counters):
                raise SumsMissing


def take_back(counters: Mapping[CounterKey, CounterSum], rollups: Mapping[RollupKey, RollupSum]) -> None:
    """
    Take from counters and rollups, which the caller holds, what events had given them.

    :raises SumsDisagree: if one holds less than is taken back.
    """
    if not counters:
        return
    with prepared_statements.cursor() as cursor:
        ids = _array(_ids(cursor, counters, _counter_ids, _MAKE_COUNTERS, _FIND_COUNTERS, "pfrw"))
        series = _array(_ids(cursor, [key for key, _ in rollups], _series_ids, _MAKE_SERIES, _FIND_SERIES, "pmd"))
        taken, hours = counters.values(), rollups.values()
        carried = "{" + ",".join([str(one.carried) for one in taken]) + "}"
        fingerprints = _array(one.fingerprint for one in taken)
        buckets = _instants(bucket for _, bucket in rollups)
        try:
            cursor.execute(_TAKE_FROM_COUNTERS, [ids, _events(taken), _quantities(taken), carried, fingerprints])
            cursor.execute(_TAKE_FROM_HOURS, [series, buckets, _events(hours), _quantities(hours)])
        except psycopg.errors.CheckViolation as error:
            raise SumsDisagree from error
        if not cursor.fetchone()[0]:
            raise SumsDisagree


def series_ids(series: Collection[RollupSeries]) -> dict[RollupSeries, int]:
    """Return the numbers of these series, giving out those that are new."""
    with prepared_statements.cursor() as cursor:
        ids = _ids(cursor, series, _series_ids, _MAKE_SERIES, _FIND_SERIES, "pmd")
    return dict(zip(series, ids, strict=True))


def _ids(
    cursor: Any, keys: Collection[Key], remembered: dict[Key, int], make: str, find: str, names: Sequence[str]
) -> list[int]:
    """Return the number of each key in turn, giving out those that are new."""
    ids = [remembered.get(key) for key in keys]
    missing = list({key for key, id_ in zip(keys, ids, strict=True) if id_ is None})
    if not missing:
        return ids  # type: ignore[return-value]
    rows = [
        {"i": position, **{name: _raw(part) for name, part in zip(names, key, strict=True)}}
        for position, key in enumerate(missing)
    ]
    document = msgspec.json.encode(rows).decode()
    cursor.execute(make, [document])
    cursor.execute(find, [document])
    found = {missing[position]: id_ for position, id_ in cursor.fetchall()}
    transaction.on_commit(lambda: _remember(remembered, found))
    return [found[key] if id_ is None else id_ for key, id_ in zip(keys, ids, strict=True)]


def _raw(part: Any) -> Any:
    return msgspec.Raw(part) if isinstance(part, bytes) else part


def _remember(remembered: dict[Key, int], found: Mapping[Key, int]) -> None:
    if len(remembered) + len(found) > MOST_REMEMBERED:
        remembered.clear()
    remembered.update(found)


def forget() -> None:
    """Drop every number that is remembered."""
    _counter_ids.clear()
    _series_ids.clear()


def _array(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


def _events(sums: Iterable[CounterSum | RollupSum]) -> str:
    return _array([one.events for one in sums])


def _quantities(sums: Iterable[CounterSum | RollupSum]) -> str:
    return "{" + ",".join([str(one.quantity) for one in sums]) + "}"


def _instants(moments: Iterable[datetime]) -> str:
    texts: dict[datetime, str] = {}  # of many that are few
    found = []
    for moment in moments:
        text = texts.get(moment)
        if text is None:
            text = texts[moment] = moment.isoformat()
        found.append(text)
    return "{" + ",".join(found) + "}"


def mark_late(period_ids: Iterable[int], *, at: datetime) -> None:
    """Note that usage arrived in these periods after they were closed."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(
            "UPDATE billing_period SET late_since = %s WHERE id = ANY(%s) AND late_since IS NULL",
            [at, sorted(period_ids)],
        )
