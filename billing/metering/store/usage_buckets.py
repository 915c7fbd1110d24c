"""
Buckets of recent uses, for quotas and throttles: added to in the transaction that counts the events.

Buckets that no window can reach any more are deleted by the write that makes newer ones, so a limit keeps about sixty
buckets.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from lib import prepared_statements
from plans.pricing.usage_limits import BUCKETS_PER_WINDOW, SECOND, UsageLimitTerms, bucket_start


class FeatureBuckets(NamedTuple):
    """
    The buckets of one width of a limited feature.

    is_window: whether a bucket is the whole window of a quota that begins with the first use.
    """

    subscription_id: int
    feature_id: int
    is_window: bool
    seconds: int


def bucket_keys(
    subscription_id: int, feature_id: int, usage_limits: Sequence[UsageLimitTerms]
) -> Iterator[FeatureBuckets]:
    """Yield the buckets that the quotas and throttles of a feature read, each width once."""
    widths = {
        (False, int(width.total_seconds())) for usage_limit in usage_limits for width in usage_limit.bucket_widths
    }
    widths |= {
        (True, int(usage_limit.window.total_seconds())) for usage_limit in usage_limits if not usage_limit.is_sliding
    }
    return (FeatureBuckets(subscription_id, feature_id, *width) for width in sorted(widths))


class BucketSum(msgspec.Struct, gc=False):
    """The uses that a batch adds to a bucket, or subtracts."""

    events: int = 0
    quantity: int | Decimal = 0


FeatureUses = dict[tuple[FeatureBuckets, datetime], BucketSum]
"""Bucket and its start → uses. Of a window from first use, the time is that of the use."""

CapUses = dict[tuple[int, datetime], int]
"""Spend cap and second → events."""


class CountedUses(msgspec.Struct):
    """The uses that a batch adds to the buckets of quotas and throttles, or subtracts."""

    of_features: FeatureUses = {}
    of_caps: CapUses = {}

    def add_feature_use(
        self, buckets: FeatureBuckets, used_at: datetime, quantity: int | Decimal, *, events: int
    ) -> None:
        """Add one use, in the caller's exact context."""
        starts_at = used_at if buckets.is_window else bucket_start(used_at, timedelta(seconds=buckets.seconds))
        total = self.of_features.setdefault((buckets, starts_at), BucketSum())
        total.events += events
        total.quantity += quantity

    def add_cap_use(self, cap_id: int, used_at: datetime, *, events: int = 1) -> None:
        """Add events of one time."""
        key = cap_id, bucket_start(used_at, SECOND)
        self.of_caps[key] = self.of_caps.get(key, 0) + events


# In the order of keys, so that two batches never wait for each other in a circle.
_ADD = """
INSERT INTO billing_usagebucket AS b (subscription_id, feature_id, is_window, seconds, starts_at, events, quantity)
SELECT * FROM jsonb_to_recordset(%s::jsonb) AS added(s bigint, f bigint, w boolean, l int, t timestamptz, n bigint,
    q numeric)
ORDER BY s, f, w, l, t
ON CONFLICT (subscription_id, feature_id, is_window, seconds, starts_at) DO UPDATE SET
    events = b.events + excluded.events, quantity = b.quantity + excluded.quantity
"""
# An UPDATE: the sums of a correction are negative, and its bucket may be deleted already.
_SUBTRACT = """
UPDATE billing_usagebucket b SET events = greatest(b.events - taken.n, 0), quantity = b.quantity - taken.q
FROM jsonb_to_recordset(%s::jsonb) AS taken(s bigint, f bigint, w boolean, l int, t timestamptz, n bigint, q numeric)
WHERE (b.subscription_id, b.feature_id, b.is_window, b.seconds, b.starts_at) = (s, f, w, l, t)
"""
# SKIP LOCKED: late usage of another batch may be adding to an old bucket, which the next write then deletes.
_DELETE_OLD = """
DELETE FROM billing_usagebucket WHERE (subscription_id, feature_id, is_window, seconds, starts_at) IN (
    SELECT b.subscription_id, b.feature_id, b.is_window, b.seconds, b.starts_at
    FROM jsonb_to_recordset(%s::jsonb) AS written(s bigint, f bigint, w boolean, l int, reach int)
    CROSS JOIN LATERAL (
        SELECT max(starts_at) AS latest FROM billing_usagebucket
        WHERE (subscription_id, feature_id, is_window, seconds) = (s, f, w, l)
    ) stored
    JOIN billing_usagebucket b ON (b.subscription_id, b.feature_id, b.is_window, b.seconds) = (s, f, w, l)
        AND b.starts_at < stored.latest - written.reach * interval '1 second'
    FOR UPDATE OF b SKIP LOCKED
)
"""
# Two batches that find no window must not both open one; windows are few, so one lock per feature is enough.
_LOCK_WINDOWS = """
SELECT pg_advisory_xact_lock(k) FROM (
    SELECT DISTINCT hashtextextended(format('usage windows of %%s %%s', s, f), 0) AS k
    FROM unnest(%s::bigint[], %s::bigint[]) AS u(s, f) ORDER BY k
) locks
"""
_READ_WINDOWS = """
SELECT b.subscription_id, b.feature_id, b.seconds, b.starts_at
FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) AS u(s, f, l)
JOIN billing_usagebucket b ON (b.subscription_id, b.feature_id, b.is_window, b.seconds) = (s, f, true, l)
"""
_ADD_TO_CAPS = """
INSERT INTO billing_capbucket AS b (cap_id, starts_at, events)
SELECT added.c, added.t, added.n FROM unnest(%s::bigint[], %s::timestamptz[], %s::bigint[]) AS added(c, t, n)
WHERE EXISTS (SELECT FROM billing_spendcap WHERE id = added.c)
ORDER BY 1, 2
ON CONFLICT (cap_id, starts_at) DO UPDATE SET events = b.events + excluded.events
"""
_SUBTRACT_FROM_CAPS = """
UPDATE billing_capbucket b SET events = greatest(b.events - taken.n, 0)
FROM unnest(%s::bigint[], %s::timestamptz[], %s::bigint[]) AS taken(c, t, n) WHERE (b.cap_id, b.starts_at) = (c, t)
"""
_DELETE_OLD_OF_CAPS = """
DELETE FROM billing_capbucket WHERE (cap_id, starts_at) IN (
    SELECT b.cap_id, b.starts_at
    FROM unnest(%s::bigint[]) AS written(c)
    CROSS JOIN LATERAL (SELECT max(starts_at) AS latest FROM billing_capbucket WHERE cap_id = c) stored
    JOIN billing_capbucket b ON b.cap_id = c AND b.starts_at < stored.latest - %s::interval
    FOR UPDATE OF b SKIP LOCKED
)
"""

SPAN = BUCKETS_PER_WINDOW + 2
"""How many buckets back from its latest one a sliding window reads, with one to spare."""

CAP_REACH = SECOND * SPAN
"""How far back from its latest second the throttle of a cap reads."""


def reach_of(buckets: FeatureBuckets) -> timedelta:
    """Return how far back from the latest bucket its limits read: a window in the past, or SPAN sliding buckets."""
    return timedelta(seconds=buckets.seconds) * (1 if buckets.is_window else SPAN)


class _Row(msgspec.Struct, gc=False):
    s: int
    f: int
    w: bool
    l: int  # noqa: E741  the column of the statements above
    t: datetime
    n: int = 0
    q: Decimal = Decimal(0)


class _Reach(msgspec.Struct, gc=False):
    s: int
    f: int
    w: bool
    l: int  # noqa: E741  see above
    reach: int


def add_uses(uses: CountedUses) -> None:
    """Add uses to their buckets, and delete the buckets that these make obsolete."""
    if uses.of_features:
        written = dict.fromkeys(buckets for buckets, _ in uses.of_features)
        reaches = [_Reach(*buckets, int(reach_of(buckets).total_seconds())) for buckets in written]
        with prepared_statements.cursor() as cursor:
            cursor.execute(_ADD, [_encode(_to_rows(uses.of_features))])
            cursor.execute(_DELETE_OLD, [_encode(reaches)])
    if uses.of_caps:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_ADD_TO_CAPS, _cap_columns(uses.of_caps))
            cursor.execute(_DELETE_OLD_OF_CAPS, [list({cap_id for cap_id, _ in uses.of_caps}), CAP_REACH])


def subtract_uses(uses: CountedUses) -> None:
    """Subtract the uses of corrected events from those of their buckets that still exist."""
    if uses.of_features:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_SUBTRACT, [_encode(_to_rows(uses.of_features))])
    if uses.of_caps:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_SUBTRACT_FROM_CAPS, _cap_columns(uses.of_caps))


def _cap_columns(uses: CapUses) -> list[list[int] | list[datetime]]:
    return [[cap_id for cap_id, _ in uses], [second for _, second in uses], list(uses.values())]


def _to_rows(uses: FeatureUses) -> list[_Row]:
    """Return the rows of these uses; those of windows from first use begin where their windows do."""
    windows = {buckets for buckets, _ in uses if buckets.is_window}
    starts = _open_windows(windows) if windows else {}
    sums: dict[tuple[FeatureBuckets, datetime], BucketSum] = {}
    for (buckets, used_at), added in sorted(uses.items(), key=lambda use: use[0][1]):
        starts_at = _find_window(starts[buckets], used_at, buckets.seconds) if buckets.is_window else used_at
        total = sums.setdefault((buckets, starts_at), BucketSum())
        total.events += added.events
        total.quantity += added.quantity
    return [
        _Row(*buckets, starts_at, total.events, Decimal(total.quantity))
        for (buckets, starts_at), total in sums.items()
    ]


def _open_windows(windows: set[FeatureBuckets]) -> dict[FeatureBuckets, list[datetime]]:
    """Lock these windows from first use against other batches, and return the starts of the stored ones."""
    ordered = sorted(windows)
    subscription_ids, feature_ids = (
        [buckets.subscription_id for buckets in ordered],
        [buckets.feature_id for buckets in ordered],
    )
    starts: dict[FeatureBuckets, list[datetime]] = {buckets: [] for buckets in ordered}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_LOCK_WINDOWS, [subscription_ids, feature_ids])
        cursor.execute(_READ_WINDOWS, [subscription_ids, feature_ids, [buckets.seconds for buckets in ordered]])
        for subscription_id, feature_id, seconds, starts_at in cursor.fetchall():
            starts[FeatureBuckets(subscription_id, feature_id, True, seconds)].append(starts_at)
    return starts


def _find_window(starts: list[datetime], used_at: datetime, seconds: int) -> datetime:
    """Return the start of the last window that began before a use and still runs; the use opens one if none does."""
    running = [start for start in starts if start <= used_at < start + timedelta(seconds=seconds)]
    if not running:
        starts.append(used_at)
        return used_at
    return max(running)


def _encode(rows: Sequence[_Row | _Reach]) -> str:
    return msgspec.json.encode(rows).decode()
