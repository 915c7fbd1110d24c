"""Mark invoices as overdue after their due date, and announce it: docs/invoices.md#overdue."""

from datetime import datetime

from django.db import connection

from customers.customer_time import clock_sql
from customers.notifications import Announcement, announce_all, has_listeners
from lib.audit_log import audited_transaction
from lib.decimals import to_plain_string
from lib.queue import repeat_while_full

# Invoices per statement, so that their row locks are short.
BATCH_SIZE = 1_000

# The day is the seller's: an invoice due today is overdue when it is tomorrow where the seller is.
# SKIP LOCKED: an invoice that is being paid or credited is marked by the next run, if it is still due.
_MARK = """
UPDATE invoices_invoice i SET state = 'overdue'
FROM (
    SELECT i.id FROM invoices_invoice i JOIN customers_seller s ON s.id = i.seller_id
    WHERE i.state = 'issued' AND i.kind = 'invoice' AND i.total > i.credited + i.paid - i.returned
        AND i.due_date < (%(at)s AT TIME ZONE s.time_zone)::date AND {in_time}
    ORDER BY i.id LIMIT %(most)s FOR NO KEY UPDATE OF i SKIP LOCKED
) late
WHERE i.id = late.id
RETURNING i.id, i.customer_id, i.seller_id, i.number, i.total - i.credited - i.paid + i.returned, i.currency,
    i.due_date
"""


def mark_overdue(*, at: datetime, clock_id: int | None = None) -> int:
    """
    Mark issued invoices with an amount still due after their due date, and return their number.

    clock_id: limit to customers on this test clock; None means real time. Safe to repeat and to run concurrently.
    """
    return repeat_while_full(lambda: _mark_batch(at, clock_id), size=BATCH_SIZE)


def _mark_batch(at: datetime, clock_id: int | None) -> int:
    with audited_transaction("fall due", by=None, at=at), connection.cursor() as cursor:
        cursor.execute(_MARK.format(in_time=clock_sql(clock_id, "i.customer_id")), {"at": at, "most": BATCH_SIZE})
        rows = cursor.fetchall()
        if rows and has_listeners("invoice.overdue"):
            announcements = [
                Announcement(
                    customer_id,
                    {
                        "invoice": invoice_id,
                        "number": number,
                        "due": to_plain_string(due),
                        "currency": currency,
                        "due_date": due_date.isoformat(),
                    },
                    f"invoice:{invoice_id}:overdue",
                    seller_id,
                )
                for invoice_id, customer_id, seller_id, number, due, currency, due_date in rows
            ]
            announce_all(kind="invoice.overdue", announcements=announcements, at=at)
        return len(rows)
