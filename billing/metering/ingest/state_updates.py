"""Add new events to the tallies of their series, by what their meter makes of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Protocol
from uuid import UUID

from billing.metering.ingest.attribution import Stop
from billing.metering.ingest.catalog_cache import as_text, look_up
from billing.metering.ingest.parser import Received
from billing.metering.store import aggregate_states
from billing.metering.store.aggregate_states import HOUR, Joined, TallyKey
from billing.metering.store.counter_store import RollupSeries
from plans.aggregation.aggregate_state import Mark
from plans.aggregation.distinct_values import Step

GONE = "remove"
"""What the operation property of an event says where its value goes; it comes with anything else."""


class Events(Protocol):
    """New events that go the same way."""

    @property
    def events(self) -> Sequence[Received]: ...
    @property
    def bucket(self) -> datetime | None: ...


Tallied = tuple[Stop, Events, Sequence[int | Decimal]]
"""A stop that keeps tallies, with new events and the value of each there."""


def tally(tallied: Iterable[Tallied], ids: Mapping[RollupSeries, int]) -> None:
    """
    Add these events to their tallies, inside the transaction that has added them to their counters.

    ids: the numbers of their series.
    """
    marks: dict[TallyKey, list[Mark]] = {}
    deltas: dict[TallyKey, list[Mark]] = {}
    levels: dict[TallyKey, list[Mark]] = {}
    joined: tuple[dict[TallyKey, list[Joined]], dict[TallyKey, list[Joined]]] = ({}, {})
    for stop, group, values in tallied:
        metering = stop.meter.metering
        for key in tallies_of(stop, group.bucket):
            if metering.aggregation == "unique":
                found = joined[metering.recurring].setdefault(key, [])
                found += [joined_by(stop, event) for event in group.events]
                continue
            kind = marks
            if metering.aggregation == "weighted_sum":
                kind = levels if metering.measures == "levels" else deltas
            kind.setdefault(key, []).extend(map(_mark, group.events, values))
    aggregate_states.lock_members(key.series for key in joined[True])
    aggregate_states.add_marks({**marks, **deltas}, ids, kept={key.series: of_key for key, of_key in deltas.items()})
    aggregate_states.add_levels(levels, ids)
    for recurring, of_kind in enumerate(joined):
        aggregate_states.add_members(of_kind, ids, recurring=bool(recurring))


HOURLY = ("max", "min", "average", "latest")
"""Aggregations whose hours are tallied as well, since sums of hours do not tell them."""


def tallies_of(stop: Stop, bucket: datetime | None) -> Iterator[TallyKey]:
    """Yield the tallies that events at a stop add to: of their windows, and of their hour if sums do not tell it."""
    for key in stop.tallies:
        yield key
        if not key.span and bucket is not None and stop.meter.metering.aggregation in HOURLY:
            yield TallyKey(key.series, HOUR, bucket)


def _mark(event: Received, value: int | Decimal) -> Mark:
    return Mark(event.occurred_at, event.source, event.id, Decimal(value))


def joined_by(stop: Stop, event: Received) -> Joined:
    """Return an event's word on its distinct value."""
    meter = stop.meter
    goes = meter.operation is not None and as_text(look_up(event.properties, meter.operation)) == GONE
    value = as_text(look_up(event.properties, stop.path)) if stop.path else ""
    step = Step(event.occurred_at, event.source, event.id, not goes)
    return Joined(step, digest_of_value(value), value)


def digest_of_value(value: str) -> UUID:
    """Return what a distinct value is found by, since it may be longer than an index holds."""
    return UUID(bytes=blake2b(value.encode(), digest_size=16).digest())
