"""
The exact events of a usage line: docs/closing.md#events-of-a-line.

A line's snapshot names them by its high-water mark: those that counted at it. A line for late usage, or a credit for
it, has what has become of them since the mark of the line before: events that came, less those taken back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from billing.metering.ingest.event_contributions import read_contributions
from billing.metering.ingest.event_reader import EventPosition, StoredEvent, read_pages
from billing.metering.store.counter_store import CounterKey
from lib.csv_export import csv_lines
from lib.decimals import EXACT, ZERO, to_plain_string

COLUMNS = ("number", "id", "source", "event", "occurred_at", "received_at", "change", "quantity", "properties")


@dataclass(frozen=True, slots=True)
class LineUsage:
    """
    What a usage line billed of its counter.

    after: the mark that the line before it billed up to, 0 for the first one. mark: its own.
    events, quantity, fingerprint: by which the counter's snapshots differ between the two; what the line's events add
        up to. aggregation: what the meter makes of the values: where that is no sum, neither is the line's quantity.
    """

    line_id: int
    counter: CounterKey
    after: int
    mark: int
    events: int
    quantity: Decimal
    fingerprint: Decimal
    customer_id: int
    event_name: str
    aggregation: str
    starts_at: datetime
    ends_at: datetime

    @property
    def is_sum(self) -> bool:
        return self.aggregation in ("count", "sum")


class Entry(NamedTuple):
    """
    One event's value on a line.

    change: 1 where the line has it, -1 where a line before it had it and it was taken back since.
    """

    row: StoredEvent
    value: Decimal
    change: int

    @property
    def quantity(self) -> Decimal:
        """What it adds to the line."""
        return EXACT.multiply(self.value, Decimal(self.change))


_READ = """
SELECT b.line_id, b.period_id, b.plan_feature_id, b.rate_id, b.window_start, coalesce(f.high_water_mark, 0),
    b.high_water_mark, b.events - coalesce(f.events, 0), b.quantity - coalesce(f.quantity, 0),
    b.fingerprint - coalesce(f.fingerprint, 0), s.customer_id, m.event_name, m.aggregation, p.starts_at, p.ends_at
FROM billing_billedusage b
JOIN invoices_line l ON l.id = b.line_id
JOIN billing_period p ON p.id = b.period_id
JOIN billing_subscription s ON s.id = p.subscription_id
JOIN plans_planfeature pf ON pf.id = b.plan_feature_id
JOIN plans_feature fe ON fe.id = pf.feature_id
JOIN plans_meter m ON m.id = fe.meter_id
LEFT JOIN LATERAL (
    SELECT * FROM billing_billedusage o
    WHERE (o.period_id, o.plan_feature_id, o.rate_id, o.window_start)
        = (b.period_id, b.plan_feature_id, b.rate_id, b.window_start) AND o.high_water_mark < b.high_water_mark
    ORDER BY o.high_water_mark DESC LIMIT 1
) f ON l.kind <> 'usage'
WHERE b.line_id = %s
"""


def usage_of_line(line_id: int) -> LineUsage | None:
    """Return what a line billed, or None if it bills no usage."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [line_id])
        row = cursor.fetchone()
    return LineUsage(row[0], CounterKey(*row[1:5]), *row[5:]) if row else None


def entries(usage: LineUsage, *, after: EventPosition | None = None) -> Iterator[Entry]:
    """
    Yield the events of a line in the order of time, then source, then id; memory stays flat.

    after: go on beyond this place. An event that a meter reads several values of comes once for each of them.
    """
    pages = read_pages(
        customer_id=usage.customer_id,
        names=[usage.event_name],
        since=usage.starts_at,
        until=usage.ends_at,
        after=after,
    )
    for rows in pages:
        for one in read_contributions(rows, since=usage.starts_at):
            for part in one.contributions:
                change = one.is_counted(part, up_to=usage.mark) - one.is_counted(part, up_to=usage.after)
                if change and any(counter == usage.counter for counter, _ in part.stop.targets):
                    yield Entry(one.row, Decimal(part.value), change)


def page_of(usage: LineUsage, *, after: EventPosition | None, limit: int) -> tuple[list[Entry], EventPosition | None]:
    """Return the next entries of a line, `limit` or a few more so that no event is cut in two, and where to go on."""
    found: list[Entry] = []
    for one in entries(usage, after=after):
        if len(found) >= limit and one.row.key != found[-1].row.key:
            last = found[-1].row
            return found, (last.occurred_at, last.source, last.sender_id)
        found.append(one)
    return found, None


@dataclass(frozen=True, slots=True)
class Proof:
    """What the events of a line add up to now. agrees: whether that is what its snapshots say, to the last digit."""

    events: int
    quantity: Decimal
    fingerprint: int
    agrees: bool


def prove(usage: LineUsage) -> Proof:
    """Add up the events of a line, and compare them with its snapshots."""
    events, quantity, fingerprint = 0, ZERO, 0
    for one in entries(usage):
        events += one.change
        quantity = EXACT.add(quantity, one.quantity)
        fingerprint += one.change * int(one.row.digest, 16)
    agrees = (events, quantity, fingerprint) == (usage.events, usage.quantity, usage.fingerprint)
    return Proof(events, quantity, fingerprint, agrees)


def as_csv(usage: LineUsage) -> Iterator[str]:
    """Yield the events of a line as lines of CSV; the column `quantity` adds up to what the line billed."""
    yield from csv_lines([COLUMNS])
    yield from csv_lines(_cells(one) for one in entries(usage))


def _cells(one: Entry) -> tuple[str, ...]:
    row = one.row
    return (
        str(row.sequence),
        row.sender_id,
        row.source,
        row.name,
        row.occurred_at.isoformat(),
        row.received_at.isoformat(),
        "counted" if one.change > 0 else "taken back",
        to_plain_string(one.quantity),
        row.properties,
    )
