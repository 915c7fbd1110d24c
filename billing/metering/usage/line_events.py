"""
The exact events of a usage line: docs/closing.md#events-of-a-line.

A line's snapshot identifies them by its high-water mark: those that counted at it. A line for late usage, or a credit
for it, has the changes since the mark of the line before: new events, less the voided ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from billing.metering.ingest.event_contributions import read_contributions
from billing.metering.ingest.event_reader import EventPosition, StoredEvent, read_pages
from billing.metering.store.counter_store import CounterKey
from billing.metering.store.event_removals import RemovedEvents, read_removed
from lib.decimals import EXACT, ZERO, to_plain_string

COLUMNS = ("number", "id", "source", "event", "occurred_at", "received_at", "change", "quantity", "properties")


@dataclass(frozen=True, slots=True)
class LineUsage:
    """
    The usage that a line billed from its counter.

    after: the high-water mark of the line before it, 0 for the first one.
    mark: its own high-water mark.
    events, quantity, fingerprint: difference of the counter's snapshots at the two marks, which the line's events
        must add up to.
    removed: set if the line's events have left, or some of them; then none are listed.
    aggregation: the meter's; unless it is a sum, the values don't add up to the line's quantity.
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
    removed: RemovedEvents | None = None

    @property
    def is_sum(self) -> bool:
        return self.aggregation in ("count", "sum")


class LineEvent(NamedTuple):
    """
    One event's value on a line.

    change: 1 if the line bills it, -1 if an earlier line billed it and it was voided since.
    """

    row: StoredEvent
    value: Decimal
    change: int

    @property
    def quantity(self) -> Decimal:
        """The quantity that it adds to the line."""
        return EXACT.multiply(self.value, Decimal(self.change))


# `f` is the snapshot of the line before: only a line for late usage is a difference of two snapshots.
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


def read_line_usage(line_id: int) -> LineUsage | None:
    """Return the usage that a line billed, or None if it bills no usage."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [line_id])
        row = cursor.fetchone()
    if not row:
        return None
    usage = LineUsage(row[0], CounterKey(*row[1:5]), *row[5:])
    removed = read_removed([usage.customer_id]).get(usage.customer_id)
    return replace(usage, removed=removed) if removed and usage.starts_at < removed.until else usage


def read_line_events(usage: LineUsage, *, after: EventPosition | None = None) -> Iterator[LineEvent]:
    """
    Yield the events of a line ordered by time, then source, then id, in constant memory; none if some have left.

    after: start after this position. An event from which a meter reads several values is yielded once per value.
    """
    if usage.removed:
        return
    pages = read_pages(
        customer_id=usage.customer_id,
        names=[usage.event_name],
        since=usage.starts_at,
        until=usage.ends_at,
        after=after,
    )
    for rows in pages:
        for contributions in read_contributions(rows, since=usage.starts_at):
            for part in contributions.contributions:
                # 1 if it counted since the mark before, -1 if it was voided since, 0 if nothing changed.
                change = contributions.is_counted(part, up_to=usage.mark) - contributions.is_counted(
                    part, up_to=usage.after
                )
                if change and any(counter == usage.counter for counter, _ in part.stop.targets):
                    yield LineEvent(contributions.row, Decimal(part.value), change)


def read_page(
    usage: LineUsage, *, after: EventPosition | None, limit: int
) -> tuple[list[LineEvent], EventPosition | None]:
    """
    Return the next events of a line, `limit` or a few more so that no event's values are split over two pages, and
    the position where the next page starts.
    """
    page: list[LineEvent] = []
    for line_event in read_line_events(usage, after=after):
        if len(page) >= limit and line_event.row.key != page[-1].row.key:
            last = page[-1].row
            return page, (last.occurred_at, last.source, last.sender_id)
        page.append(line_event)
    return page, None


@dataclass(frozen=True, slots=True)
class SumCheck:
    """The sums of a line's events at present. agrees: whether they equal its snapshots to the last digit."""

    events: int
    quantity: Decimal
    fingerprint: int
    agrees: bool


def check_sums(usage: LineUsage) -> SumCheck:
    """Add up the events of a line, and compare the sums with its snapshots."""
    events, quantity, fingerprint = 0, ZERO, 0
    for line_event in read_line_events(usage):
        events += line_event.change
        quantity = EXACT.add(quantity, line_event.quantity)
        fingerprint += line_event.change * int(line_event.row.digest, 16)
    agrees = (events, quantity, Decimal(fingerprint)) == (usage.events, usage.quantity, usage.fingerprint)
    return SumCheck(events, quantity, fingerprint, agrees)


def csv_rows(usage: LineUsage) -> Iterator[tuple[str, ...]]:
    """Yield the columns, then the events of a line; the column `quantity` adds up to the quantity that it billed."""
    yield COLUMNS
    yield from map(_cells, read_line_events(usage))


def _cells(line_event: LineEvent) -> tuple[str, ...]:
    row = line_event.row
    return (
        str(row.sequence),
        row.sender_id,
        row.source,
        row.name,
        row.occurred_at.isoformat(),
        row.received_at.isoformat(),
        "counted" if line_event.change > 0 else "taken back",
        to_plain_string(line_event.quantity),
        row.properties,
    )
