"""
A dry run of a meter on a pasted event: the checks that the event passes, and the values that it would count.

It uses ingest's own parser and readings; nothing is stored.
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
    """The pasted text is not an event; the text gives the reason."""


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One check of an event by a meter, with an explanation."""

    name: str
    passed: bool
    explanation: str


@dataclass(frozen=True, slots=True)
class DryRun:
    """
    The result of a meter's dry run on one event.

    values: each with the dimension value that it is counted under, if any; empty if the event would not be counted.
    """

    steps: tuple[CheckStep, ...]
    values: tuple[tuple[str | None, int | Decimal | str], ...]
    dimensions: Mapping[str, str]

    @property
    def is_counted(self) -> bool:
        return all(step.passed for step in self.steps)

    @property
    def failure(self) -> str:
        """Return the explanation of the first failed check, or an empty text."""
        return next((step.explanation for step in self.steps if not step.passed), "")


def try_meter(meter: Meter, *, readings: Iterable[MeterReading], event: bytes, at: datetime) -> DryRun:
    """
    Run a meter, saved or not, on an event as it is sent: a whole event, or only its properties.

    :raises NotAnEvent: if ingest would refuse the event.
    """
    received = _parse_event(event, meter, at=at)
    return apply_meter(prepare_meter(meter, readings), name=meter.event_name, event=received)


def apply_meter(meter: CachedMeter, *, name: str, event: parser.ReceivedEvent) -> DryRun:
    """Return the dry run of a meter on an event. name: event name that the meter counts."""
    properties = event.properties
    steps = [_name_step(name, event.name), *(_filter_step(filter, properties) for filter in meter.filters)]
    steps += [_exclude_step(exclude, properties) for exclude in meter.excludes]
    values: list[tuple[str | None, int | Decimal | str]] = []
    for reading in meter.readings:
        is_text = meter.metering.aggregation == "unique"
        stop = RouteStop(meter, reading.path, (), is_text=is_text, expression=reading.expression)
        value = read_value(stop, properties)
        if isinstance(value, str):
            steps.append(CheckStep("Value", False, f"{value}: reported as unmatched usage"))
            continue
        if is_text:
            change = value_change(stop, event)
            value = f"{change.value} {'comes' if change.step.joins else 'goes'}"
        values.append((reading.dimension_value, value))
    if meter.price is not None and to_exact_number(look_up(properties, meter.price)) is None:
        explanation = (
            f"“{'.'.join(meter.price)}” is missing or not a number: unmatched usage where a price passes it on"
        )
        steps.append(CheckStep("Cost", True, explanation))
    dimensions = {name: to_text(look_up(properties, path)) for name, path in meter.dimensions}
    is_counted = all(step.passed for step in steps)
    return DryRun(tuple(steps), tuple(values) if is_counted else (), dimensions)


def _parse_event(event: bytes, meter: Meter, *, at: datetime) -> parser.ReceivedEvent:
    """Parse an event as ingest does; fill in missing fields that the meter doesn't read."""
    body = _fill_in_fields(event, meter)
    try:
        events, errors, single = parser.parse_events(body, sandbox=False, at=at, oldest=EARLIEST, newest=LATEST)
    except parser.BodyRefused as error:
        raise NotAnEvent(error.detail) from error
    if not single:
        raise NotAnEvent("Paste one event, not a list of them.")
    if errors:
        raise NotAnEvent(f"{errors[0].field}: {errors[0].detail}")
    return events[0]


def _fill_in_fields(event: bytes, meter: Meter) -> bytes:
    try:
        parts: dict[str, Any] = msgspec.json.decode(event, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return event  # ingest's own parser reports the error
    if parts.keys().isdisjoint(KNOWN):
        parts = {"properties": msgspec.Raw(event)}
    placeholders = {"id": "tried", "customer": "nobody", "event": meter.event_name}
    if "specversion" in parts:
        placeholders = {"id": "tried", "source": "tried", "subject": "nobody", "type": meter.event_name}
    return msgspec.json.encode(placeholders | parts)


def _name_step(wanted: str, name: str) -> CheckStep:
    return CheckStep("Event", name == wanted, f"“{name}”" if name == wanted else f"“{name}” is not “{wanted}”")


def _filter_step(filter_: Filter, properties: Mapping[str, Any]) -> CheckStep:
    path, texts = filter_
    text = to_text(look_up(properties, path))
    description = f"{'.'.join(path)} is {f'“{text}”' if text else 'missing'}"
    return CheckStep(
        "Filter", text in texts, description if text in texts else f"{description}, and not {_either(texts)}"
    )


def _exclude_step(filters: tuple[Filter, ...], properties: Mapping[str, Any]) -> CheckStep:
    is_excluded = all(to_text(look_up(properties, path)) in wanted for path, wanted in filters)
    description = " and ".join(f"{'.'.join(path)} is {_either(wanted)}" for path, wanted in filters)
    return CheckStep(
        "Exclude",
        not is_excluded,
        f"excluded because {description}" if is_excluded else f"not excluded by “{description}”",
    )


def _either(texts: Iterable[str]) -> str:
    return " or ".join(f"“{text}”" for text in sorted(texts))
