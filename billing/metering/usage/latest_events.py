"""The latest events of a meter, without a scan of the event table, by far the largest one."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from billing.metering.ingest.parser import ReceivedEvent, decode_properties
from billing.metering.store.events import read_high_water_mark
from billing.models import Event, Rollup, UnmatchedUsage
from lib import sql
from plans.models import Meter

MAX_CUSTOMERS = 10
MAX_NAMES = 50
WINDOW = 20_000
"""Numbers of events, from the latest one back, among which the newest events of all customers are looked for."""
MAX_REPORTS_READ = 500
"""Unmatched reports read to find those of one event name."""


@dataclass(frozen=True, slots=True)
class RecentEvent:
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
        """Return the event as ingest received it."""
        properties = decode_properties(self.properties)
        sent = (self.sender_id, self.source, self.customer_ref, self.name, self.occurred_at, properties)
        return ReceivedEvent(0, self.key.hex, "", *sent, b"", "")


# LATERAL reads the newest events of each customer by index.
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


def read_recent_events(*, meter_id: int, name: str, since: datetime, count: int) -> list[RecentEvent]:
    """
    Return the latest events of a name, newest first, of the customers that the meter counted last since a time.

    Voided events are left out. An index leads to the events of a customer, but none to those of a name; so the hourly
    rollups decide which customers to read.
    """
    hours = Rollup.objects.filter(meter=meter_id, bucket__gte=since).order_by("-bucket")
    # More rows than customers, because a busy customer has many hours.
    customer_ids = hours.values_list("period__subscription__customer", flat=True)[: MAX_CUSTOMERS * 20]
    customers = list(dict.fromkeys(customer_ids))[:MAX_CUSTOMERS]
    return [RecentEvent(*row) for row in sql.fetch_rows(_LATEST, [customers, name, count, count])]


def read_recent_unmatched(*, meter_id: int, name: str, count: int) -> list[UnmatchedUsage]:
    """Return the latest unmatched events of a name, newest first, among the latest unmatched events of all names."""
    latest = UnmatchedUsage.objects.filter(resolved_at__isnull=True).order_by("-pk")[:MAX_REPORTS_READ]
    return [report for report in latest if report.event_name == name and report.meter_id in (None, meter_id)][:count]


_LAST_RECEIVED = """
SELECT max(e.received_at) FROM unnest(%s::text[]) AS n(name)
CROSS JOIN LATERAL (
    SELECT received_at FROM billing_event WHERE customer_id = %s AND name = n.name ORDER BY occurred_at DESC LIMIT 1
) e
"""


def find_last_received(*, customer_id: int, names: Collection[str]) -> datetime | None:
    """Return when a customer's latest event of these names was received; None if there is none."""
    received_at: datetime | None
    (received_at,) = sql.fetch_column(_LAST_RECEIVED, [list(names), customer_id])
    return received_at


def find_newest_events(events: QuerySet[Event], *, of_customer: bool, count: int) -> list[UUID]:
    """
    Return the keys of the newest of these events, of which no index keeps the order.

    of_customer: whether they are events of one customer (by `customer_id`). An index then has those of each name by
        time, so the names of the meters are read. Otherwise only the latest `WINDOW` numbers are, which lie together.
    """
    if of_customer:
        names = Meter.objects.order_by("event_name").values_list("event_name", flat=True).distinct()[:MAX_NAMES]
        newest_by_name = [events.filter(name=name).order_by("-occurred_at")[:count] for name in names]
        rows = [event for newest in newest_by_name for event in newest.values_list("occurred_at", "pk")]
        return [key for _occurred_at, key in sorted(rows, reverse=True)[:count]]
    latest = events.filter(sequence__gt=read_high_water_mark() - WINDOW).order_by("-sequence")
    return list(latest.values_list("pk", flat=True)[:count])
