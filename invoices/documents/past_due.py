"""Mark invoices as overdue once the day they were due on is over, and tell so: docs/invoices.md#overdue."""

from datetime import datetime

from django.db import connection

from customers.customer_time import of_clock
from customers.notifications import Announcement, announce_all, is_listened_for
from lib.audit_log import change
from lib.decimals import plain

AT_ONCE = 1_000

# The day is the seller's: an invoice due today is overdue when it is tomorrow where the seller is.
_MARK = """
UPDATE invoices_invoice i SET state = 'overdue'
FROM (
    SELECT i.id FROM invoices_invoice i JOIN customers_seller s ON s.id = i.seller_id
    WHERE i.state = 'issued' AND i.kind = 'invoice' AND i.total > i.credited + i.paid - i.returned
        AND i.due_date < (%(at)s AT TIME ZONE s.time_zone)::date AND {in_time}
    ORDER BY i.id LIMIT %(most)s FOR NO KEY UPDATE OF i SKIP LOCKED
) late
WHERE i.id = late.id
RETURNING i.id, i.customer_id, i.number, i.total - i.credited - i.paid + i.returned, i.currency, i.due_date
"""


def mark_overdue(*, at: datetime, clock: int | None = None) -> int:
    """
    Mark the issued invoices of which something is still due after their day, and return how many those were.

    clock: of customers in this test clock's time; in real time for None. May run twice, or several times at once.
    """
    marked = 0
    while True:
        with change("fall due", by=None, at=at):
            some = _mark(at, clock)
        marked += some
        if some < AT_ONCE:
            return marked


def _mark(at: datetime, clock: int | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_MARK.format(in_time=of_clock(clock, "i.customer_id")), {"at": at, "most": AT_ONCE})
        rows = cursor.fetchall()
    if rows and is_listened_for("invoice.overdue"):
        told = [
            Announcement(
                customer_id,
                {
                    "invoice": id_,
                    "number": number,
                    "due": plain(due),
                    "currency": currency,
                    "due_date": due_date.isoformat(),
                },
                f"invoice:{id_}:overdue",
            )
            for id_, customer_id, number, due, currency, due_date in rows
        ]
        announce_all(kind="invoice.overdue", announcements=told, at=at)
    return len(rows)
