"""Where a subscription's periods begin and end, in its customer's time zone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from plans.catalog.stored_terms import Terms
from plans.pricing.calendar import edge, iterate, period_containing
from plans.pricing.period_anchor import Anchor, Interval

Span = tuple[datetime, datetime]

MOST_PERIODS = 2_000
"""Periods made for one subscription at a time: more than five years of days."""

TICK = timedelta(microseconds=1)
"""The least that two moments differ by: what ends just before one ends so long before it."""

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MONTHS_OF_A_YEAR = 12


ANCHOR_AT = "CASE WHEN p.is_trial THEN p.starts_at ELSE s.anchor_at END"
"""
SQL for what a period `p` of a subscription `s` is counted from. A trial has its own windows of use: its end, which is
what the periods after it are counted from, may still move.
"""


def days_after(moment: datetime, days: int, *, time_zone: str) -> datetime:
    """Return the same time of the day so many days later, by the clocks of a zone: docs/pricing.md#periods."""
    zone = ZoneInfo(time_zone)
    local = moment.astimezone(zone).replace(tzinfo=None, fold=0) + timedelta(days=days)
    return local.replace(tzinfo=zone).astimezone(UTC)


def anchor_of(terms: Terms, *, anchor_at: datetime, time_zone: str, every: int = 1) -> Anchor:
    """
    Return what the periods of a subscription on these terms are counted from.

    every: or the intervals of so many periods each, which begin where one of these does.
    """
    return _anchor(terms.anchor, anchor_at, terms.interval.times(every), time_zone)


@lru_cache(maxsize=10_000)
def _anchor(kind: str, at: datetime, interval: Interval, time_zone: str) -> Anchor:
    if kind == "calendar" and _is_fixed_by_the_calendar(interval):
        # Every subscription then has the same edges, and what is computed for one is remembered for all.
        at = _EPOCH
    return Anchor(kind, at, interval, ZoneInfo(time_zone))


def _is_fixed_by_the_calendar(interval: Interval) -> bool:
    """Tell whether the calendar alone says where the interval begins, so that the subscription's start does not."""
    return interval.count == 1 or (interval.months > 0 and _MONTHS_OF_A_YEAR % interval.months == 0)


@lru_cache(maxsize=10_000)
def whole_interval(anchor: Anchor, at: datetime) -> Span:
    """Return the whole interval of the anchor that `at` lies in: what a stub is a share of."""
    period = period_containing(anchor, at, start=at)
    return edge(anchor, period.n), period.end


_known_windows: dict[tuple[str, datetime, Interval, str], Span] = {}
MOST_KNOWN = 10_000


def window_of(terms: Terms, interval: Interval, *, anchor_at: datetime, zone: tzinfo, at: datetime) -> Span:
    """
    Return the window of use that `at` lies in, on which a price that resets every `interval` starts anew.

    It is counted from where the subscription's periods are, and not cut short by them.
    """
    key = (terms.anchor, anchor_at, interval, str(zone))
    known = _known_windows.get(key)
    if known is None or not known[0] <= at < known[1]:
        if len(_known_windows) >= MOST_KNOWN:
            _known_windows.clear()
        anchor = _anchor(terms.anchor, anchor_at, interval, str(zone))
        n = period_containing(anchor, at, start=min(at, anchor.at)).n
        known = _known_windows[key] = edge(anchor, n), edge(anchor, n + 1)
    return known


def spans(anchor: Anchor, *, start: datetime, until: datetime, end: datetime | None) -> Sequence[Span]:
    """
    Return the periods from `start` on that begin before `until`, the last one cut short by `end`.

    At most MOST_PERIODS of them; ask again from where they end for more.
    """
    if end is None and (first := whole_interval(anchor, start))[1] >= until > start:
        return [(start, first[1])]
    periods = iterate(anchor, start=start, until=until, end=end)
    return [(period.start, period.end) for period in islice(periods, MOST_PERIODS)]
