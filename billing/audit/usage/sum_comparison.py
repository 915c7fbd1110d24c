"""Sums of events beside the sums that were kept."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection

from billing.metering.store.counter_store import CounterKey, RollupSeries
from plans.pricing.rating import BEYOND

Row = dict[str, Any]
Figures = tuple[int, int | Decimal, int | Decimal]
NOTHING: Figures = (0, 0, 0)


@dataclass(slots=True)
class Sums:
    """
    Key → events, quantity and fingerprint.

    marked: (counter, mark) → what came after the mark before it and up to this one.
    rollups: (series, hour) → figures, whose fingerprint is 0.
    """

    counters: dict[CounterKey, list[Any]] = field(default_factory=dict)
    marked: dict[tuple[CounterKey, int], list[Any]] = field(default_factory=dict)
    rollups: dict[tuple[RollupSeries, datetime], list[Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Recounted:
    """
    Sums of the events of some customers.

    doubtful: usage that another subscription had taken already when the one it would count into was made: it was
    counted if it was replayed since, and was not if it was never looked at again.
    """

    certain: Sums = field(default_factory=Sums)
    doubtful: Sums = field(default_factory=Sums)

    def pop(self, of: str, key: Any) -> list[Figures]:
        """Return what a key may come to, the fuller sum first, and forget it."""
        certain: Figures = tuple(getattr(self.certain, of).pop(key, NOTHING))
        doubtful = getattr(self.doubtful, of).pop(key, None)
        return [certain] if doubtful is None else [plus(certain, tuple(doubtful)), certain]


def add(sums: dict[Any, list[Any]], key: Any, events: int, value: int | Decimal, fingerprint: int) -> None:
    total = sums.get(key)
    if total is None:
        sums[key] = [events, value, fingerprint]
    else:
        total[0] += events
        total[1] += value
        total[2] += fingerprint


def plus(one: Figures, other: Figures) -> Figures:
    return (one[0] + other[0], one[1] + other[1], one[2] + other[2])


_OF_CUSTOMERS = """
JOIN billing_period p ON p.id = {table}.period_id JOIN billing_subscription s ON s.id = p.subscription_id
WHERE s.customer_id > %(after)s AND s.customer_id <= %(up_to)s
"""
_COUNTERS = f"""
SELECT c.period_id, c.plan_feature_id, c.rate_id, c.window_start, c.events, c.quantity, c.fingerprint
FROM billing_counter c {_OF_CUSTOMERS.format(table="c")}
"""  # noqa: S608
_SNAPSHOTS = f"""
SELECT b.line_id, b.high_water_mark, b.period_id, b.plan_feature_id, b.rate_id, b.window_start, b.events, b.quantity,
    b.fingerprint
FROM billing_billedusage b {_OF_CUSTOMERS.format(table="b")} AND b.rate_id <> {BEYOND} AND p.kind <> 'undone'
ORDER BY b.high_water_mark
"""  # noqa: S608
_HOURS = f"""
SELECT r.period_id, r.meter_id, r.dimensions::text, s.customer_id, h.bucket, h.events, h.quantity
FROM billing_hourlyusage h JOIN billing_series r ON r.id = h.series_id {_OF_CUSTOMERS.format(table="r")}
"""  # noqa: S608

_label = msgspec.json.Encoder(order="sorted").encode
_dimensions = msgspec.json.Decoder(dict[str, str]).decode


def _stored(statement: str, after: int, up_to: int) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"after": after, "up_to": up_to})
        while rows := cursor.fetchmany(10_000):
            yield from rows


def wrong_counters(found: Recounted, *, after: int, up_to: int) -> Iterator[Row]:
    for *parts, events, quantity, fingerprint in _stored(_COUNTERS, after, up_to):
        key = CounterKey(*parts)
        if (events, quantity, fingerprint) not in (expected := found.pop("counters", key)):
            yield _row(key._asdict(), (events, quantity, fingerprint), expected[0])
    for key, total in found.certain.counters.items():
        yield _row(key._asdict(), None, total)


def wrong_snapshots(found: Recounted, *, after: int, up_to: int) -> Iterator[Row]:
    """A snapshot holds everything up to its mark, so the sums between marks are added up."""
    so_far: dict[CounterKey, list[Figures]] = {}
    for line_id, mark, *parts, events, quantity, fingerprint in _stored(_SNAPSHOTS, after, up_to):
        key = CounterKey(*parts)
        before, more = so_far.get(key, [NOTHING]), found.pop("marked", (key, mark))
        expected = so_far[key] = [
            plus(a, b) for a, b in zip(_padded(before, more), _padded(more, before), strict=True)
        ]
        if (events, quantity, fingerprint) not in expected:
            yield _row({"line_id": line_id, "mark": mark}, (events, quantity, fingerprint), expected[0])


def _padded(one: list[Figures], other: list[Figures]) -> list[Figures]:
    return one + one[-1:] * (len(other) - len(one))


def wrong_rollups(found: Recounted, *, moved: Collection[int], after: int, up_to: int) -> Iterator[Row]:
    """Compare hour by hour; a customer who has moved to another time zone is told by the sum of the hours only."""
    loose: dict[RollupSeries, list[Any]] = {}
    for period_id, meter_id, dimensions, customer_id, bucket, events, quantity in _stored(_HOURS, after, up_to):
        series = RollupSeries(period_id, meter_id, _label(_dimensions(dimensions)))
        if customer_id in moved:
            _add_figures(loose, series, events, quantity)
        elif (events, quantity, 0) not in (expected := found.pop("rollups", (series, bucket))):
            yield _row({**series._asdict(), "hour": bucket}, (events, quantity, 0), expected[0])
    for (series, bucket), (events, quantity, _) in found.certain.rollups.items():
        if series in loose:
            _add_figures(loose, series, -events, -quantity)
        else:
            yield _row({**series._asdict(), "hour": bucket}, None, (events, quantity, 0))
    for series, (events, quantity) in loose.items():
        if events or quantity:
            yield {**series._asdict(), "too many events": events, "too much": str(quantity)}


def _add_figures(sums: dict[Any, list[Any]], key: Any, events: int, quantity: Any) -> None:
    total = sums.setdefault(key, [0, Decimal(0)])
    total[0] += events
    total[1] += quantity


def _row(names: dict[str, Any], stored: Figures | None, counted: Sequence[Any]) -> Row:
    return {**names, "stored": _told(stored), "by its events": _told(counted)}


def _told(figures: Sequence[Any] | None) -> str:
    return "nothing" if figures is None else f"{figures[1]} in {figures[0]} events, fingerprint {figures[2]}"
