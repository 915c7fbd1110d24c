"""Add new events to the tallies of their series, by what their meter makes of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Protocol
from uuid import UUID

from billing.metering.ingest.attribution import RouteStop
from billing.metering.ingest.catalog_cache import look_up, to_text
from billing.metering.ingest.parser import ReceivedEvent
from billing.metering.store import aggregate_states
from billing.metering.store.aggregate_states import HOUR, AggregateStateKey, ValueChange
from billing.metering.store.counter_store import RollupSeries
from plans.aggregation.aggregate_state import EventValue
from plans.aggregation.distinct_values import MembershipChange

REMOVE_OPERATION = "remove"
"""What the operation property of an event says where its value goes; it comes with anything else."""


class GroupedEvents(Protocol):
    """New events that go the same way."""

    @property
    def events(self) -> Sequence[ReceivedEvent]: ...
    @property
    def bucket(self) -> datetime | None: ...


StateUpdate = tuple[RouteStop, GroupedEvents, Sequence[int | Decimal]]
"""A stop that keeps tallies, with new events and the value of each there."""


def update_states(tallied: Iterable[StateUpdate], ids: Mapping[RollupSeries, int]) -> None:
    """
    Add these events to their tallies, inside the transaction that has added them to their counters.

    ids: the numbers of their series.
    """
    marks: dict[AggregateStateKey, list[EventValue]] = {}
    deltas: dict[AggregateStateKey, list[EventValue]] = {}
    levels: dict[AggregateStateKey, list[EventValue]] = {}
    joined: tuple[dict[AggregateStateKey, list[ValueChange]], dict[AggregateStateKey, list[ValueChange]]] = ({}, {})
    for stop, group, values in tallied:
        metering = stop.meter.metering
        for key in state_keys(stop, group.bucket):
            if metering.aggregation == "unique":
                found = joined[metering.recurring].setdefault(key, [])
                found += [value_change(stop, event) for event in group.events]
                continue
            kind = marks
            if metering.aggregation == "weighted_sum":
                kind = levels if metering.measures == "levels" else deltas
            kind.setdefault(key, []).extend(map(_mark, group.events, values))
    aggregate_states.lock_members(key.series for key in joined[True])
    aggregate_states.add_marks(
        {**marks, **deltas}, ids, level_changes={key.series: of_key for key, of_key in deltas.items()}
    )
    aggregate_states.add_levels(levels, ids)
    for recurring, of_kind in enumerate(joined):
        aggregate_states.add_value_changes(of_kind, ids, recurring=bool(recurring))


HOURLY_AGGREGATIONS = ("max", "min", "average", "latest")
"""Aggregations whose hours are tallied as well, since sums of hours do not tell them."""


def state_keys(stop: RouteStop, bucket: datetime | None) -> Iterator[AggregateStateKey]:
    """Yield the tallies that events at a stop add to: of their windows, and of their hour if sums do not tell it."""
    for key in stop.state_keys:
        yield key
        if not key.span and bucket is not None and stop.meter.metering.aggregation in HOURLY_AGGREGATIONS:
            yield AggregateStateKey(key.series, HOUR, bucket)


def _mark(event: ReceivedEvent, value: int | Decimal) -> EventValue:
    return EventValue(event.occurred_at, event.source, event.id, Decimal(value))


def value_change(stop: RouteStop, event: ReceivedEvent) -> ValueChange:
    """Return an event's word on its distinct value."""
    meter = stop.meter
    goes = meter.operation is not None and to_text(look_up(event.properties, meter.operation)) == REMOVE_OPERATION
    value = to_text(look_up(event.properties, stop.path)) if stop.path else ""
    step = MembershipChange(event.occurred_at, event.source, event.id, not goes)
    return ValueChange(step, value_digest(value), value)


def value_digest(value: str) -> UUID:
    """Return what a distinct value is found by, since it may be longer than an index holds."""
    return UUID(bytes=blake2b(value.encode(), digest_size=16).digest())
