"""What can still be credited of invoices, line by line."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from invoices.documents.line_net import net_of
from invoices.documents.totals import Tax, Taxes, TaxSum
from invoices.models import DocumentKind, Invoice
from invoices.tax.line_taxes import read_taxes, taxes_of


@dataclass(frozen=True, slots=True)
class CreditableLine:
    """
    A line of an invoice. net: what it came to after its share of what was taken off. credited: of that, so far.

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
class Creditable:
    """
    An invoice with what is left of its lines.

    taxed: the taxes that credit notes have taken back so far, a sum for each. notes: how many notes there are.
    """

    invoice: Invoice
    lines: tuple[CreditableLine, ...]
    taxed: tuple[TaxSum, ...]
    notes: int


_LINES = f"""
SELECT l.invoice_id, {taxes_of("l")}::text, l.id, l.position, l.kind, l.description, l.service_start, l.service_end,
    {net_of("l")}, coalesce((SELECT sum(c.amount) FROM invoices_line c WHERE c.corrects_line_id = l.id), 0)
FROM invoices_line l WHERE l.invoice_id = ANY(%s) ORDER BY l.invoice_id, l.position
"""  # noqa: S608

_TAXED = """
SELECT n.corrects_id, t.name, t.rate, t.reason, sum(t.taxable), sum(t.amount) FROM invoices_invoice n
JOIN invoices_invoicetax t ON t.invoice_id = n.id
WHERE n.kind = 'credit_note' AND n.corrects_id = ANY(%s) GROUP BY 1, 2, 3, 4
"""

_NOTES = """
SELECT corrects_id, count(*) FROM invoices_invoice WHERE kind = 'credit_note' AND corrects_id = ANY(%s) GROUP BY 1
"""


def read_creditable(invoice_ids: Collection[int], *, lock: bool = False) -> dict[int, Creditable]:
    """
    Return issued invoices with what can be credited of them, in a fixed number of statements.

    lock: hold them until the end of the transaction, in the order of ids; nobody else can credit them meanwhile.
    """
    invoices = Invoice.objects.filter(pk__in=invoice_ids, kind=DocumentKind.INVOICE, number__isnull=False)
    if lock:
        invoices = invoices.select_for_update(no_key=True)
    found = {one.pk: one for one in invoices.order_by("pk")}
    ids = list(found)
    lines: dict[int, list[CreditableLine]] = {id_: [] for id_ in ids}
    taxed: dict[int, list[TaxSum]] = {id_: [] for id_ in ids}
    with connection.cursor() as cursor:
        cursor.execute(_LINES, [ids])
        for invoice_id, taxes, *text, net, credited in cursor.fetchall():
            lines[invoice_id].append(CreditableLine(*text, read_taxes(taxes), net, credited))
        cursor.execute(_TAXED, [ids])
        for invoice_id, *tax, taxable, amount in cursor.fetchall():
            taxed[invoice_id].append(TaxSum(Tax(*tax), taxable, amount))
        cursor.execute(_NOTES, [ids])
        notes = dict(cursor.fetchall())
    return {
        id_: Creditable(invoice, tuple(lines[id_]), tuple(taxed[id_]), notes.get(id_, 0))
        for id_, invoice in found.items()
    }
