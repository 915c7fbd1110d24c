"""The usage events that say what a reservation was used for, where the caller only tells how much it was."""

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
from plans.models.meters import Aggregation

MAX_EVENTS = 1_000
"""A count of more is told by the caller's own events."""

SOURCE = "reservation"

encode = msgspec.json.Encoder(decimal_format="number").encode
"""Write events as they are sent, with exact numbers."""


def events_for_quantity(found: Reservation, quantity: Decimal) -> list[parser.ReceivedEvent]:
    """
    Return the events of a use of `quantity` units, dated when they were reserved: one, or one for each where events
    are counted.

    :raises ReservationRefused: if a quantity does not tell what the meter reads of an event.
    """
    meter = found.plan_feature.feature.meter
    assert meter is not None  # noqa: S101  only a metered feature is reserved
    bodies = list(_event_bodies(found, meter, quantity))
    if not bodies:
        return []
    raw = encode(bodies)
    events, refused, _ = parser.parse_events(
        raw, sandbox=found.customer.sandbox, at=found.at, oldest=found.at, newest=found.at
    )
    if refused:
        raise ReservationRefused(refused[0].detail, field="quantity")
    return events


def _event_bodies(found: Reservation, meter: Meter, quantity: Decimal) -> Iterator[dict[str, Any]]:
    properties = _event_properties(found.properties, meter)
    if meter.aggregation == Aggregation.COUNT:
        if quantity != quantity.to_integral_value() or quantity > MAX_EVENTS:
            raise ReservationRefused(
                f"Events are counted one by one: commit a whole number up to {MAX_EVENTS:,}, or the events.",
                field="quantity",
            )
        for place in range(int(quantity)):
            yield _event_body(found, f"{found.pk}:{place + 1}", meter, properties)
        return
    if meter.aggregation != Aggregation.SUM or meter.expression or meter.reading_dimension:
        raise ReservationRefused(
            f"A quantity does not tell what {meter.name} reads of an event: commit the events.", field="events"
        )
    if quantity:
        _set_nested(properties, meter.value_property, parse_number(f"{quantity:f}"))
        yield _event_body(found, str(found.pk), meter, properties)


def _event_body(found: Reservation, id_: str, meter: Meter, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": SOURCE,
        "type": meter.event_name,
        "subject": found.customer.external_id,
        "time": found.at,
        "subscription": found.subscription_ref,
        "data": properties,
    }


def _event_properties(dimensions: Mapping[str, str], meter: Meter) -> dict[str, Any]:
    """Return properties that carry these dimensions, and pass the meter's filters."""
    properties: dict[str, Any] = {}
    for name, wanted in meter.filters.items():
        _set_nested(properties, name, wanted[0])
    for name, text in dimensions.items():
        _set_nested(properties, name, text)
    return properties


def _set_nested(properties: dict[str, Any], dotted: str, value: Any) -> None:
    *path, last = dotted.split(".")
    for name in path:
        properties = properties.setdefault(name, {})
    properties[last] = value


def parse_events(found: Reservation, body: bytes, at: datetime) -> list[parser.ReceivedEvent]:
    """
    Return the caller's own events, as ingest reads them.

    :raises ReservationRefused: if one cannot be stored, or is of another customer.
    """
    sandbox = found.customer.sandbox
    try:
        events, refused, _ = parser.parse_events(
            body, sandbox=sandbox, at=at, oldest=at - parser.MAX_AGE, newest=at + parser.MAX_AHEAD
        )
    except parser.BodyRefused as error:
        raise ReservationRefused(error.detail, field="events") from error
    if refused:
        raise ReservationRefused(refused[0].detail, field=f"events.{refused[0].index}.{refused[0].field}")
    for event in events:
        if event.customer != found.customer.external_id:
            raise ReservationRefused(
                f"“{event.customer}” is another customer than the reservation's.",
                field=f"events.{event.index}.customer",
            )
    return events
