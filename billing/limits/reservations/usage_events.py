"""Usage events of a committed reservation, where the caller gives only a quantity."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from billing.limits.reservations.errors import ReservationRefused
from billing.metering.ingest import parser
from billing.models import Reservation
from plans.aggregation.json_numbers import parse_number
from plans.models import Meter

MAX_EVENTS = 1_000
"""A larger count needs the caller's own events."""

SOURCE = "reservation"

encode = msgspec.json.Encoder(decimal_format="number").encode
"""Encode events as they are sent, with exact numbers."""


def events_for_quantity(reservation: Reservation, quantity: Decimal) -> list[parser.ReceivedEvent]:
    """
    Return the events for the usage of `quantity` units, dated when they were reserved: one event, or one per unit
    where events are counted.

    :raises ReservationRefused: if a quantity alone doesn't determine the values that the meter reads.
    """
    meter = reservation.plan_feature.feature.meter
    assert meter is not None  # noqa: S101  only a metered feature is reserved
    bodies = list(_event_bodies(reservation, meter, quantity))
    if not bodies:
        return []
    raw = encode(bodies)
    events, errors, _ = parser.parse_events(
        raw, sandbox=reservation.customer.sandbox, at=reservation.at, oldest=reservation.at, newest=reservation.at
    )
    if errors:
        raise ReservationRefused(errors[0].detail, field="quantity")
    return events


def _event_bodies(reservation: Reservation, meter: Meter, quantity: Decimal) -> Iterator[dict[str, Any]]:
    properties = _event_properties(reservation.properties, meter)
    if meter.aggregation == "count":
        if quantity != quantity.to_integral_value() or quantity > MAX_EVENTS:
            raise ReservationRefused(
                f"Events are counted individually; commit a whole number up to {MAX_EVENTS:,}, or the events.",
                field="quantity",
            )
        for index in range(int(quantity)):
            yield _event_body(reservation, f"{reservation.pk}:{index + 1}", meter, properties)
        return
    if meter.aggregation != "sum" or meter.expression or meter.reading_dimension:
        raise ReservationRefused(
            f"A quantity lacks the values that {meter.name} reads from an event; commit the events.", field="events"
        )
    if quantity:
        _set_nested(properties, meter.value_property, parse_number(f"{quantity:f}"))
        yield _event_body(reservation, str(reservation.pk), meter, properties)


def _event_body(reservation: Reservation, id_: str, meter: Meter, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": SOURCE,
        "type": meter.event_name,
        "subject": reservation.customer.external_id,
        "time": reservation.at,
        "subscription": reservation.subscription_ref,
        "data": properties,
    }


def _event_properties(dimensions: Mapping[str, str], meter: Meter) -> dict[str, Any]:
    """Return properties with these dimensions that pass the meter's filters."""
    properties: dict[str, Any] = {}
    for name, texts in meter.filters.items():
        # Any matching text passes a filter; the first one is stable across retries.
        _set_nested(properties, name, texts[0])
    for name, text in dimensions.items():
        _set_nested(properties, name, text)
    return properties


def _set_nested(properties: dict[str, Any], dotted: str, value: Any) -> None:
    *path, last = dotted.split(".")
    for name in path:
        properties = properties.setdefault(name, {})
    properties[last] = value


def parse_events(reservation: Reservation, body: bytes, at: datetime) -> list[parser.ReceivedEvent]:
    """
    Return the caller's own events, parsed as in ingest.

    :raises ReservationRefused: if an event is not valid, or is another customer's.
    """
    sandbox = reservation.customer.sandbox
    try:
        events, errors, _ = parser.parse_events(
            body, sandbox=sandbox, at=at, oldest=at - parser.MAX_AGE, newest=at + parser.MAX_AHEAD
        )
    except parser.BodyRefused as error:
        raise ReservationRefused(error.detail, field="events") from error
    if errors:
        raise ReservationRefused(errors[0].detail, field=f"events.{errors[0].index}.{errors[0].field}")
    for event in events:
        if event.customer != reservation.customer.external_id:
            raise ReservationRefused(
                f"“{event.customer}” is not the customer of the reservation.",
                field=f"events.{event.index}.customer",
            )
    return events
