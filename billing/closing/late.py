"""Bill late usage of subscriptions that have no next document: on one of its own."""

from datetime import datetime

from django.db import connection, transaction

from billing.closing.assembling import assemble_late
from billing.closing.chunks import in_words
from billing.closing.contracts import read_contracts
from billing.closing.outcome import Closed, Failure
from billing.closing.reading import read_closings, read_late
from billing.closing.sellers import read_sellers
from billing.closing.writing import clear_late, write_rows
from billing.store.events import high_water_mark
from invoices.issuing import issue

_WAITING = """
SELECT l.id, l.subscription_id FROM billing_period l
JOIN billing_subscription s ON s.id = l.subscription_id AND s.state = 'ended'
JOIN customers_customer c ON c.id = s.customer_id
JOIN customers_seller se ON se.id = c.seller_id AND se.late_usage = 'next_invoice'
WHERE l.late_since IS NOT NULL AND l.state = 'closed' AND l.late_since + se.grace <= %(at)s
    AND (l.retry_at IS NULL OR l.retry_at <= %(at)s)
ORDER BY l.id LIMIT %(limit)s
"""

_PUT_OFF = "UPDATE billing_period SET retry_at = %s + interval '1 day', error = %s WHERE id = %s"
_LESS_THAN_NOTHING = "Late usage lowers what was billed; it waits for a document that it can be set off against."


def close_late(*, at: datetime, limit: int = 1_000) -> Closed:
    """
    Bill the late usage of ended subscriptions, a document for each period, once its seller's grace is over.

    A period that comes to less than nothing stays late and is looked at again a day later.
    """
    result = Closed()
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"at": at, "limit": limit})
        waiting = cursor.fetchall()
    for period_id, subscription_id in waiting:
        try:
            result.add(_bill(period_id, subscription_id, at=at))
        except Exception as error:
            if not connection.is_usable():
                raise
            failure = Failure(period_id, in_words(error))
            _put_off(failure, at=at)
            result.failed.append(failure)
    return result


@transaction.atomic
def _bill(period_id: int, subscription_id: int, *, at: datetime) -> Closed:
    with connection.cursor() as cursor:
        # Its late periods may belong to one contract, whose claims two documents must not settle at once.
        cursor.execute("SELECT id FROM billing_subscription WHERE id = %s FOR NO KEY UPDATE", [subscription_id])
        cursor.execute(
            "SELECT id FROM billing_period WHERE id = %s AND late_since IS NOT NULL FOR UPDATE SKIP LOCKED",
            [period_id],
        )
        if cursor.fetchone() is None:
            return Closed(busy=1)
    mark = high_water_mark()
    (late,) = read_late({subscription_id: [period_id]})[subscription_id]
    closing = read_closings([period_id])[period_id]
    closing.late = (late,)
    read_contracts([closing])
    seller = read_sellers([closing.buyer.seller_id])[closing.buyer.seller_id]
    found = assemble_late(closing, late, seller, reference=f"late:{period_id}:{mark}")
    if found.late_left:
        _put_off(Failure(period_id, _LESS_THAN_NOTHING), at=at)
        return Closed(late_left=1)
    clear_late([period_id], at=at)
    if found.draft.is_zero and not (seller.issues_zero_invoices and found.draft.lines):
        return Closed(late_billed=1)
    write_rows([found], high_water_mark=mark)
    issue([found.draft], at=at)
    return Closed(issued=1, late_billed=1)


def _put_off(failure: Failure, *, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_PUT_OFF, [at, failure.error, failure.period_id])
