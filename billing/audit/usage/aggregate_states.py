"""
Tally usage anew from the events, for the meters whose quantity is more than a sum: docs/audit.md#recount.

Members are replayed step by step and levels laid end to end, as their definitions say, not as ingest moves them.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection

from billing.audit.usage.attribution_inputs import Known
from billing.metering.ingest.catalog_cache import look_up
from billing.metering.ingest.event_contributions import Part
from billing.metering.ingest.event_reader import Stored, as_received
from billing.metering.ingest.state_updates import digest_of_value, joined_by, tallies_of
from billing.metering.ingest.unit_costs import carried_at_cost
from billing.metering.store.aggregate_states import TallyKey
from billing.metering.store.counter_store import CounterKey, RollupSeries
from lib.decimals import ZERO
from plans.aggregation.aggregate_state import EMPTY, Aggregate, Mark, add, tally_of
from plans.aggregation.distinct_values import Step
from plans.aggregation.json_numbers import measured
from plans.aggregation.weighted_sum import moment_of_levels

Row = dict[str, Any]

_STORED = """
SELECT r.period_id, r.meter_id, r.dimensions::text, t.span, t.starts_at, t.events, t.total, t.low, t.high,
    t.latest_at, t.latest_source, t.latest_key, t.latest_value, t.first_at, t.moment, t.members
FROM billing_aggregatestate t JOIN billing_series r ON r.id = t.series_id
JOIN billing_period p ON p.id = r.period_id JOIN billing_subscription s ON s.id = p.subscription_id
WHERE s.customer_id > %(after)s AND s.customer_id <= %(up_to)s
"""

_OF_SERIES = """
JOIN billing_series r ON r.id = t.series_id
JOIN billing_period p ON p.id = r.period_id JOIN billing_subscription s ON s.id = p.subscription_id
WHERE s.customer_id > %(after)s AND s.customer_id <= %(up_to)s
"""
_LEVELS = (
    "SELECT r.period_id, r.meter_id, r.dimensions::text, t.at, t.source, t.key, t.value FROM billing_levelchange t"
)
_MEMBERS = """
SELECT r.period_id, r.meter_id, r.dimensions::text, t.value, t.digest, t.at, t.source, t.key, t.is_present
FROM billing_distinctvalue t
"""
_CARRIED = """
SELECT t.id, NULL, t.period_id, t.plan_feature_id, t.rate_id, t.window_start, t.carried FROM billing_counter t
JOIN billing_period p ON p.id = t.period_id JOIN billing_subscription s ON s.id = p.subscription_id
WHERE s.customer_id > %(after)s AND s.customer_id <= %(up_to)s
UNION ALL
SELECT t.line_id, t.high_water_mark, t.period_id, t.plan_feature_id, t.rate_id, t.window_start, t.carried
FROM billing_billedusage t
JOIN billing_period p ON p.id = t.period_id JOIN billing_subscription s ON s.id = p.subscription_id
WHERE s.customer_id > %(after)s AND s.customer_id <= %(up_to)s AND t.rate_id <> -2 -- of events alone
"""

_label = msgspec.json.Encoder(order="sorted").encode
_dimensions = msgspec.json.Decoder(dict[str, str]).decode


class Tallies:
    """What events add to tallies; levels and steps are kept until all events of their series are known."""

    def __init__(self) -> None:
        self._sums: dict[TallyKey, Aggregate] = {}
        self._levels: dict[TallyKey, list[Mark]] = {}
        self._steps: dict[RollupSeries, dict[str, list[Step]]] = {}
        self._recurring: set[int] = set()
        self._kept: dict[RollupSeries, dict[tuple[datetime, str, str], Decimal]] = {}
        self._carried: dict[CounterKey, list[tuple[int, Decimal]]] = {}

    def take(self, row: Stored, part: Part, bucket: datetime | None, taken_back: int | None) -> None:
        """Add an event at one of its stops: to what it carried up to when it was taken back, if it was."""
        stop, value, sequence = part
        for place, (counter, _) in enumerate(stop.targets if stop.price or stop.costs else ()):
            costs = stop.costs[place] if stop.costs else None
            if costs is not None:
                carried = carried_at_cost(costs, [as_received(row)], [value])
            else:
                carried = measured(look_up(as_received(row).properties, stop.price)) if stop.price else 0
            prices = self._carried.setdefault(counter, [])
            prices.append((sequence, Decimal(carried or 0)))
            if taken_back is not None:
                prices.append((taken_back, -Decimal(carried or 0)))
        if not stop.tallies or taken_back is not None:
            return
        metering, event = stop.meter.metering, as_received(row)
        mark = Mark(event.occurred_at, event.source, event.id, Decimal(value))
        if metering.recurring:
            self._recurring.add(stop.meter.id)
        for key in tallies_of(stop, bucket):
            added = tally_of(mark, key.starts_at)
            if metering.aggregation == "unique":
                joined = joined_by(stop, event)
                self._steps.setdefault(key.series, {}).setdefault(joined.value, []).append(joined.step)
                added = Aggregate(1, ZERO, latest=mark, first_at=mark.at)
            elif metering.aggregation == "weighted_sum":
                self._kept.setdefault(key.series, {})[event.occurred_at, event.source, event.id] = mark.value
            if metering.measures == "levels":
                self._levels.setdefault(key, []).append(mark)
                added = replace(added, moment=ZERO)
            self._sums[key] = add(self._sums.get(key, EMPTY), added)

    def wrong(self, known: Known, *, after: int, up_to: int) -> Iterator[Row]:
        """Yield the stored tallies that differ from what the events come to, and forget these."""
        yield from self._wrong_levels(after, up_to)
        yield from self._wrong_members(after, up_to)
        yield from self._wrong_carried(after, up_to)
        expected = dict(self._expected(known))
        for period_id, meter_id, dimensions, span, starts_at, *figures in _rows(_STORED, after, up_to):
            key = TallyKey(_series(period_id, meter_id, dimensions), span, starts_at)
            stored, again = _stored(*figures), expected.pop(key, None)
            if stored != again:
                yield _row(key, stored, again)
        for key, again in expected.items():
            yield _row(key, None, again)

    def _expected(self, known: Known) -> Iterator[tuple[TallyKey, Aggregate]]:
        members = self._members(known)
        for key, total in self._sums.items():
            if key in self._levels:
                total = replace(total, moment=moment_of_levels(sorted(self._levels[key])))  # noqa: PLW2901
            if key.series in members:
                total = replace(total, members=members[key.series])  # noqa: PLW2901
            yield key, total
        self._sums, self._levels, self._steps = {}, {}, {}

    def _wrong_levels(self, after: int, up_to: int) -> Iterator[Row]:
        for *series, at, source, key, value in _rows(_LEVELS + _OF_SERIES, after, up_to):
            if self._kept.get(_series(*series), {}).pop((at, source, key), None) != value:
                yield {"period_id": series[0], "level at": at, "of": key, "stored": value}
        for series, left in self._kept.items():
            yield from ({"period_id": series.period_id, "no level at": at, "of": key} for at, _, key in left)
        self._kept = {}

    def _wrong_members(self, after: int, up_to: int) -> Iterator[Row]:
        last = {(series, value): max(steps) for series, of in self._steps.items() for value, steps in of.items()}
        for *series, value, digest, at, source, key, is_present in _rows(_MEMBERS + _OF_SERIES, after, up_to):
            step = last.pop((_series(*series), value), None)
            if step != Step(at, source, key, is_present) or digest != digest_of_value(value):
                yield {"period_id": series[0], "member": value, "stored": is_present}
        yield from ({"period_id": series.period_id, "no member": value} for series, value in last)

    def _wrong_carried(self, after: int, up_to: int) -> Iterator[Row]:
        for id_, mark, *key, carried in _rows(_CARRIED, after, up_to):
            prices = self._carried.get(CounterKey(*key), ())
            if carried != sum((price for sequence, price in prices if mark is None or sequence <= mark), ZERO):
                yield {"counter_id" if mark is None else "line_id": id_, "carried": carried}
        self._carried = {}

    def _members(self, known: Known) -> dict[RollupSeries, int]:
        """Replay what came and went: period after period where values stay, each on its own where they do not."""
        periods = {one.id: one for customer in known.customers.values() for one in customer.periods}
        present: dict[Any, set[str]] = {}
        found = {}
        for series in sorted(self._steps, key=lambda one: periods[one.period_id].starts_at):
            track = (periods[series.period_id].subscription_id, series.meter_id, series.dimensions)
            there = present.setdefault(track, set()) if series.meter_id in self._recurring else set()
            before = len(there)
            for value, steps in self._steps[series].items():
                (there.add if max(steps).joins else there.discard)(value)
            found[series] = len(there) - before
        return found


def _rows(statement: str, after: int, up_to: int) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"after": after, "up_to": up_to})
        while rows := cursor.fetchmany(5_000):
            yield from rows


def _series(period_id: int, meter_id: int, dimensions: str) -> RollupSeries:
    return RollupSeries(period_id, meter_id, _label(_dimensions(dimensions)))


def _stored(events: int, total: Decimal, low: Any, high: Any, *rest: Any) -> Aggregate:
    latest_at, source, key, value, first_at, moment, members = rest
    latest = None if latest_at is None else Mark(latest_at, source, key, value)
    return Aggregate(events, total, low, high, latest, first_at, moment, members)


def _row(key: TallyKey, stored: Aggregate | None, again: Aggregate | None) -> Row:
    series = key.series
    return {
        "period_id": series.period_id,
        "meter_id": series.meter_id,
        "dimensions": series.dimensions.decode(),
        "span": key.span or "period",
        "starts_at": key.starts_at,
        "stored": repr(stored),
        "again": repr(again),
    }
