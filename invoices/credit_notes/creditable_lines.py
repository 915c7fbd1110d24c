"""Amounts of invoices that can still be credited, line by line."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from invoices.amounts.line_net import line_net_sql
from invoices.amounts.line_taxes import line_taxes_sql, parse_taxes
from invoices.amounts.totals import Tax, Taxes, TaxSum
from invoices.models import DocumentKind, Invoice


@dataclass(frozen=True, slots=True)
class CreditableLine:
    """
    A line of an invoice. net: its amount after discounts. credited: the part of it credited so far.

    Both are below zero for a line that gave something back.
    """

    id: int
    position: int
    kind: str
    description: str
    service_start: datetime
    service_end: datetime
    taxes: Taxes
    net: Decimal
    credited: Decimal

    @property
    def left(self) -> Decimal:
        return self.net - self.credited


@dataclass(frozen=True, slots=True)
class CreditableInvoice:
    """
    An invoice with the amounts left of its lines.

    tax_sums: the taxes credited so far, a sum for each. note_count: the number of its credit notes.
    """

    invoice: Invoice
    lines: tuple[CreditableLine, ...]
    tax_sums: tuple[TaxSum, ...]
    note_count: int


_LINES = f"""
SELECT l.invoice_id, {line_taxes_sql("l")}::text, l.id, l.position, l.kind, l.description, l.service_start,
    l.service_end,
    {line_net_sql("l")}, coalesce((SELECT sum(c.amount) FROM invoices_line c WHERE c.corrects_line_id = l.id), 0)
FROM invoices_line l WHERE l.invoice_id = ANY(%s) ORDER BY l.invoice_id, l.position
"""  # noqa: S608

_CREDITED_TAXES = """
SELECT n.corrects_id, t.name, t.rate, t.reason, sum(t.taxable), sum(t.amount) FROM invoices_invoice n
JOIN invoices_invoicetax t ON t.invoice_id = n.id
WHERE n.kind = 'credit_note' AND n.corrects_id = ANY(%s) GROUP BY 1, 2, 3, 4
"""

_NOTE_COUNTS = """
SELECT corrects_id, count(*) FROM invoices_invoice WHERE kind = 'credit_note' AND corrects_id = ANY(%s) GROUP BY 1
"""


def read_creditable_invoices(invoice_ids: Collection[int], *, lock: bool = False) -> dict[int, CreditableInvoice]:
    """
    Return issued invoices with their creditable lines, in a fixed number of statements.

    lock: lock the invoices until the end of the transaction, in the order of ids, so that nothing else credits them.
    """
    invoices = Invoice.objects.filter(pk__in=invoice_ids, kind=DocumentKind.INVOICE, number__isnull=False)
    if lock:
        # In id order (see below), so that two credit notes over several invoices can't deadlock.
        invoices = invoices.select_for_update(no_key=True)
    invoices_by_id = {invoice.pk: invoice for invoice in invoices.order_by("pk")}
    ids = list(invoices_by_id)
    lines_by_invoice: dict[int, list[CreditableLine]] = {invoice_id: [] for invoice_id in ids}
    taxes_by_invoice: dict[int, list[TaxSum]] = {invoice_id: [] for invoice_id in ids}
    with connection.cursor() as cursor:
        cursor.execute(_LINES, [ids])
        for invoice_id, taxes, *text, net, credited in cursor.fetchall():
            lines_by_invoice[invoice_id].append(CreditableLine(*(*text, parse_taxes(taxes), net, credited)))
        cursor.execute(_CREDITED_TAXES, [ids])
        for invoice_id, *tax, taxable, amount in cursor.fetchall():
            taxes_by_invoice[invoice_id].append(TaxSum(Tax(*tax), taxable, amount))
        cursor.execute(_NOTE_COUNTS, [ids])
        note_counts = dict(cursor.fetchall())
    return {
        invoice_id: CreditableInvoice(
            invoice,
            tuple(lines_by_invoice[invoice_id]),
            tuple(taxes_by_invoice[invoice_id]),
            note_counts.get(invoice_id, 0),
        )
        for invoice_id, invoice in invoices_by_id.items()
    }
