"""
Check the books: frozen postings against their locks and their sources, and each role's balance against its tables.

Postings debit one role and credit another, so they always sum to zero; constraints see to that.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Max
from django.utils import timezone

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from billing.models.postings import Role
from billing.revenue.ledger import books as seller_books
from billing.revenue.ledger.live_postings import parameters, postings_sql
from billing.revenue.month_end.month_freeze import DIGEST
from billing.revenue.reports.entries import MOVEMENTS, entries_sql, entry_parameters
from billing.revenue.reports.schedule import END_OF_TIME, read_earned_by
from customers.models import Seller
from invoices.models import Invoice, MonthLock
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

_BALANCES = """
SELECT currency, role, sum(change) FROM (
    SELECT currency, debit AS role, amount AS change FROM ({all}) p
    UNION ALL
    SELECT currency, credit, -amount FROM ({all}) p
) e WHERE role IN ('receivable', 'customer_balance', 'refunds_payable', 'tax', 'deferred', 'prepaid') GROUP BY 1, 2
"""
# What the tables say of the same balances, without schedules and months.
_TABLES = """
SELECT i.currency, 'receivable', sum(i.total - i.credited - i.paid + i.returned)
    FROM invoices_invoice i LEFT JOIN invoices_writeoff w ON w.invoice_id = i.id
    WHERE i.seller_id = %(seller)s AND NOT i.sandbox AND i.kind = 'invoice' AND i.state <> 'draft' AND w.id IS NULL
    GROUP BY 1
UNION ALL
SELECT e.currency, 'customer_balance', -sum(e.amount) FROM invoices_balanceentry e
    JOIN customers_customer c ON c.id = e.customer_id AND NOT c.sandbox LEFT JOIN invoices_invoice i
    ON i.id = e.document_id WHERE e.seller_id = %(seller)s GROUP BY 1
UNION ALL
SELECT r.currency, 'refunds_payable', -sum(r.amount) FROM invoices_refund r
    JOIN customers_customer c ON c.id = r.customer_id AND NOT c.sandbox
    LEFT JOIN invoices_invoice n ON n.id = r.note_id
    WHERE r.seller_id = %(seller)s AND r.state = 'pending' GROUP BY 1
UNION ALL
SELECT i.currency, 'tax', -sum(CASE i.kind WHEN 'credit_note' THEN -t.amount ELSE t.amount END)
    FROM invoices_invoicetax t JOIN invoices_invoice i ON i.id = t.invoice_id
    WHERE i.seller_id = %(seller)s AND NOT i.sandbox AND i.state <> 'draft' GROUP BY 1
"""
# Each open invoice of its own: a written-off one is paid by nobody, and what clears it later is a recovery.
_COMPARED = (Role.RECEIVABLE, Role.CUSTOMER_BALANCE, Role.REFUNDS_PAYABLE)

# What a share lacks would be booked as another loss, so that the receivables agree in any case.
_WRITTEN_OFF = """
SELECT w.id AS write_off_id, w.invoice_id, w.amount, w.tax, h.amount AS shares,
    i.total - coalesce(n.amount, 0) AS claim
FROM invoices_writeoff w JOIN invoices_invoice i ON i.id = w.invoice_id
LEFT JOIN LATERAL (SELECT sum(amount) AS amount FROM invoices_writeoffshare WHERE write_off_id = w.id) h ON true
LEFT JOIN LATERAL (SELECT sum(c.total) AS amount FROM invoices_invoice c
    WHERE c.corrects_id = i.id AND c.kind = 'credit_note' AND c.issued_at <= w.at) n ON true
WHERE w.tax + coalesce(h.amount, 0) <> least(w.amount, i.total - coalesce(n.amount, 0))
    OR EXISTS (SELECT FROM invoices_writeoffshare f JOIN invoices_line l ON l.id = f.line_id
        WHERE f.write_off_id = w.id AND l.invoice_id <> w.invoice_id)
"""
# Opening balances are earned by entries of finance, not by a line.
_POSTED = """
SELECT currency, -coalesce(sum(change) FILTER (WHERE role = 'deferred' AND source <> 'opening'), 0),
    -coalesce(sum(change) FILTER (WHERE role = 'tax' AND source = 'invoice'), 0)
FROM ({movements}) e GROUP BY 1 ORDER BY 1
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


def _balances(_books: Books) -> Iterator[Row]:
    for seller in Seller.objects.order_by("pk"):
        at = _after_all_documents(seller)
        books = seller_books.read_books(seller, at=at)
        statement = _BALANCES.format(all=postings_sql(books, ignores_locks=True))
        posted = {
            (currency, role): amount
            for currency, role, amount in sql.fetch_rows(statement, parameters(books, low=1, high=len(books.months)))
        }
        tables = {
            (currency, role): amount for currency, role, amount in sql.fetch_rows(_TABLES, {"seller": seller.pk})
        }
        for currency, role in sorted({*posted, *tables}):
            if role in _COMPARED and posted.get((currency, role), 0) != tables.get((currency, role), 0):
                yield {
                    "seller_id": seller.pk,
                    "role": role,
                    "currency": currency,
                    "posted": posted.get((currency, role), 0),
                    "in its table": tables.get((currency, role), 0),
                }


def _deferred(_books: Books) -> Iterator[Row]:
    """Yield the currencies whose deferred revenue is not the part of issued lines that is earned later."""
    for seller in Seller.objects.order_by("pk"):
        at = _after_all_documents(seller)
        for currency, deferred, _tax in _posted(seller, at):
            later = read_earned_by(seller, currency=currency, at=at, until=END_OF_TIME)
            if deferred != later:
                yield {"seller_id": seller.pk, "currency": currency, "deferred": deferred, "earned later": later}


def _taxes(_books: Books) -> Iterator[Row]:
    """Yield the currencies whose posted tax is not that of the documents; write-offs that return it are apart."""
    for seller in Seller.objects.order_by("pk"):
        at = _after_all_documents(seller)
        taxes = {
            currency: -amount
            for currency, role, amount in sql.fetch_rows(_TABLES, {"seller": seller.pk})
            if role == Role.TAX
        }
        for currency, _deferred, tax in _posted(seller, at):
            if tax != taxes.get(currency, 0):
                documents = taxes.get(currency, 0)
                yield {"seller_id": seller.pk, "currency": currency, "posted": tax, "of documents": documents}


def _after_all_documents(seller: Seller) -> datetime:
    """Return a time by which all documents are issued, even if the clock of their worker is ahead of this one."""
    issued = Invoice.objects.filter(seller=seller).aggregate(last=Max("issued_at"))["last"]
    now = timezone.now()
    return max(now, issued + timedelta(seconds=1)) if issued else now


def _posted(seller: Seller, at: datetime) -> list[tuple[str, Decimal, Decimal]]:
    """Return (currency, deferred revenue, tax), both frozen and open."""
    books = seller_books.read_books(seller, at=at)
    statement = _POSTED.format(movements=MOVEMENTS.format(entries=entries_sql(books)))
    return sql.fetch_rows(statement, entry_parameters(books))


CHECKS = (
    Check("frozen_postings_match_their_digest", "B1", _digests),
    Check("frozen_postings_match_their_sums", "B1", _GROUPED),
    Check("frozen_months_have_the_postings_of_their_lock", "B1", _SUMS),
    Check("months_are_locked_in_order", "B2", _UNORDERED),
    Check("frozen_and_open_postings_equal_their_sources", "B3", _sources),
    Check("balances_of_roles_equal_their_tables", "B4", _balances),
    Check("shares_of_a_write_off_sum_to_its_claim", "B4", _WRITTEN_OFF),
    Check("deferred_revenue_is_earned_later", "B6", _deferred),
    Check("posted_taxes_are_those_of_documents", "B7", _taxes),
    Check("sandbox_customers_have_no_postings", "B5", _SANDBOX),
)
