"""Compare the sums of events with the stored sums."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection

from billing.metering.store.counter_store import CounterKey, RollupSeries
from plans.pricing.rating import UNCOVERED

Row = dict[str, Any]
Figures = tuple[int, int | Decimal, int | Decimal]
NO_FIGURES: Figures = (0, 0, 0)


@dataclass(slots=True)
class UsageSums:
    """
    Key → events, quantity and fingerprint.

    marked: (counter, mark) → usage after the previous mark and up to this one. rollups: (series, hour) → figures,
    with fingerprint 0.
    """

    counters: dict[CounterKey, list[Any]] = field(default_factory=dict)
    marked: dict[tuple[CounterKey, int], list[Any]] = field(default_factory=dict)
    rollups: dict[tuple[RollupSeries, datetime], list[Any]] = field(default_factory=dict)


@dataclass(slots=True)
class RecountedUsage:
    """
    Sums of the events of some customers.

    doubtful: usage that another subscription had counted before the subscription of this counter was created. It is
    in the counter only if it was reprocessed since, so both sums are valid.
    """

    certain: UsageSums = field(default_factory=UsageSums)
    doubtful: UsageSums = field(default_factory=UsageSums)

    def drop(self, period_ids: Collection[int]) -> None:
        """Drop the sums of these periods."""
        for sums in (self.certain, self.doubtful):
            sums.counters = {key: total for key, total in sums.counters.items() if key.period_id not in period_ids}
            sums.rollups = {key: total for key, total in sums.rollups.items() if key[0].period_id not in period_ids}
            sums.marked = {key: total for key, total in sums.marked.items() if key[0].period_id not in period_ids}

    def pop(self, field_name: str, key: Any) -> list[Figures]:
        """Remove a key and return its valid sums, the larger one first."""
        certain: Figures = tuple(getattr(self.certain, field_name).pop(key, NO_FIGURES))
        doubtful = getattr(self.doubtful, field_name).pop(key, None)
        return [certain] if doubtful is None else [add_figures(certain, tuple(doubtful)), certain]


def add(sums: dict[Any, list[Any]], key: Any, events: int, value: int | Decimal, fingerprint: int) -> None:
    total = sums.get(key)
    if total is None:
        sums[key] = [events, value, fingerprint]
    else:
        total[0] += events
        total[1] += value
        total[2] += fingerprint


def add_figures(figures: Figures, other: Figures) -> Figures:
    return (figures[0] + other[0], figures[1] + other[1], figures[2] + other[2])


# Some events of these periods have left, so their sums can't be compared.
_REMOVED_PERIODS = """
SELECT p.id FROM (SELECT customer_id, max(until) AS until FROM billing_eventremoval
    WHERE customer_id > %(after)s AND customer_id <= %(up_to)s GROUP BY 1) r
JOIN billing_subscription s ON s.customer_id = r.customer_id
JOIN billing_period p ON p.subscription_id = s.id AND p.starts_at < r.until AND p.ends_at > p.starts_at
"""
OF_CUSTOMERS = f"""
JOIN billing_period p ON p.id = {{table}}.period_id JOIN billing_subscription s ON s.id = p.subscription_id
WHERE s.customer_id > %(after)s AND s.customer_id <= %(up_to)s AND p.id NOT IN ({_REMOVED_PERIODS})
"""
"""The SQL of a join with the periods that can be compared, of the customers in a range."""
_COUNTERS = f"""
SELECT c.period_id, c.plan_feature_id, c.rate_id, c.window_start, c.events, c.quantity, c.fingerprint
FROM billing_counter c {OF_CUSTOMERS.format(table="c")}
"""  # noqa: S608
_SNAPSHOTS = f"""
SELECT b.line_id, b.high_water_mark, b.period_id, b.plan_feature_id, b.rate_id, b.window_start, b.events, b.quantity,
    b.fingerprint
FROM billing_billedusage b {OF_CUSTOMERS.format(table="b")} AND b.rate_id <> {UNCOVERED} AND p.kind <> 'undone'
ORDER BY b.high_water_mark
"""  # noqa: S608
_HOURS = f"""
SELECT r.period_id, r.meter_id, r.dimensions::text, s.customer_id, h.bucket, h.events, h.quantity
FROM billing_hourlyusage h JOIN billing_series r ON r.id = h.series_id {OF_CUSTOMERS.format(table="r")}
"""  # noqa: S608

_label = msgspec.json.Encoder(order="sorted").encode
_dimensions = msgspec.json.Decoder(dict[str, str]).decode


def _stored(statement: str, after: int, up_to: int) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"after": after, "up_to": up_to})
        while rows := cursor.fetchmany(10_000):
            yield from rows


def read_removed_periods(*, after: int, up_to: int) -> set[int]:
    """Return the periods of customers in a range of which some events have left."""
    return {period_id for (period_id,) in _stored(_REMOVED_PERIODS, after, up_to)}


def wrong_counters(recounted: RecountedUsage, *, after: int, up_to: int) -> Iterator[Row]:
    for *parts, events, quantity, fingerprint in _stored(_COUNTERS, after, up_to):
        key = CounterKey(*parts)
        if (events, quantity, fingerprint) not in (expected := recounted.pop("counters", key)):
            yield _row(key._asdict(), (events, quantity, fingerprint), expected[0])
    for key, total in recounted.certain.counters.items():
        yield _row(key._asdict(), None, total)


def wrong_snapshots(recounted: RecountedUsage, *, after: int, up_to: int) -> Iterator[Row]:
    """Yield wrong snapshots. A snapshot holds all usage up to its mark, so the sums between marks are accumulated."""
    so_far: dict[CounterKey, list[Figures]] = {}
    for line_id, mark, *parts, events, quantity, fingerprint in _stored(_SNAPSHOTS, after, up_to):
        key = CounterKey(*parts)
        earlier, added = so_far.get(key, [NO_FIGURES]), recounted.pop("marked", (key, mark))
        expected = so_far[key] = [
            add_figures(earlier_sum, added_sum)
            for earlier_sum, added_sum in zip(_padded(earlier, added), _padded(added, earlier), strict=True)
        ]
        if (events, quantity, fingerprint) not in expected:
            yield _row({"line_id": line_id, "mark": mark}, (events, quantity, fingerprint), expected[0])


def _padded(sums: list[Figures], other: list[Figures]) -> list[Figures]:
    return sums + sums[-1:] * (len(other) - len(sums))


def wrong_rollups(
    recounted: RecountedUsage, *, rezoned_ids: Collection[int], after: int, up_to: int
) -> Iterator[Row]:
    """Yield wrong rollups by hour; for customers who have changed their time zone, by the sum of the hours."""
    series_sums: dict[RollupSeries, list[Any]] = {}
    for period_id, meter_id, dimensions, customer_id, bucket, events, quantity in _stored(_HOURS, after, up_to):
        series = RollupSeries(period_id, meter_id, _label(_dimensions(dimensions)))
        if customer_id in rezoned_ids:
            _add_loose(series_sums, series, events, quantity)
        elif (events, quantity, 0) not in (expected := recounted.pop("rollups", (series, bucket))):
            yield _row({**series._asdict(), "hour": bucket}, (events, quantity, 0), expected[0])
    for (series, bucket), (events, quantity, _) in recounted.certain.rollups.items():
        if series in series_sums:
            _add_loose(series_sums, series, -events, -quantity)
        else:
            yield _row({**series._asdict(), "hour": bucket}, None, (events, quantity, 0))
    for series, (events, quantity) in series_sums.items():
        if events or quantity:
            yield {**series._asdict(), "too many events": events, "too much": str(quantity)}


def _add_loose(sums: dict[Any, list[Any]], key: Any, events: int, quantity: Any) -> None:
    total = sums.setdefault(key, [0, Decimal(0)])
    total[0] += events
    total[1] += quantity


def _row(names: dict[str, Any], stored: Figures | None, counted: Sequence[Any]) -> Row:
    return {**names, "stored": _format_figures(stored), "by its events": _format_figures(counted)}


def _format_figures(figures: Sequence[Any] | None) -> str:
    return "nothing" if figures is None else f"{figures[1]} in {figures[0]} events, fingerprint {figures[2]}"
