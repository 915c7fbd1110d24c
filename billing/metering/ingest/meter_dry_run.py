"""
Try a meter on an event that somebody pasted: which of its questions the event passes, and what it would count.

The same decoder and the same readings as ingest's; nothing is stored.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from billing.metering.ingest import parser
from billing.metering.ingest.attribution import Stop, value_at
from billing.metering.ingest.catalog_cache import Filter, MeterCopy, as_text, copy_of, look_up
from billing.metering.ingest.state_updates import joined_by
from plans.aggregation.json_numbers import measured
from plans.models import Meter, MeterReading

KNOWN = {*parser.Plain.__struct_fields__, *parser.CloudEvent.__struct_fields__}
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Unreadable(ValueError):
    """What was pasted is no event; says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One question that a meter asks of an event, and the answer in words."""

    name: str
    holds: bool
    told: str


@dataclass(frozen=True, slots=True)
class Tried:
    """
    What a meter makes of an event.

    values: each with the dimension value that it is filed under, if any; none where the event would not be counted.
    """

    steps: tuple[Step, ...]
    values: tuple[tuple[str | None, int | Decimal | str], ...]
    dimensions: Mapping[str, str]

    @property
    def counts(self) -> bool:
        return all(step.holds for step in self.steps)

    @property
    def why_not(self) -> str:
        """Return the first answer that keeps the event from being counted."""
        return next((step.told for step in self.steps if not step.holds), "")


def try_meter(meter: Meter, *, readings: Iterable[MeterReading], event: bytes, at: datetime) -> Tried:
    """
    Return what a meter, saved or not, makes of an event as it is sent: whole, or only its properties.

    :raises Unreadable: if it is no event that ingest would take.
    """
    sent = _received(event, meter, at=at)
    return tried(copy_of(meter, readings), name=meter.event_name, event=sent)


def tried(copy: MeterCopy, *, name: str, event: parser.Received) -> Tried:
    """Return what a meter of events of a name makes of one."""
    properties = event.properties
    steps = [_name_step(name, event.event), *(_filter_step(one, properties) for one in copy.filters)]
    steps += [_exclude_step(one, properties) for one in copy.excludes]
    values: list[tuple[str | None, int | Decimal | str]] = []
    for reading in copy.readings:
        is_text = copy.metering.aggregation == "unique"
        stop = Stop(copy, reading.path, (), is_text=is_text, expression=reading.expression)
        value = value_at(stop, properties)
        if isinstance(value, str):
            steps.append(Step("Value", False, f"{value}: reported as unmatched usage"))
            continue
        if is_text:
            word = joined_by(stop, event)
            value = f"{word.value} {'comes' if word.step.joins else 'goes'}"
        values.append((reading.dimension_value, value))
    if copy.price is not None and measured(look_up(properties, copy.price)) is None:
        told = f"“{'.'.join(copy.price)}” is missing or not a number: unmatched usage where a price passes it on"
        steps.append(Step("Cost", True, told))
    dimensions = {name: as_text(look_up(properties, path)) for name, path in copy.dimensions}
    counts = all(step.holds for step in steps)
    return Tried(tuple(steps), tuple(values) if counts else (), dimensions)


def _received(event: bytes, meter: Meter, *, at: datetime) -> parser.Received:
    """Read an event as ingest does; what it leaves out that the meter does not ask for is made up."""
    body = _completed(event, meter)
    try:
        found, refused, single = parser.read(body, sandbox=False, at=at, oldest=EARLIEST, newest=LATEST)
    except parser.BodyRefused as error:
        raise Unreadable(error.detail) from error
    if not single:
        raise Unreadable("Paste one event, not a list of them.")
    if refused:
        raise Unreadable(f"{refused[0].field}: {refused[0].detail}")
    return found[0]


def _completed(event: bytes, meter: Meter) -> bytes:
    try:
        parts: dict[str, Any] = msgspec.json.decode(event, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return event  # told by the decoder that ingest uses
    if parts.keys().isdisjoint(KNOWN):
        parts = {"properties": msgspec.Raw(event)}
    made_up = {"id": "tried", "customer": "nobody", "event": meter.event_name}
    if "specversion" in parts:
        made_up = {"id": "tried", "source": "tried", "subject": "nobody", "type": meter.event_name}
    return msgspec.json.encode(made_up | parts)


def _name_step(wanted: str, name: str) -> Step:
    return Step("Event", name == wanted, f"“{name}”" if name == wanted else f"“{name}” is not “{wanted}”")


def _filter_step(one: Filter, properties: Mapping[str, Any]) -> Step:
    path, wanted = one
    text = as_text(look_up(properties, path))
    named = f"{'.'.join(path)} is {f'“{text}”' if text else 'missing'}"
    return Step("Filter", text in wanted, named if text in wanted else f"{named}, and not {_either(wanted)}")


def _exclude_step(filters: tuple[Filter, ...], properties: Mapping[str, Any]) -> Step:
    leaves_out = all(as_text(look_up(properties, path)) in wanted for path, wanted in filters)
    named = " and ".join(f"{'.'.join(path)} is {_either(wanted)}" for path, wanted in filters)
    return Step("Exclude", not leaves_out, f"left out, since {named}" if leaves_out else f"not left out by “{named}”")


def _either(texts: Iterable[str]) -> str:
    return " or ".join(f"“{text}”" for text in sorted(texts))
