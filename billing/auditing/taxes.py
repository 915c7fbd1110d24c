"""Taxes of documents, computed anew."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby

from django.db import connection
from psycopg import ServerCursor

from billing.auditing.books import Books
from billing.auditing.checks import Row, select
from invoices.totals import Tax, total_up

_TAXES = """
SELECT id, invoice_id, currency, rate, reason, taxable, amount FROM invoices_invoicetax ORDER BY invoice_id
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
        for invoice_id, rows in groupby(cursor, key=lambda row: row[1]):
            for id_, _, currency, rate, reason, taxable, amount in rows:
                expected = _tax(taxable, rate, reason, currency)
                if expected != amount:
                    yield {"invoice_id": invoice_id, "tax_id": id_, "stored": amount, "again": expected}


def _tax(taxable: Decimal, rate: Decimal, reason: str, currency: str) -> Decimal:
    return total_up([(taxable, Tax("", rate, reason))], currency).tax
