"""Taxes of documents, computed anew."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.db import connection
from psycopg import ServerCursor

from billing.audit.check import Row, select
from billing.audit.shared_reads import Books
from invoices.documents.totals import Tax, TaxSum, total_up
from invoices.tax.line_taxes import read_taxes, taxes_of

# Of credit notes, those of one invoice together: the tax of all of them up to this one is rounded once.
_TAXES = """
SELECT t.id, t.invoice_id, t.currency, t.rate, t.reason, sum(t.taxable) OVER so_far, sum(t.amount) OVER so_far
FROM invoices_invoicetax t JOIN invoices_invoice i ON i.id = t.invoice_id
WHERE NOT i.includes_tax
WINDOW so_far AS (
    PARTITION BY i.kind, CASE i.kind WHEN 'credit_note' THEN i.corrects_id ELSE i.id END, t.name, t.rate, t.reason
    ORDER BY i.id
)
"""

# A line of a document with one tax falls under that; elsewhere it says itself which ones it falls under.
_UNDER = """
WITH under AS (
    SELECT l.invoice_id, l.tax_rate AS rate, NULL AS name, NULL AS reason, sum(l.amount) AS net
    FROM invoices_line l WHERE l.taxes IS NULL GROUP BY 1, 2
    UNION ALL
    SELECT l.invoice_id, (t ->> 1)::numeric, t ->> 0, t ->> 2, sum(l.amount)
    FROM invoices_line l CROSS JOIN jsonb_array_elements(l.taxes) t GROUP BY 1, 2, 3, 4
),
taxed AS (
    SELECT t.* FROM invoices_invoicetax t JOIN invoices_invoice i ON i.id = t.invoice_id WHERE NOT i.includes_tax
)
SELECT coalesce(t.invoice_id, u.invoice_id) AS invoice_id, coalesce(t.rate, u.rate) AS rate, t.taxable, u.net AS lines
FROM taxed t FULL JOIN under u ON (u.invoice_id, u.rate) = (t.invoice_id, t.rate)
    AND coalesce(u.name, t.name) = t.name AND coalesce(u.reason, t.reason) = t.reason
LEFT JOIN invoices_invoice i ON i.id = u.invoice_id
WHERE t.taxable IS DISTINCT FROM u.net AND i.includes_tax IS NOT TRUE
UNION ALL
SELECT invoice_id, rate, taxable, NULL FROM invoices_invoicetax WHERE reason <> '' AND rate <> 0
UNION ALL
SELECT l.invoice_id, l.tax_rate, NULL, NULL FROM invoices_line l
WHERE l.taxes IS NOT NULL AND l.tax_rate <> (SELECT sum((t ->> 1)::numeric) FROM jsonb_array_elements(l.taxes) t)
"""

# Of documents whose lines include tax, in the order of what they claim or take back.
_INCLUDED = f"""
SELECT CASE i.kind WHEN 'credit_note' THEN -i.corrects_id ELSE i.id END, i.id, i.currency, i.net, l.amount,
    {taxes_of("l")}::text
FROM invoices_invoice i JOIN invoices_line l ON l.invoice_id = i.id WHERE i.includes_tax ORDER BY 1, 2, l.position
"""  # noqa: S608

_SUMS = "SELECT name, rate, reason, taxable, amount FROM invoices_invoicetax WHERE invoice_id = ANY(%s)"


def wrong_taxes(books: Books) -> Iterator[Row]:
    """Yield taxes that are not their rate of what they tax, and rates whose lines are not what is taxed."""
    yield from select(_UNDER)
    with ServerCursor(connection.connection, "audit_taxes") as cursor:
        cursor.execute(_TAXES)
        for id_, invoice_id, currency, rate, reason, taxable, amount in cursor:
            expected = _tax(taxable, rate, reason, currency)
            if expected != amount:
                yield {"invoice_id": invoice_id, "tax_id": id_, "stored": amount, "again": expected}
    with ServerCursor(connection.connection, "audit_included_taxes") as cursor:
        cursor.execute(_INCLUDED)
        for _, rows in groupby(cursor, key=lambda row: row[0]):
            yield from _included(list(rows))


def _tax(taxable: Decimal, rate: Decimal, reason: str, currency: str) -> Decimal:
    return total_up([(taxable, Tax("", rate, reason))], currency).tax


def _included(rows: Sequence[Any]) -> Iterator[Row]:
    """Yield a document, or one of the notes of an invoice, whose tax is not what all of them up to it include."""
    so_far, seen = [], []
    for invoice_id, of_document in groupby(rows, key=lambda row: row[1]):
        lines = list(of_document)
        so_far += [(amount, *read_taxes(taxes)) for *_, amount, taxes in lines]
        seen.append(invoice_id)
        again = total_up(so_far, lines[0][2], includes_tax=True)
        stored, expected = _sums(seen), {one.tax: one for one in again.taxes}
        if stored != expected:
            told = sorted(f"{tax.name} {tax.rate}" for tax in stored.keys() ^ expected.keys()) or "amounts"
            yield {"invoice_id": invoice_id, "stored": stored.values(), "again": expected.values(), "wrong": told}


def _sums(invoice_ids: Sequence[int]) -> dict[Tax, TaxSum]:
    """Return what each tax of these documents comes to, in all of them."""
    found: dict[Tax, TaxSum] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, [list(invoice_ids)])
        for name, rate, reason, taxable, amount in cursor.fetchall():
            tax = Tax(name, rate, reason)
            before = found.get(tax, TaxSum(tax, Decimal(0), Decimal(0)))
            found[tax] = TaxSum(tax, before.taxable + taxable, before.amount + amount)
    return found
