"""The latest events of a meter, without walking the table of events, which outnumbers everything else."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from billing.metering.ingest.parser import ReceivedEvent, decode_properties
from billing.models import Rollup, UnmatchedUsage

MOST_CUSTOMERS = 10
LOOKED_AT = 500
"""Unmatched events looked through for those of one name."""


@dataclass(frozen=True, slots=True)
class Recent:
    """An event as it was sent; `properties` is JSON."""

    key: UUID
    occurred_at: datetime
    customer_ref: str
    source: str
    sender_id: str
    properties: str
    name: str

    @property
    def received(self) -> ReceivedEvent:
        """Return the event as ingest had it before it."""
        properties = decode_properties(self.properties)
        sent = (self.sender_id, self.source, self.customer_ref, self.name, self.occurred_at, properties)
        return ReceivedEvent(0, self.key.hex, "", *sent, b"", "")


_LATEST = """
SELECT e.key, e.occurred_at, e.customer_ref, e.source, e.sender_id, e.properties, e.name
FROM unnest(%s::bigint[]) AS c(id)
CROSS JOIN LATERAL (
    SELECT * FROM billing_event k
    WHERE customer_id = c.id AND name = %s
        AND NOT EXISTS (SELECT FROM billing_correction t WHERE t.event_key = k.key)
    ORDER BY occurred_at DESC LIMIT %s
) e
ORDER BY e.occurred_at DESC LIMIT %s
"""


def recent_events(*, meter_id: int, name: str, since: datetime, count: int) -> list[Recent]:
    """
    Return the latest events of a name, newest first, of the customers that the meter counted last since a moment.

    What was taken back is left out. An index leads to the events of a customer, none to those of a name: so the
    hourly sums say whose to look at.
    """
    hours = Rollup.objects.filter(meter=meter_id, bucket__gte=since).order_by("-bucket")
    whose = hours.values_list("period__subscription__customer", flat=True)[: MOST_CUSTOMERS * 20]
    customers = list(dict.fromkeys(whose))[:MOST_CUSTOMERS]
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, [customers, name, count, count])
        return [Recent(*row) for row in cursor.fetchall()]


def recent_refusals(*, meter_id: int, name: str, count: int) -> list[UnmatchedUsage]:
    """Return the latest events of a name that no price took, newest first, among the latest unmatched ones."""
    latest = UnmatchedUsage.objects.filter(resolved_at__isnull=True).order_by("-pk")[:LOOKED_AT]
    return [one for one in latest if one.event_name == name and one.meter_id in (None, meter_id)][:count]


_TAKEN_IN = """
SELECT max(e.received_at) FROM unnest(%s::text[]) AS n(name)
CROSS JOIN LATERAL (
    SELECT received_at FROM billing_event WHERE customer_id = %s AND name = n.name ORDER BY occurred_at DESC LIMIT 1
) e
"""


def last_taken_in(*, customer_id: int, names: Collection[str]) -> datetime | None:
    """Return when the latest event of these names was taken in of a customer; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN_IN, [list(names), customer_id])
        found: datetime | None = cursor.fetchone()[0]
        return found
