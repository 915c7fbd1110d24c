"""
Compare the buckets of quotas and throttles with the events in them.

Ingest deletes old buckets, and late usage may make one of them again with a part of its events. So only the buckets
that a window can still reach are compared.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from billing.metering.ingest.attribution import Attribution
from billing.metering.ingest.event_contributions import counted_contributions
from billing.metering.ingest.event_reader import StoredEvent
from billing.metering.ingest.event_recorder import add_limited_event
from billing.metering.store.unmatched_usage import ReportState
from billing.metering.store.usage_buckets import CAP_REACH, CountedUses, FeatureBuckets, reach_of

Row = dict[str, Any]
Uses = tuple[int, int | Decimal]
UsesByTime = dict[datetime, Uses]

# Bounds the memory: beyond it, times that no window reaches any more are dropped.
MAX_TIMES = 10_000

# Of buckets that a removed event may have been in, nothing can be compared.
_REMOVED = "(SELECT max(r.until) FROM billing_eventremoval r WHERE r.customer_id = {customer})"
_BUCKETS = f"""
SELECT b.subscription_id, b.feature_id, b.is_window, b.seconds, {_REMOVED.format(customer="s.customer_id")},
    b.starts_at, b.events, b.quantity
FROM billing_usagebucket b JOIN billing_subscription s ON s.id = b.subscription_id
WHERE s.customer_id > %(after)s AND s.customer_id <= %(up_to)s
"""  # noqa: S608
_CAP_BUCKETS = f"""
SELECT b.cap_id, {_REMOVED.format(customer="coalesce(c.customer_id, s.customer_id)")}, b.starts_at, b.events
FROM billing_capbucket b JOIN billing_spendcap c ON c.id = b.cap_id
LEFT JOIN billing_subscription s ON s.id = c.subscription_id
WHERE coalesce(c.customer_id, s.customer_id) > %(after)s AND coalesce(c.customer_id, s.customer_id) <= %(up_to)s
"""  # noqa: S608


class LimitedSums:
    """The uses of limited features and throttling caps, by bucket."""

    def __init__(self) -> None:
        self.of_features: dict[FeatureBuckets, UsesByTime] = {}
        self.of_caps: dict[int, UsesByTime] = {}

    def add_event(
        self,
        row: StoredEvent,
        attribution: Attribution,
        reports: dict[int | None, ReportState],
        correction_sequence: int | None,
    ) -> None:
        """Add an event. One that a correction has voided leaves its buckets there, without it."""
        if not any(stop.limits for stop in attribution.route.stops):
            return
        parts = list(counted_contributions(row.sequence, attribution, reports, correction_sequence=None))
        uses = CountedUses()
        values = [(part.stop.limits, part.value) for part, _ in parts]
        add_limited_event(uses, values, row.occurred_at, is_counted=correction_sequence is None)
        for (buckets, at), total in uses.of_features.items():
            _add(self.of_features.setdefault(buckets, {}), at, total.events, total.quantity, reach_of(buckets))
        counted_at = max((report.resolved_at for _, report in parts if report and report.resolved_at), default=None)
        began = {
            cap.cap_id: cap.counts_from
            for stop in attribution.route.stops
            for target in stop.limits
            for cap in target.caps
        }
        for (cap_id, second), events in uses.of_caps.items():
            # An event that was counted before the cap began to throttle is in none of its seconds.
            if (counted_at or row.received_at) >= began[cap_id]:
                _add(self.of_caps.setdefault(cap_id, {}), second, events, 0, CAP_REACH)

    def wrong_buckets(self, *, after: int, up_to: int) -> Iterator[Row]:
        """Yield the buckets of these customers that differ from their events."""
        customers = {"after": after, "up_to": up_to}
        stored: dict[FeatureBuckets, UsesByTime] = {}
        removed_of_features: dict[FeatureBuckets, datetime | None] = {}
        removed_of_caps: dict[int, datetime | None] = {}
        with connection.cursor() as cursor:
            cursor.execute(_BUCKETS, customers)
            for *key, removed_until, starts_at, events, quantity in cursor.fetchall():
                removed_of_features[FeatureBuckets(*key)] = removed_until
                stored.setdefault(FeatureBuckets(*key), {})[starts_at] = events, quantity
            cursor.execute(_CAP_BUCKETS, customers)
            stored_of_caps: dict[int, UsesByTime] = {}
            for cap_id, removed_until, second, events in cursor.fetchall():
                removed_of_caps[cap_id] = removed_until
                stored_of_caps.setdefault(cap_id, {})[second] = events, 0
        for buckets in stored.keys() | self.of_features.keys():
            counted = self.of_features.get(buckets, {})
            if buckets.is_window:
                counted = _in_windows(counted, stored.get(buckets, {}), buckets.seconds)
            yield from _differences(
                buckets._asdict(),
                stored.get(buckets, {}),
                counted,
                reach_of(buckets),
                removed_until=removed_of_features.get(buckets),
            )
        for cap_id in stored_of_caps.keys() | self.of_caps.keys():
            yield from _differences(
                {"cap_id": cap_id},
                stored_of_caps.get(cap_id, {}),
                self.of_caps.get(cap_id, {}),
                CAP_REACH,
                removed_until=removed_of_caps.get(cap_id),
            )


def _add(sums: UsesByTime, at: datetime, events: int, quantity: int | Decimal, reach: timedelta) -> None:
    events_before, quantity_before = sums.get(at, (0, 0))
    sums[at] = events_before + events, quantity_before + quantity
    if len(sums) > MAX_TIMES:
        latest = max(sums)
        for old in [time for time in sums if time < latest - reach]:
            del sums[old]


def _in_windows(counted: UsesByTime, stored: UsesByTime, seconds: int) -> UsesByTime:
    """
    Return the uses in the stored windows: each in the last one that began before it and still ran. A window begins
    with a use.
    """
    length, starts = timedelta(seconds=seconds), stored.keys() & counted.keys()
    sums: UsesByTime = {}
    for at, (events, quantity) in counted.items():
        start = max((start for start in starts if start <= at < start + length), default=at)
        events_before, quantity_before = sums.get(start, (0, 0))
        sums[start] = events_before + events, quantity_before + quantity
    return sums


def _differences(
    names: dict[str, Any],
    stored: UsesByTime,
    counted: UsesByTime,
    reach: timedelta,
    *,
    removed_until: datetime | None,
) -> Iterator[Row]:
    since = max(stored.keys() | counted.keys()) - reach
    if removed_until is not None:
        since = max(since, removed_until + reach)
    for starts_at in sorted(stored.keys() | counted.keys()):
        there, by_events = stored.get(starts_at), counted.get(starts_at)
        if starts_at >= since and there != by_events:
            yield {
                **names,
                "starts_at": starts_at,
                "stored": _describe(there),
                "by its events": _describe(by_events),
            }


def _describe(uses: Uses | None) -> str:
    return "nothing" if uses is None else f"{uses[1]} in {uses[0]} events"
