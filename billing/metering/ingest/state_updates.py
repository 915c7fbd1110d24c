"""Update aggregate states with new events."""

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
from plans.catalog.stored_terms import MeteringTerms

REMOVE_OPERATION = "remove"
"""Value of an event's operation property that removes its distinct value; any other one adds it."""


class GroupedEvents(Protocol):
    """New events that share route and hour."""

    @property
    def events(self) -> Sequence[ReceivedEvent]: ...
    @property
    def bucket(self) -> datetime: ...


StateUpdate = tuple[RouteStop, GroupedEvents, Sequence[int | Decimal]]
"""A stop with aggregate states, new events, and the value of each event at the stop."""


def update_states(updates: Iterable[StateUpdate], ids: Mapping[RollupSeries, int]) -> None:
    """
    Add events to their aggregate states, inside the transaction that added them to their counters.

    ids: ids of their series.
    """
    marks: dict[AggregateStateKey, list[EventValue]] = {}
    deltas: dict[AggregateStateKey, list[EventValue]] = {}
    levels: dict[AggregateStateKey, list[EventValue]] = {}
    value_changes: dict[MeteringTerms, dict[AggregateStateKey, list[ValueChange]]] = {}
    for stop, group, values in updates:
        metering = stop.meter.metering
        for key in state_keys(stop, group.bucket):
            if metering.aggregation == "unique":
                changes = value_changes.setdefault(metering, {}).setdefault(key, [])
                changes += [value_change(stop, event) for event in group.events]
                continue
            values_by_key = marks
            if metering.aggregation == "weighted_sum":
                values_by_key = levels if metering.measures == "levels" else deltas
            values_by_key.setdefault(key, []).extend(map(_event_value, group.events, values))
    # Members of recurring series are locked before any state, in one order, against deadlocks between batches.
    aggregate_states.lock_members(
        key.series
        for metering, changes_by_key in value_changes.items()
        if metering.recurring
        for key in changes_by_key
    )
    aggregate_states.add_marks(
        {**marks, **deltas}, ids, level_changes={key.series: event_values for key, event_values in deltas.items()}
    )
    aggregate_states.add_levels(levels, ids)
    for metering, changes_by_key in value_changes.items():
        aggregate_states.add_value_changes(
            changes_by_key, ids, recurring=metering.recurring, held_by=metering.held_by
        )


HOURLY_AGGREGATIONS = ("max", "min", "average", "latest")
"""Aggregations that need states per hour as well, because their values can't be computed from sums of hours."""


def state_keys(stop: RouteStop, bucket: datetime) -> Iterator[AggregateStateKey]:
    """
    Yield the aggregate states that events at a stop add to: those of their windows, and that of their hour if needed.
    """
    for key in stop.state_keys:
        yield key
        if not key.span and stop.meter.metering.aggregation in HOURLY_AGGREGATIONS:
            yield AggregateStateKey(key.series, HOUR, bucket)


def _event_value(event: ReceivedEvent, value: int | Decimal) -> EventValue:
    return EventValue(event.occurred_at, event.source, event.id, Decimal(value))


def value_change(stop: RouteStop, event: ReceivedEvent) -> ValueChange:
    """Return the change of a distinct value's membership that an event makes."""
    meter = stop.meter
    is_removal = (
        meter.operation is not None and to_text(look_up(event.properties, meter.operation)) == REMOVE_OPERATION
    )
    value = to_text(look_up(event.properties, stop.path)) if stop.path else ""
    step = MembershipChange(event.occurred_at, event.source, event.id, not is_removal)
    return ValueChange(step, value_digest(value), value)


def value_digest(value: str) -> UUID:
    """Return the key of a distinct value, which may itself be too long for an index."""
    return UUID(bytes=blake2b(value.encode(), digest_size=16).digest())
