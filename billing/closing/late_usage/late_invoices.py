"""Bill late usage that waits for no next invoice: of ended subscriptions, and where the seller reissues invoices."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from billing.closing.batch import describe_error
from billing.closing.close_result import CloseFailure, CloseSummary
from billing.closing.credit_notes import build_credit_notes
from billing.closing.invoice_assembly import assemble_late_invoice
from billing.closing.invoice_inputs import with_late_usage
from billing.closing.invoice_writer import clear_late, write_invoice_rows
from billing.closing.late_usage.reissue import reissue
from billing.closing.period_locks import AFTER_THE_OLD_PART, ON_NEXT_INVOICE, REPLACEABLE, lock_invoices_of_periods
from billing.closing.period_reader import read_due_periods
from billing.metering.store.events import read_high_water_mark
from billing.models import Period, Subscription
from customers.customer_time import clock_sql
from invoices.documents.issue import issue
from invoices.documents.seller_terms import read_sellers
from lib import sql
from lib.queue import lock_free_row

# Late periods whose seller's grace period is over, by the seller's policy for late usage; oldest ids first.
_WAITING = f"""
SELECT l.id, l.subscription_id, NOT {ON_NEXT_INVOICE} FROM billing_period l
JOIN billing_subscription s ON s.id = l.subscription_id
JOIN customers_customer c ON c.id = s.customer_id
JOIN customers_seller se ON se.id = s.seller_id
WHERE l.late_since IS NOT NULL AND l.state = 'closed' AND l.late_since + se.grace <= %(at)s
    AND (l.retry_at IS NULL OR l.retry_at <= %(at)s) AND {AFTER_THE_OLD_PART}
    AND CASE se.late_usage
        WHEN 'report_only' THEN false WHEN 'reissue' THEN s.state = 'ended' OR ({REPLACEABLE}) ELSE s.state = 'ended'
    END AND {{in_time}}
ORDER BY l.id LIMIT %(limit)s
"""  # noqa: S608

RETRY_AFTER = timedelta(days=1)
_LESS_THAN_NOTHING = "The amount of late usage is negative. It will reduce a later invoice."


def bill_late_usage(*, at: datetime, clock_id: int | None = None, limit: int = 1_000) -> CloseSummary:
    """
    Bill late usage once its seller's grace period is over: for ended subscriptions with one invoice per period, and
    where the seller chose so, with a credit note over the period's invoice and a replacement.

    Amounts that are now lower are taken back by credit notes. A negative total stays late and is tried again a day
    later.

    clock_id: limit to customers on this test clock; None means real time.
    """
    summary = CloseSummary()
    waiting = sql.fetch_rows(_WAITING.format(in_time=clock_sql(clock_id, "c.id")), {"at": at, "limit": limit})
    for period_id, subscription_id, is_replaced in waiting:
        try:
            summary.add(_bill_late_period(period_id, subscription_id, is_replaced=is_replaced, at=at))
        except Exception as error:
            # Without a connection the failure can't be stored either: the task fails, and the next run starts over.
            if not connection.is_usable():
                raise
            failure = CloseFailure(period_id, describe_error(error))
            _postpone(failure, at=at)
            summary.failed.append(failure)
    return summary


@transaction.atomic
def _bill_late_period(period_id: int, subscription_id: int, *, is_replaced: bool, at: datetime) -> CloseSummary:
    # Subscription lock: its late periods may share a commitment cycle, which two invoices must not settle at once.
    Subscription.objects.select_for_update(no_key=True).only("pk").get(pk=subscription_id)
    # A close or another worker that holds the period bills it; this one leaves it for the next run.
    late = Period.objects.filter(pk=period_id, late_since__isnull=False).only("pk")
    if lock_free_row(late, no_key=False) is None:
        return CloseSummary(busy=1)
    lock_invoices_of_periods([period_id])
    mark = read_high_water_mark()
    (closing,) = with_late_usage(read_due_periods([period_id]).values(), {subscription_id: [period_id]})
    (late_period,) = closing.late_periods
    seller = read_sellers([closing.buyer.seller_id])[closing.buyer.seller_id]
    if is_replaced:
        return reissue(late_period, closing, seller, high_water_mark=mark, at=at)
    assembled = assemble_late_invoice(closing, late_period, seller, reference=f"late:{period_id}:{mark}")
    if assembled.late_left:
        _postpone(CloseFailure(period_id, _LESS_THAN_NOTHING), at=at)
        return CloseSummary(late_left=1)
    clear_late([period_id], at=at)
    is_issued = not assembled.draft.is_zero or (seller.issues_zero_invoices and bool(assembled.draft.lines))
    invoices = [*([assembled] if is_issued else []), *(notes := build_credit_notes({period_id: assembled}))]
    if invoices:
        write_invoice_rows(invoices, high_water_mark=mark)
        issue([invoice.draft for invoice in invoices], at=at)
    return CloseSummary(issued=int(is_issued), credited=len(notes), late_billed=1)


def _postpone(failure: CloseFailure, *, at: datetime) -> None:
    Period.objects.filter(pk=failure.period_id).update(retry_at=at + RETRY_AFTER, error=failure.error)
