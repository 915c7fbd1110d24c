"""
Counters and rollups: sums stored with the events, in the transaction that inserts them.

The key of a sum is stored once, as a row with an id; an update sends the id and the sums only. Ids are cached per
process, once the transaction that created them has committed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import msgspec
import psycopg
from django.db import transaction
from psycopg import Cursor

from billing.triggers import COST_LOCK_ID
from lib import prepared_statements

# Bounds the memory of a process.
MAX_CACHED_IDS = 500_000


class CounterKey(NamedTuple):
    """The key of a counter. `rate_id` is 0 for a hard cap without a price."""

    period_id: int
    plan_feature_id: int
    rate_id: int
    window_start: datetime


class RollupSeries(NamedTuple):
    """The key of a series. `dimensions` is encoded JSON with sorted keys."""

    period_id: int
    meter_id: int
    dimensions: bytes


RollupKey = tuple[RollupSeries, datetime]
"""A series and the start of an hour."""


class CounterSum(msgspec.Struct, gc=False):
    """The sums that a batch adds to a counter."""

    events: int = 0
    quantity: int | Decimal = 0
    carried: int | Decimal = 0
    fingerprint: int = 0


class RollupSum(msgspec.Struct, gc=False):
    """The sums that a batch adds to a rollup."""

    events: int = 0
    quantity: int | Decimal = 0


class LockedPeriod(NamedTuple):
    """The facts of a period that ingest needs before it counts into it."""

    revision: int
    is_closed: bool


# Shared by batches, exclusive for a change of unit costs: no batch counts usage at a cost that is being replaced.
_LOCK_COSTS_SHARED = "SELECT pg_advisory_xact_lock_shared(%s)"
_READ_REVISION = "SELECT revision FROM plans_catalogrevision"
# FOR KEY SHARE: batches don't wait for each other, but a close, which takes FOR UPDATE, waits for all of them. In the
# order of ids, so that two batches never wait for each other in a circle.
_LOCK_PERIODS = """
SELECT (SELECT revision FROM plans_catalogrevision), id, revision, state = 'closed'
FROM billing_period WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE
"""


# A transaction that adds a period locks the last one first. While ingest shares that lock, no period is added that
# would miss a carried-over level.
_LOCK_LAST_PERIODS = """
SELECT subscription_id, starts_at FROM billing_period WHERE id IN (
    SELECT last.id FROM unnest(%s::bigint[]) AS c(subscription) JOIN LATERAL (
        SELECT id FROM billing_period WHERE subscription_id = c.subscription AND kind = 'regular'
        ORDER BY starts_at DESC LIMIT 1
    ) last ON true
) ORDER BY id FOR SHARE
"""
# FOR KEY SHARE: ingests run side by side, and a close, which locks FOR UPDATE, waits for them.
_LOCK_LATER_PERIODS = """
SELECT p.subscription_id, p.id, p.starts_at, p.state = 'closed'
FROM unnest(%s::bigint[], %s::timestamptz[]) AS c(subscription, since)
JOIN billing_period p ON p.subscription_id = c.subscription AND p.kind = 'regular' AND p.starts_at >= c.since
ORDER BY p.id FOR KEY SHARE OF p
"""


class LaterPeriods(NamedTuple):
    """Closed periods whose opening level depends on earlier ones: (subscription, id, start) of each."""

    closed: tuple[tuple[int, int, datetime], ...]

    def affected_by(self, carryovers: Iterable[tuple[int, datetime]]) -> set[int]:
        """Return the ids of the periods that a change affects: of these subscriptions, from these times on."""
        since: dict[int, datetime] = {}
        for subscription_id, changes_at in carryovers:
            since[subscription_id] = min(changes_at, since.get(subscription_id, changes_at))
        return {id_ for subscription_id, id_, start in self.closed if start >= since.get(subscription_id, NEVER)}


NEVER = datetime.max.replace(tzinfo=UTC)


class PeriodLocks(NamedTuple):
    """Periods locked until the transaction ends. `revision` is the catalog's."""

    revision: int
    periods: dict[int, LockedPeriod]
    later: LaterPeriods


def lock_periods(
    period_ids: Iterable[int], *, carryovers: Collection[tuple[int, datetime]] = (), is_costed: bool = False
) -> PeriodLocks:
    """
    Lock these periods against closing until the transaction ends, and return the facts that ingest needs.

    carryovers: subscriptions, each with the time from which on the opening level of its periods may change. These
        periods are locked as well, and no period is added after them.
    is_costed: whether unit costs must not change. They are locked first, so that the revision read afterwards
        includes any earlier change.

    Ingests share the lock; a close holds it alone. The second one waits, and then reads the changes of the first.
    Periods are locked in the order of their ids, against deadlocks.
    """
    with prepared_statements.cursor() as cost_cursor, prepared_statements.cursor() as period_cursor:
        with prepared_statements.pipeline():
            if is_costed:
                cost_cursor.execute(_LOCK_COSTS_SHARED, [COST_LOCK_ID])
            period_cursor.execute(_LOCK_PERIODS, [_array(sorted(period_ids))])
        rows = period_cursor.fetchall()
        if not rows:
            period_cursor.execute(_READ_REVISION)
            [(catalog_revision,)] = period_cursor.fetchall()
            return PeriodLocks(catalog_revision, {}, LaterPeriods(()))
    locked_periods = {id_: LockedPeriod(revision, is_closed) for _, id_, revision, is_closed in rows}
    return PeriodLocks(
        rows[0][0], locked_periods, _lock_later_periods(carryovers) if carryovers else LaterPeriods(())
    )


def _lock_later_periods(carryovers: Collection[tuple[int, datetime]]) -> LaterPeriods:
    subscriptions, since = map(list, zip(*carryovers, strict=True))
    with prepared_statements.cursor() as last_cursor, prepared_statements.cursor() as later_cursor:
        while True:
            with prepared_statements.pipeline():
                last_cursor.execute(_LOCK_LAST_PERIODS, [_array(subscriptions)])
                later_cursor.execute(_LOCK_LATER_PERIODS, [_array(subscriptions), _timestamps(since)])
            last_starts, rows = dict(last_cursor.fetchall()), later_cursor.fetchall()
            # A period may have been added while this transaction waited for the lock on the last one.
            if all(start <= last_starts[subscription_id] for subscription_id, _, start, _ in rows):
                return LaterPeriods(tuple(row[:3] for row in rows if row[3]))


_INSERT_COUNTERS = """
INSERT INTO billing_counter (period_id, plan_feature_id, rate_id, window_start, events, quantity, carried,
    fingerprint)
SELECT p, f, r, w, 0, 0, 0, 0 FROM jsonb_to_recordset(%s::jsonb) AS sent(p bigint, f bigint, r bigint, w timestamptz)
ORDER BY p, f, r, w ON CONFLICT DO NOTHING
"""
# LATERAL reads one key at a time by index: a plain join might scan the whole table to find a few rows.
_FIND_COUNTERS = """
SELECT sent.i, c.id
FROM jsonb_to_recordset(%s::jsonb) AS sent(i int, p bigint, f bigint, r bigint, w timestamptz)
CROSS JOIN LATERAL (
    SELECT id FROM billing_counter WHERE (period_id, plan_feature_id, rate_id, window_start) = (p, f, r, w) LIMIT 1
) c
"""
_INSERT_SERIES = """
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
# The join fixes the order of the row locks by id, which a plain UPDATE doesn't guarantee.
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

# In the order of ids, like every update of counters.
_LOCK_COUNTERS = "SELECT FROM billing_counter WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE"
# An UPDATE, not an INSERT with ON CONFLICT: the negative sums of a correction would violate the constraints of an
# inserted row.
_SUBTRACT_FROM_COUNTERS = """
UPDATE billing_counter c SET
    events = c.events - taken.n,
    quantity = c.quantity - taken.q,
    carried = c.carried - taken.c,
    fingerprint = c.fingerprint - taken.h
FROM unnest(%s::bigint[], %s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[]) AS taken(id, n, q, c, h)
WHERE c.id = taken.id
"""
# An hour starts by the customer's time zone at ingest, which may have changed since; so the nearest stored hour is
# used.
_SUBTRACT_FROM_HOURS = """
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


class CounterMissing(Exception):
    """A counter whose id this process cached is gone: its period was deleted."""


class CounterUnderflow(Exception):
    """A sum holds less than its events contributed: the books are wrong, and the audit command gives details."""

    def __init__(self) -> None:
        super().__init__("The counter of this usage is below the sum of its events; run manage.py audit.")


def add_to_counters(
    counters: Mapping[CounterKey, CounterSum], rollups: Mapping[RollupKey, RollupSum]
) -> Mapping[RollupSeries, int]:
    """
    Add to counters and rollups inside a transaction, and return the ids of the series; the periods are locked
    already.

    Rows are updated in the order of their ids, so that two batches can't deadlock.

    :raises CounterMissing: if a counter was deleted since this process cached its id.
    """
    if not counters:
        return {}
    with prepared_statements.cursor() as cursor:
        counter_ids = _ensure_ids(cursor, counters, _counter_ids, _INSERT_COUNTERS, _FIND_COUNTERS, "pfrw")
        series = [series for series, _ in rollups]
        series_ids = _ensure_ids(cursor, series, _series_ids, _INSERT_SERIES, _FIND_SERIES, "pmd")
    with (
        prepared_statements.pipeline(),
        prepared_statements.cursor() as counter_cursor,
        prepared_statements.cursor() as hour_cursor,
    ):
        counter_sums, rollup_sums = counters.values(), rollups.values()
        fingerprints = _array(counter_sum.fingerprint for counter_sum in counter_sums)
        ids = _array(counter_ids)
        carried = "{" + ",".join([str(counter_sum.carried) for counter_sum in counter_sums]) + "}"
        counter_cursor.execute(
            _ADD_TO_COUNTERS, [ids, _event_array(counter_sums), _quantity_array(counter_sums), carried, fingerprints]
        )
        if rollups:
            ids = _array(series_ids)
            buckets = _timestamps(bucket for _, bucket in rollups)
            hour_cursor.execute(
                _ADD_TO_HOURS, [ids, buckets, _event_array(rollup_sums), _quantity_array(rollup_sums)]
            )
    # A cached id without its row: the period was deleted since.
    if counter_cursor.rowcount != len(counters):
        raise CounterMissing
    return dict(zip(series, series_ids, strict=True))


def lock_counters(counters: Collection[CounterKey]) -> None:
    """Lock counters in the order of their ids, creating missing ones, so that several changes can follow."""
    if counters:
        with prepared_statements.cursor() as cursor:
            ids = _ensure_ids(cursor, counters, _counter_ids, _INSERT_COUNTERS, _FIND_COUNTERS, "pfrw")
            cursor.execute(_LOCK_COUNTERS, [_array(ids)])
            if cursor.rowcount != len(counters):
                raise CounterMissing


def subtract_from_counters(counters: Mapping[CounterKey, CounterSum], rollups: Mapping[RollupKey, RollupSum]) -> None:
    """
    Subtract the contributions of events from counters and rollups, which the caller holds locked.

    :raises CounterUnderflow: if a sum is less than its subtraction.
    """
    if not counters:
        return
    with prepared_statements.cursor() as cursor:
        ids = _array(_ensure_ids(cursor, counters, _counter_ids, _INSERT_COUNTERS, _FIND_COUNTERS, "pfrw"))
        series = _array(
            _ensure_ids(cursor, [key for key, _ in rollups], _series_ids, _INSERT_SERIES, _FIND_SERIES, "pmd")
        )
        counter_sums, rollup_sums = counters.values(), rollups.values()
        carried = "{" + ",".join([str(counter_sum.carried) for counter_sum in counter_sums]) + "}"
        fingerprints = _array(counter_sum.fingerprint for counter_sum in counter_sums)
        buckets = _timestamps(bucket for _, bucket in rollups)
        try:
            cursor.execute(
                _SUBTRACT_FROM_COUNTERS,
                [ids, _event_array(counter_sums), _quantity_array(counter_sums), carried, fingerprints],
            )
            cursor.execute(
                _SUBTRACT_FROM_HOURS, [series, buckets, _event_array(rollup_sums), _quantity_array(rollup_sums)]
            )
        except psycopg.errors.CheckViolation as error:
            raise CounterUnderflow from error
        [(is_complete,)] = cursor.fetchall()
        if not is_complete:
            raise CounterUnderflow


def ensure_series(series: Collection[RollupSeries]) -> dict[RollupSeries, int]:
    """Return the ids of these series, creating missing ones."""
    with prepared_statements.cursor() as cursor:
        ids = _ensure_ids(cursor, series, _series_ids, _INSERT_SERIES, _FIND_SERIES, "pmd")
    return dict(zip(series, ids, strict=True))


def _ensure_ids(
    cursor: Cursor[Any],
    keys: Collection[Key],
    cached_ids: dict[Key, int],
    insert_sql: str,
    find_sql: str,
    field_names: Sequence[str],
) -> list[int]:
    """Return the id of each key in order, creating missing rows."""
    ids = [cached_ids.get(key) for key in keys]
    known_ids = [id_ for id_ in ids if id_ is not None]
    if len(known_ids) == len(ids):
        return known_ids
    missing = list({key for key, id_ in zip(keys, ids, strict=True) if id_ is None})
    rows = [
        {"i": position, **{name: _as_raw_json(key_part) for name, key_part in zip(field_names, key, strict=True)}}
        for position, key in enumerate(missing)
    ]
    document = msgspec.json.encode(rows).decode()
    cursor.execute(insert_sql, [document])
    cursor.execute(find_sql, [document])
    new_ids = {missing[position]: id_ for position, id_ in cursor.fetchall()}
    # Ids of a transaction that rolls back must never be cached.
    transaction.on_commit(lambda: _cache_ids(cached_ids, new_ids))
    return [new_ids[key] if id_ is None else id_ for key, id_ in zip(keys, ids, strict=True)]


def _as_raw_json(key_part: Any) -> Any:
    return msgspec.Raw(key_part) if isinstance(key_part, bytes) else key_part


def _cache_ids(cached_ids: dict[Key, int], new_ids: Mapping[Key, int]) -> None:
    # Emptied as a whole: ids of old periods are never used again.
    if len(cached_ids) + len(new_ids) > MAX_CACHED_IDS:
        cached_ids.clear()
    cached_ids.update(new_ids)


def clear_id_cache() -> None:
    """Drop all cached ids."""
    _counter_ids.clear()
    _series_ids.clear()


def _array(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


def _event_array(sums: Iterable[CounterSum | RollupSum]) -> str:
    return _array([sum_.events for sum_ in sums])


def _quantity_array(sums: Iterable[CounterSum | RollupSum]) -> str:
    return "{" + ",".join([str(sum_.quantity) for sum_ in sums]) + "}"


def _timestamps(moments: Iterable[datetime]) -> str:
    texts: dict[datetime, str] = {}  # a batch repeats few distinct times
    array = []
    for moment in moments:
        text = texts.get(moment)
        if text is None:
            text = texts[moment] = moment.isoformat()
        array.append(text)
    return "{" + ",".join(array) + "}"


def mark_late(period_ids: Iterable[int], *, at: datetime) -> None:
    """Record that usage arrived in these periods after they were closed."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(
            "UPDATE billing_period SET late_since = %s WHERE id = ANY(%s) AND late_since IS NULL",
            [at, sorted(period_ids)],
        )
