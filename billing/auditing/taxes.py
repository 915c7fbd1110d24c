"""Taxes of documents, computed anew."""

from collections.abc import Iterator
from decimal import Decimal

from django.db import connection
from psycopg import ServerCursor

from billing.auditing.books import Books
from billing.auditing.checks import Row, select
from invoices.totals import Tax, total_up

# Of credit notes, those of one invoice together: the tax of all of them up to this one is rounded once.
_TAXES = """
SELECT t.id, t.invoice_id, t.currency, t.rate, t.reason, sum(t.taxable) OVER so_far, sum(t.amount) OVER so_far
FROM invoices_invoicetax t JOIN invoices_invoice i ON i.id = t.invoice_id
WINDOW so_far AS (
    PARTITION BY i.kind, CASE i.kind WHEN 'credit_note' THEN i.corrects_id ELSE i.id END, t.rate, t.reason
    ORDER BY i.id
)
"""

# Lines know their rate, and the tax rows a reason beside it: what is taxed at a rate is the lines of that rate.
_BY_RATE = """
WITH taxed AS (SELECT invoice_id, rate, sum(taxable) AS taxable FROM invoices_invoicetax GROUP BY 1, 2),
lines AS (SELECT invoice_id, tax_rate AS rate, sum(amount) AS net FROM invoices_line GROUP BY 1, 2)
SELECT coalesce(t.invoice_id, l.invoice_id) AS invoice_id, coalesce(t.rate, l.rate) AS rate, t.taxable, l.net AS lines
FROM taxed t FULL JOIN lines l ON (l.invoice_id, l.rate) = (t.invoice_id, t.rate)
WHERE t.taxable IS DISTINCT FROM l.net
UNION ALL
SELECT invoice_id, rate, taxable, NULL FROM invoices_invoicetax WHERE reason <> '' AND rate <> 0
"""


def wrong_taxes(books: Books) -> Iterator[Row]:
    """Yield taxes that are not their rate of what they tax, and rates whose lines are not what is taxed."""
    yield from select(_BY_RATE)
    with ServerCursor(connection.connection, "audit_taxes") as cursor:
        cursor.execute(_TAXES)
        for id_, invoice_id, currency, rate, reason, taxable, amount in cursor:
            expected = _tax(taxable, rate, reason, currency)
            if expected != amount:
                yield {"invoice_id": invoice_id, "tax_id": id_, "stored": amount, "again": expected}


def _tax(taxable: Decimal, rate: Decimal, reason: str, currency: str) -> Decimal:
    return total_up([(taxable, Tax("", rate, reason))], currency).tax
