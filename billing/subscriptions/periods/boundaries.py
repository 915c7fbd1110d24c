"""Period boundaries of a subscription, in its customer's time zone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from plans.catalog.stored_terms import VersionTerms
from plans.pricing.calendar import boundary, iterate_periods, period_containing
from plans.pricing.period_anchor import Anchor, AnchorKind, Interval


class TimeInterval(NamedTuple):
    """A half-open interval [start, end)."""

    start: datetime
    end: datetime


MAX_PERIODS = 2_000
"""Periods computed for one subscription at a time: more than five years of daily periods."""

TICK = timedelta(microseconds=1)
"""
The smallest difference between two moments: an interval that ends just before another one starts ends one tick
earlier.
"""

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MONTHS_PER_YEAR = 12


ANCHOR_AT = "CASE WHEN p.is_trial THEN p.starts_at ELSE coalesce(p.anchor_at, s.anchor_at) END"
"""
SQL for the anchor of a period `p` of a subscription `s`.

A trial has usage windows of its own, because its end, which anchors the periods after it, may still move.
"""


def days_after(moment: datetime, days: int, *, time_zone: str) -> datetime:
    """Return the same local time of day `days` days later in a time zone: docs/pricing.md#periods."""
    zone = ZoneInfo(time_zone)
    local = moment.astimezone(zone).replace(tzinfo=None, fold=0) + timedelta(days=days)
    return local.replace(tzinfo=zone).astimezone(UTC)


def period_anchor(
    terms: VersionTerms, *, anchor_at: datetime, time_zone: str, periods_per_interval: int = 1
) -> Anchor:
    """
    Return the anchor of the periods of a subscription with these terms.

    periods_per_interval: with more than one, the anchor of longer intervals of that many periods each; every interval
    starts at a period boundary.
    """
    return _cached_anchor(terms.anchor, anchor_at, terms.interval.multiplied_by(periods_per_interval), time_zone)


@lru_cache(maxsize=10_000)
def _cached_anchor(kind: AnchorKind, at: datetime, interval: Interval, time_zone: str) -> Anchor:
    if kind == "calendar" and _is_fixed_by_calendar(interval):
        # Every subscription then has the same boundaries, so one cache entry serves them all.
        at = _EPOCH
    return Anchor(kind, at, interval, ZoneInfo(time_zone))


def _is_fixed_by_calendar(interval: Interval) -> bool:
    """
    Return whether the calendar alone determines the interval's boundaries, independent of the subscription's start.
    """
    return interval.count == 1 or (interval.months > 0 and _MONTHS_PER_YEAR % interval.months == 0)


@lru_cache(maxsize=10_000)
def whole_interval(anchor: Anchor, at: datetime) -> TimeInterval:
    """Return the full interval of the anchor that contains `at`; a stub period is prorated against it."""
    period = period_containing(anchor, at, start=at)
    return TimeInterval(boundary(anchor, period.n), period.end)


_cached_windows: dict[tuple[str, datetime, Interval, str], TimeInterval] = {}
# Bounds the memory of a process; a cleared window is computed again.
MAX_CACHED_WINDOWS = 10_000


def usage_window(
    terms: VersionTerms, interval: Interval, *, anchor_at: datetime, zone: tzinfo, at: datetime
) -> TimeInterval:
    """
    Return the usage window that contains `at`, for a price that resets every `interval`.

    Windows count from the same anchor as the subscription's periods, and period boundaries don't shorten them.
    """
    key = (terms.anchor, anchor_at, interval, str(zone))
    window = _cached_windows.get(key)
    if window is None or not window.start <= at < window.end:
        if len(_cached_windows) >= MAX_CACHED_WINDOWS:
            _cached_windows.clear()
        anchor = _cached_anchor(terms.anchor, anchor_at, interval, str(zone))
        n = period_containing(anchor, at, start=min(at, anchor.at)).n
        window = _cached_windows[key] = TimeInterval(boundary(anchor, n), boundary(anchor, n + 1))
    return window


def period_intervals(
    anchor: Anchor, *, start: datetime, until: datetime, end: datetime | None
) -> Sequence[TimeInterval]:
    """
    Return the periods from `start` on that begin before `until`, the last one shortened to `end`.

    They are at most MAX_PERIODS; for more, call again from the end of the last one.
    """
    # The common case, one period up to the next boundary, comes from the cache of whole intervals.
    if end is None and (first := whole_interval(anchor, start)).end >= until > start:
        return [TimeInterval(start, first.end)]
    periods = iterate_periods(anchor, start=start, until=until, end=end)
    return [TimeInterval(period.start, period.end) for period in islice(periods, MAX_PERIODS)]
