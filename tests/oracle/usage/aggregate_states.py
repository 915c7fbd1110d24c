"""
Rebuild aggregate states from the events, for meters whose quantity is not a sum: docs/audit.md#recount.

Distinct values and levels are replayed in order as their definitions say, not updated as ingest does it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from itertools import groupby, islice
from typing import Any

import msgspec
from django.db import connection

from billing.audit.check import MAX_ROWS
from billing.audit.shared_reads import Books
from billing.audit.usage.attributed_events import AttributedEvent, AttributedEvents
from billing.audit.usage.attribution_inputs import AttributionInputs
from billing.audit.usage.recount import EXACT, MAX_ID
from billing.audit.usage.sum_comparison import read_removed_periods
from billing.metering.ingest.catalog_cache import look_up
from billing.metering.ingest.event_contributions import Contribution, counted_contributions
from billing.metering.ingest.parser import ReceivedEvent
from billing.metering.ingest.state_updates import state_keys, value_change, value_digest
from billing.metering.ingest.unit_costs import sum_at_cost
from billing.metering.store.aggregate_states import AggregateStateKey
from billing.metering.store.counter_store import CounterKey, RollupSeries
from billing.metering.store.event_removals import read_removed
from billing.models import Period
from lib.decimals import ZERO
from plans.aggregation.aggregate_state import EMPTY, AggregateState, EventValue, aggregate_event, merge_states
from plans.aggregation.distinct_values import MembershipChange
from plans.aggregation.held_values import HeldBy, held_moment
from plans.aggregation.json_numbers import to_exact_number
from plans.aggregation.weighted_sum import level_moment
from plans.models import Meter

Row = dict[str, Any]

MAX_EVENTS = 200_000
"""Number of events after which their states are compared and dropped, which bounds the memory."""

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
_STEPS = """
SELECT r.period_id, r.meter_id, r.dimensions::text, t.digest, t.at, t.source, t.key, t.joins
FROM billing_membershipstep t
"""
_CARRIED = """
SELECT t.id, NULL, t.period_id, t.plan_feature_id, t.rate_id, t.window_start, t.carried FROM billing_counter t
JOIN billing_period p ON p.id = t.period_id JOIN billing_subscription s ON s.id = p.subscription_id
WHERE s.customer_id > %(after)s AND s.customer_id <= %(up_to)s
UNION ALL
SELECT t.line_id, t.high_water_mark, t.period_id, t.plan_feature_id, t.rate_id, t.window_start, t.carried
FROM billing_billedusage t
JOIN billing_period p ON p.id = t.period_id JOIN billing_subscription s ON s.id = p.subscription_id
WHERE s.customer_id > %(after)s AND s.customer_id <= %(up_to)s
    AND t.rate_id <> -2 -- without usage that a wallet did not cover
"""

_label = msgspec.json.Encoder(order="sorted").encode
_dimensions = msgspec.json.Decoder(dict[str, str]).decode


def wrong_aggregate_states(books: Books) -> list[Row]:
    """Return states that differ from those of all events; states of many customers are compared at a time."""
    with localcontext(EXACT):
        return list(islice(_wrong_states(), MAX_ROWS + 1))


def _wrong_states() -> Iterator[Row]:
    events, states, after = AttributedEvents(), StateRecount(), 0
    for customer_id, of_customer in groupby(events, key=lambda attributed: attributed.row.customer_id):
        for attributed in of_customer:
            states.add(attributed)
        if customer_id is not None and states.event_count > MAX_EVENTS:
            yield from states.differences(events.inputs, after=after, up_to=customer_id)
            events.forget(up_to=customer_id)
            states, after = StateRecount(), customer_id
    yield from states.differences(events.inputs, after=after, up_to=MAX_ID)


@dataclass(frozen=True, slots=True)
class SkippedSeries:
    """
    Series that can't be replayed.

    removed_periods: of which events have left. later_periods: all others of their customers, in which meters carry on
    members and levels of before: `recurring`.
    """

    removed_periods: frozenset[int]
    later_periods: frozenset[int]
    recurring: frozenset[int]

    @classmethod
    def of(cls, *, after: int, up_to: int) -> "SkippedSeries":
        removed_ids = [id_ for id_ in read_removed() if id_ is not None and after < id_ <= up_to]
        if not removed_ids:
            return cls(frozenset(), frozenset(), frozenset())
        return cls(
            frozenset(read_removed_periods(after=after, up_to=up_to)),
            frozenset(Period.objects.filter(subscription__customer__in=removed_ids).values_list("pk", flat=True)),
            frozenset(Meter.objects.filter(recurring=True).values_list("pk", flat=True)),
        )

    def __contains__(self, series: RollupSeries) -> bool:
        return series.period_id in self.removed_periods or (
            series.meter_id in self.recurring and series.period_id in self.later_periods
        )


class StateRecount:
    """
    Aggregate states rebuilt from events. Levels and membership changes are collected until a series is complete.
    """

    def __init__(self) -> None:
        self.event_count = 0
        self._sums: dict[AggregateStateKey, AggregateState] = {}
        self._levels: dict[AggregateStateKey, list[EventValue]] = {}
        self._steps: dict[RollupSeries, dict[str, list[MembershipChange]]] = {}
        self._recurring: set[int] = set()
        self._held_by: dict[int, HeldBy] = {}
        self._level_changes: dict[RollupSeries, dict[tuple[datetime, str, str], Decimal]] = {}
        self._carried: dict[CounterKey, list[tuple[int, Decimal]]] = {}
        self._skipped = SkippedSeries(frozenset(), frozenset(), frozenset())

    def add(self, attributed: AttributedEvent) -> None:
        """
        Add an event's contributions; its carried amount counts up to the correction that removed it, if any.
        """
        self.event_count += 1
        route, correction_sequence = attributed.attribution.route, attributed.correction_sequence
        if route.is_costed or any(stop.state_keys or stop.price_path for stop in route.stops):
            for contribution, _ in counted_contributions(
                attributed.row.sequence,
                attributed.attribution,
                attributed.reports,
                correction_sequence=correction_sequence,
            ):
                self._add_contribution(
                    attributed.event, contribution, attributed.attribution.bucket, correction_sequence
                )

    def _add_contribution(
        self,
        event: ReceivedEvent,
        contribution: Contribution,
        bucket: datetime,
        correction_sequence: int | None,
    ) -> None:
        stop, value, sequence = contribution
        for index, (counter, _) in enumerate(stop.targets if stop.price_path or stop.costs else ()):
            costs = stop.costs[index] if stop.costs else None
            carried: Decimal | int | None
            if costs is not None:
                carried = sum_at_cost(costs, [event], [value])
            else:
                carried = to_exact_number(look_up(event.properties, stop.price_path)) if stop.price_path else 0
            prices = self._carried.setdefault(counter, [])
            prices.append((sequence, Decimal(carried or 0)))
            if correction_sequence is not None:
                prices.append((correction_sequence, -Decimal(carried or 0)))
        if not stop.state_keys or correction_sequence is not None:
            return
        metering = stop.meter.metering
        event_value = EventValue(event.occurred_at, event.source, event.id, Decimal(value))
        if metering.recurring:
            self._recurring.add(stop.meter.id)
        if metering.held_by:
            self._held_by[stop.meter.id] = metering.held_by
        for key in state_keys(stop, bucket):
            added = aggregate_event(event_value, key.starts_at)
            if metering.aggregation == "unique":
                membership = value_change(stop, event)
                self._steps.setdefault(key.series, {}).setdefault(membership.value, []).append(membership.step)
                added = AggregateState(1, ZERO, latest=event_value, first_at=event_value.at)
            elif metering.aggregation == "weighted_sum":
                self._level_changes.setdefault(key.series, {})[event.occurred_at, event.source, event.id] = (
                    event_value.value
                )
            if metering.measures == "levels":
                self._levels.setdefault(key, []).append(event_value)
                added = replace(added, moment=ZERO)
            self._sums[key] = merge_states(self._sums.get(key, EMPTY), added)

    def differences(self, inputs: AttributionInputs, *, after: int, up_to: int) -> Iterator[Row]:
        """
        Yield the stored states that differ from the events, and drop the sums.

        Nothing can be said about periods whose events have left, nor about what later periods carry on from them.
        """
        self._skipped = SkippedSeries.of(after=after, up_to=up_to)
        self._sums = {key: total for key, total in self._sums.items() if key.series not in self._skipped}
        self._steps = {series: steps for series, steps in self._steps.items() if series not in self._skipped}
        self._level_changes = {
            series: changes for series, changes in self._level_changes.items() if series not in self._skipped
        }
        yield from self._wrong_levels(after, up_to)
        yield from self._wrong_members(after, up_to)
        yield from self._wrong_steps(after, up_to)
        yield from self._wrong_carried(after, up_to)
        expected = dict(self._expected(inputs))
        for series, span, starts_at, *figures in self._rows_of_series(_STORED, after, up_to):
            key = AggregateStateKey(series, span, starts_at)
            stored, recounted = _state_from_columns(*figures), expected.pop(key, None)
            if stored != recounted:
                yield _row(key, stored, recounted)
        for key, recounted in expected.items():
            yield _row(key, None, recounted)

    def _expected(self, inputs: AttributionInputs) -> Iterator[tuple[AggregateStateKey, AggregateState]]:
        members = self._members(inputs)
        for key, total in self._sums.items():
            if key in self._levels:
                total = replace(total, moment=level_moment(sorted(self._levels[key])))  # noqa: PLW2901
            if key.series in members:
                count, moment = members[key.series]
                total = replace(total, members=count, moment=Decimal(moment))  # noqa: PLW2901
            yield key, total
        self._sums, self._levels, self._steps = {}, {}, {}

    def _rows_of_series(self, statement: str, after: int, up_to: int) -> Iterator[tuple[Any, ...]]:
        for period_id, meter_id, dimensions, *columns in _rows(statement, after, up_to):
            if (series := _series(period_id, meter_id, dimensions)) not in self._skipped:
                yield (series, *columns)

    def _wrong_levels(self, after: int, up_to: int) -> Iterator[Row]:
        for series, at, source, key, value in self._rows_of_series(_LEVELS + _OF_SERIES, after, up_to):
            if self._level_changes.get(series, {}).pop((at, source, key), None) != value:
                yield {"period_id": series.period_id, "level at": at, "of": key, "stored": value}
        for series, remaining_levels in self._level_changes.items():
            yield from (
                {"period_id": series.period_id, "no level at": at, "of": key} for at, _, key in remaining_levels
            )
        self._level_changes = {}

    def _wrong_members(self, after: int, up_to: int) -> Iterator[Row]:
        last_steps = {
            (series, value): max(steps)
            for series, steps_by_value in self._steps.items()
            for value, steps in steps_by_value.items()
        }
        for series, value, digest, *change in self._rows_of_series(_MEMBERS + _OF_SERIES, after, up_to):
            step = last_steps.pop((series, value), None)
            if step != MembershipChange(*change) or digest != value_digest(value):
                yield {"period_id": series.period_id, "member": value, "stored": change}
        yield from ({"period_id": series.period_id, "no member": value} for series, value in last_steps)

    def _wrong_steps(self, after: int, up_to: int) -> Iterator[Row]:
        """Yield the stored changes of values that are held over time, where they differ from the events."""
        expected = {
            (series, value_digest(value), *step)
            for series, steps_by_value in self._steps.items()
            if series.meter_id in self._held_by
            for value, steps in steps_by_value.items()
            for step in steps
        }
        stored = {
            (series, digest, at, source, key, joins)
            for series, digest, at, source, key, joins in self._rows_of_series(_STEPS + _OF_SERIES, after, up_to)
        }
        for series, digest, *step in expected ^ stored:
            yield {"period_id": series.period_id, "digest": digest, "step": step}

    def _wrong_carried(self, after: int, up_to: int) -> Iterator[Row]:
        for row_id, mark, *key, carried in _rows(_CARRIED, after, up_to):
            if CounterKey(*key).period_id in self._skipped.removed_periods:
                continue
            prices = self._carried.get(CounterKey(*key), ())
            if carried != sum((price for sequence, price in prices if mark is None or sequence <= mark), ZERO):
                yield {"counter_id" if mark is None else "line_id": row_id, "carried": carried}
        self._carried = {}

    def _members(self, inputs: AttributionInputs) -> dict[RollupSeries, tuple[int, int]]:
        """
        Return the change in the number of distinct values by series, and the moment of those that are held over time.

        Values of recurring meters stay from period to period; others start with none in each period.
        """
        periods = {period.id: period for customer in inputs.customers.values() for period in customer.periods}
        zones = {period.id: customer.zone for customer in inputs.customers.values() for period in customer.periods}
        present: dict[Any, set[str]] = {}
        member_changes = {}
        for series in sorted(self._steps, key=lambda series: periods[series.period_id].starts_at):
            track = (periods[series.period_id].subscription_id, series.meter_id, series.dimensions)
            members = present.setdefault(track, set()) if series.meter_id in self._recurring else set()
            before, moment = len(members), 0
            for value, steps in self._steps[series].items():
                if held_by := self._held_by.get(series.meter_id):
                    moment += held_moment(steps, held_by, zones[series.period_id], was_member=value in members)
                (members.add if max(steps).joins else members.discard)(value)
            member_changes[series] = len(members) - before, moment
        return member_changes


def _rows(statement: str, after: int, up_to: int) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"after": after, "up_to": up_to})
        while rows := cursor.fetchmany(5_000):
            yield from rows


def _series(period_id: int, meter_id: int, dimensions: str) -> RollupSeries:
    return RollupSeries(period_id, meter_id, _label(_dimensions(dimensions)))


def _state_from_columns(events: int, total: Decimal, low: Any, high: Any, *rest: Any) -> AggregateState:
    latest_at, source, key, value, first_at, moment, members = rest
    latest = None if latest_at is None else EventValue(latest_at, source, key, value)
    return AggregateState(events, total, low, high, latest, first_at, moment, members)


def _row(key: AggregateStateKey, stored: AggregateState | None, recounted: AggregateState | None) -> Row:
    series = key.series
    return {
        "period_id": series.period_id,
        "meter_id": series.meter_id,
        "dimensions": series.dimensions.decode(),
        "span": key.span or "period",
        "starts_at": key.starts_at,
        "stored": repr(stored),
        "again": repr(recounted),
    }
