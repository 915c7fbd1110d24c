"""
Check the books: frozen postings against their locks and their sources.

Postings debit one role and credit another, so they always sum to zero; constraints see to that.
"""

from collections.abc import Iterator

from django.utils import timezone

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from billing.revenue.ledger import books as seller_books
from billing.revenue.ledger.live_postings import parameters, postings_sql
from billing.revenue.month_end.month_freeze import DIGEST
from customers.models import Seller
from invoices.models import MonthLock
from lib import sql

_SUMS = """
SELECT l.id AS lock_id, l.postings, counted.postings AS counted, summed.postings AS summed, counted.amount,
    summed.amount AS amount_of_sums
FROM invoices_monthlock l
LEFT JOIN (SELECT lock_id, count(*) AS postings, sum(amount) AS amount,
    bool_and(EXISTS (SELECT FROM invoices_monthlock k WHERE k.id = p.lock_id AND k.month = p.month
        AND k.seller_id = p.seller_id)) AS is_own
    FROM billing_posting p GROUP BY 1) counted ON counted.lock_id = l.id
LEFT JOIN (SELECT lock_id, sum(postings) AS postings, sum(amount) AS amount FROM billing_postingsum GROUP BY 1) summed
    ON summed.lock_id = l.id
WHERE l.frozen_at IS NOT NULL AND (
    (l.postings, l.postings) IS DISTINCT FROM (coalesce(counted.postings, 0), coalesce(summed.postings, 0))
    OR counted.amount IS DISTINCT FROM summed.amount OR NOT coalesce(counted.is_own, true))
"""
_GROUPED = """
SELECT lock_id, currency, service_month, booked_month, source, debit, credit, kind, plan_id, feature_id, fee_id,
    pack_id, country, tax_name, tax_rate, method, sum(amount) AS amount, sum(postings) AS postings
FROM (
    SELECT lock_id, currency, service_month, booked_month, source, debit, credit, kind, plan_id, feature_id, fee_id,
        pack_id, country, tax_name, tax_rate, method, amount, 1 AS postings FROM billing_posting
    UNION ALL
    SELECT lock_id, currency, service_month, booked_month, source, debit, credit, kind, plan_id, feature_id, fee_id,
        pack_id, country, tax_name, tax_rate, method, -amount, -postings FROM billing_postingsum
) e
WHERE lock_id IN (SELECT id FROM invoices_monthlock WHERE frozen_at IS NOT NULL)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
HAVING sum(amount) <> 0 OR sum(postings) <> 0
"""
_UNORDERED = """
SELECT l.id AS lock_id, l.month, e.month AS earlier
FROM invoices_monthlock l JOIN invoices_monthlock e ON e.seller_id = l.seller_id AND e.month > l.month
    AND e.unlocked_at IS NULL AND e.frozen_at IS NOT NULL
WHERE l.unlocked_at IS NOT NULL AND NOT EXISTS (SELECT FROM invoices_monthlock k
    WHERE k.seller_id = l.seller_id AND k.month = l.month AND k.unlocked_at IS NULL AND k.id > l.id)
"""
_SANDBOX = """
SELECT p.lock_id, p.customer_id FROM billing_posting p JOIN customers_customer c ON c.id = p.customer_id AND c.sandbox
GROUP BY 1, 2
"""

# Frozen postings and those of open months on one side, all sources as if nothing were locked on the other.
_SOURCES = """
SELECT source, source_id, currency, debit, credit, sum(amount) AS difference FROM (
    SELECT source, source_id, currency, debit, credit, amount FROM billing_posting WHERE lock_id = ANY(%(locks)s)
    UNION ALL
    SELECT source, source_id, currency, debit, credit, amount FROM ({open}) p
    UNION ALL
    SELECT source, source_id, currency, debit, credit, -amount FROM ({all}) p
) e GROUP BY 1, 2, 3, 4, 5 HAVING sum(amount) <> 0 LIMIT 100
"""


def _digests(_books: Books) -> Iterator[Row]:
    for lock in MonthLock.objects.filter(frozen_at__isnull=False).order_by("pk"):
        ((postings, digest),) = sql.fetch_rows(DIGEST, {"month": lock.month, "lock": lock.pk})
        if (postings, digest) != (lock.postings, lock.digest):
            yield {"lock_id": lock.pk, "month": lock.month, "postings": postings, "stored": lock.postings}


def _sources(_books: Books) -> Iterator[Row]:
    at = timezone.now()
    for seller in Seller.objects.order_by("pk"):
        books = seller_books.read_books(seller, at=at)
        if not books.locks:
            continue
        statement = _SOURCES.format(open=postings_sql(books), all=postings_sql(books, ignores_locks=True))
        values = parameters(books, low=1, high=len(books.months))
        for source, source_id, currency, debit, credit, difference in sql.fetch_rows(statement, values):
            yield {
                "seller_id": seller.pk,
                "source": f"{source} {source_id}",
                "posting": f"{debit} to {credit}",
                "difference": f"{difference} {currency}",
            }


CHECKS = (
    Check("frozen_postings_match_their_digest", "B1", _digests),
    Check("frozen_postings_match_their_sums", "B1", _GROUPED),
    Check("frozen_months_have_the_postings_of_their_lock", "B1", _SUMS),
    Check("months_are_locked_in_order", "B2", _UNORDERED),
    Check("frozen_and_open_postings_equal_their_sources", "B3", _sources),
    Check("sandbox_customers_have_no_postings", "B5", _SANDBOX),
)
