"""Check taxes: compute them again from the lines."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.db import connection
from psycopg import ServerCursor

from billing.audit.check import Row, select_rows
from billing.audit.shared_reads import Books
from invoices.amounts.line_taxes import line_taxes_sql, parse_taxes
from invoices.amounts.totals import Tax, TaxSum, total_up

# The credit notes of an invoice are summed up to each note, because the tax of all notes together is rounded once.
_TAXES = """
SELECT t.id, t.invoice_id, t.currency, t.rate, t.reason, sum(t.taxable) OVER so_far, sum(t.amount) OVER so_far
FROM invoices_invoicetax t JOIN invoices_invoice i ON i.id = t.invoice_id
WHERE NOT i.includes_tax
WINDOW so_far AS (
    PARTITION BY i.kind, CASE i.kind WHEN 'credit_note' THEN i.corrects_id ELSE i.id END, t.name, t.rate, t.reason
    ORDER BY i.id
)
"""

# A rate with a reason is zero, and the rate of a line is that of its taxes together.
_RATES = """
SELECT invoice_id, rate FROM invoices_invoicetax WHERE reason <> '' AND rate <> 0
UNION ALL
SELECT l.invoice_id, l.tax_rate FROM invoices_line l
WHERE l.taxes IS NOT NULL AND l.tax_rate <> (SELECT sum((t ->> 1)::numeric) FROM jsonb_array_elements(l.taxes) t)
"""

# Lines of invoices with tax-inclusive prices, each invoice together with its credit notes in order of issue.
_INCLUDED = f"""
SELECT CASE i.kind WHEN 'credit_note' THEN -i.corrects_id ELSE i.id END, i.id, i.currency, i.net, l.amount,
    {line_taxes_sql("l")}::text
FROM invoices_invoice i JOIN invoices_line l ON l.invoice_id = i.id WHERE i.includes_tax ORDER BY 1, 2, l.position
"""  # noqa: S608

_SUMS = "SELECT name, rate, reason, taxable, amount FROM invoices_invoicetax WHERE invoice_id = ANY(%s)"


def wrong_taxes(books: Books) -> Iterator[Row]:
    """Yield taxes that are not their rate of the taxable amount, and lines whose rate is not that of their taxes."""
    yield from select_rows(_RATES)
    with ServerCursor(connection.connection, "audit_taxes") as cursor:
        cursor.execute(_TAXES)
        for tax_id, invoice_id, currency, rate, reason, taxable, amount in cursor:
            expected = _recompute_tax(taxable, rate, reason, currency)
            if expected != amount:
                yield {"invoice_id": invoice_id, "tax_id": tax_id, "stored": amount, "again": expected}
    with ServerCursor(connection.connection, "audit_included_taxes") as cursor:
        cursor.execute(_INCLUDED)
        for _, rows in groupby(cursor, key=lambda row: row[0]):
            yield from _wrong_included_taxes(list(rows))


def _recompute_tax(taxable: Decimal, rate: Decimal, reason: str, currency: str) -> Decimal:
    return total_up([(taxable, Tax("", rate, reason))], currency).tax


def _wrong_included_taxes(rows: Sequence[Any]) -> Iterator[Row]:
    """Yield the invoice or credit notes whose tax is not included in the lines of all of them up to that note."""
    so_far, invoice_ids = [], []
    for invoice_id, invoice_rows in groupby(rows, key=lambda row: row[1]):
        lines = list(invoice_rows)
        so_far += [(amount, *parse_taxes(taxes)) for *_, amount, taxes in lines]
        invoice_ids.append(invoice_id)
        totals = total_up(so_far, lines[0][2], includes_tax=True)
        stored, expected = _read_tax_sums(invoice_ids), {tax_sum.tax: tax_sum for tax_sum in totals.taxes}
        if stored != expected:
            differing = sorted(f"{tax.name} {tax.rate}" for tax in stored.keys() ^ expected.keys()) or "amounts"
            yield {
                "invoice_id": invoice_id,
                "stored": stored.values(),
                "again": expected.values(),
                "wrong": differing,
            }


def _read_tax_sums(invoice_ids: Sequence[int]) -> dict[Tax, TaxSum]:
    """Return the sum of each tax over these invoices."""
    sums_by_tax: dict[Tax, TaxSum] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, [list(invoice_ids)])
        for name, rate, reason, taxable, amount in cursor.fetchall():
            tax = Tax(name, rate, reason)
            earlier = sums_by_tax.get(tax, TaxSum(tax, Decimal(0), Decimal(0)))
            sums_by_tax[tax] = TaxSum(tax, earlier.taxable + taxable, earlier.amount + amount)
    return sums_by_tax
