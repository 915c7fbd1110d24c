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
from billing.metering.ingest.attribution import RouteStop, read_value
from billing.metering.ingest.catalog_cache import CachedMeter, Filter, look_up, prepare_meter, to_text
from billing.metering.ingest.state_updates import value_change
from plans.aggregation.json_numbers import to_exact_number
from plans.models import Meter, MeterReading

KNOWN = {*parser.PlainEvent.__struct_fields__, *parser.CloudEvent.__struct_fields__}
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class NotAnEvent(ValueError):
    """What was pasted is no event; says why."""


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One question that a meter asks of an event, and the answer in words."""

    name: str
    passed: bool
    explanation: str


@dataclass(frozen=True, slots=True)
class DryRun:
    """
    What a meter makes of an event.

    values: each with the dimension value that it is filed under, if any; none where the event would not be counted.
    """

    steps: tuple[CheckStep, ...]
    values: tuple[tuple[str | None, int | Decimal | str], ...]
    dimensions: Mapping[str, str]

    @property
    def is_counted(self) -> bool:
        return all(step.passed for step in self.steps)

    @property
    def failure(self) -> str:
        """Return the first answer that keeps the event from being counted."""
        return next((step.explanation for step in self.steps if not step.passed), "")


def try_meter(meter: Meter, *, readings: Iterable[MeterReading], event: bytes, at: datetime) -> DryRun:
    """
    Return what a meter, saved or not, makes of an event as it is sent: whole, or only its properties.

    :raises Unreadable: if it is no event that ingest would take.
    """
    sent = _received(event, meter, at=at)
    return apply_meter(prepare_meter(meter, readings), name=meter.event_name, event=sent)


def apply_meter(copy: CachedMeter, *, name: str, event: parser.ReceivedEvent) -> DryRun:
    """Return what a meter of events of a name makes of one."""
    properties = event.properties
    steps = [_name_step(name, event.name), *(_filter_step(one, properties) for one in copy.filters)]
    steps += [_exclude_step(one, properties) for one in copy.excludes]
    values: list[tuple[str | None, int | Decimal | str]] = []
    for reading in copy.readings:
        is_text = copy.metering.aggregation == "unique"
        stop = RouteStop(copy, reading.path, (), is_text=is_text, expression=reading.expression)
        value = read_value(stop, properties)
        if isinstance(value, str):
            steps.append(CheckStep("Value", False, f"{value}: reported as unmatched usage"))
            continue
        if is_text:
            word = value_change(stop, event)
            value = f"{word.value} {'comes' if word.step.joins else 'goes'}"
        values.append((reading.dimension_value, value))
    if copy.price is not None and to_exact_number(look_up(properties, copy.price)) is None:
        told = f"“{'.'.join(copy.price)}” is missing or not a number: unmatched usage where a price passes it on"
        steps.append(CheckStep("Cost", True, told))
    dimensions = {name: to_text(look_up(properties, path)) for name, path in copy.dimensions}
    counts = all(step.passed for step in steps)
    return DryRun(tuple(steps), tuple(values) if counts else (), dimensions)


def _received(event: bytes, meter: Meter, *, at: datetime) -> parser.ReceivedEvent:
    """Read an event as ingest does; what it leaves out that the meter does not ask for is made up."""
    body = _completed(event, meter)
    try:
        found, refused, single = parser.parse_events(body, sandbox=False, at=at, oldest=EARLIEST, newest=LATEST)
    except parser.BodyRefused as error:
        raise NotAnEvent(error.detail) from error
    if not single:
        raise NotAnEvent("Paste one event, not a list of them.")
    if refused:
        raise NotAnEvent(f"{refused[0].field}: {refused[0].detail}")
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


def _name_step(wanted: str, name: str) -> CheckStep:
    return CheckStep("Event", name == wanted, f"“{name}”" if name == wanted else f"“{name}” is not “{wanted}”")


def _filter_step(one: Filter, properties: Mapping[str, Any]) -> CheckStep:
    path, wanted = one
    text = to_text(look_up(properties, path))
    named = f"{'.'.join(path)} is {f'“{text}”' if text else 'missing'}"
    return CheckStep("Filter", text in wanted, named if text in wanted else f"{named}, and not {_either(wanted)}")


def _exclude_step(filters: tuple[Filter, ...], properties: Mapping[str, Any]) -> CheckStep:
    leaves_out = all(to_text(look_up(properties, path)) in wanted for path, wanted in filters)
    named = " and ".join(f"{'.'.join(path)} is {_either(wanted)}" for path, wanted in filters)
    return CheckStep(
        "Exclude", not leaves_out, f"left out, since {named}" if leaves_out else f"not left out by “{named}”"
    )


def _either(texts: Iterable[str]) -> str:
    return " or ".join(f"“{text}”" for text in sorted(texts))
