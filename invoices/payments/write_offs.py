"""Write off the unpaid rest of an invoice: docs/recognition.md#write-offs."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from customers.notifications import announce
from invoices.amounts.line_net import line_net_sql
from invoices.models import Invoice, WriteOff, WriteOffShare
from invoices.models.invoices import OPEN_INVOICES, InvoiceState
from lib import sql
from lib.audit_log import audited_transaction
from lib.decimals import EXACT, ZERO, to_plain_string
from lib.money import round_money

MAX_REASON = 300

# What credit notes have left of each line; a share of it is unpaid.
_LINES = f"""
SELECT l.id, {line_net_sql("l")}
    - coalesce((SELECT sum(c.amount) FROM invoices_line c WHERE c.corrects_line_id = l.id), 0)
FROM invoices_line l WHERE l.invoice_id = %s AND l.kind <> 'coupon' ORDER BY l.position
"""  # noqa: S608


class WriteOffRefused(Exception):
    """An invoice can't be written off; the text says why and how to fix it. field: the field at fault."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


def write_off(*, invoice_id: int, reason: str, at: datetime, by: User | None = None) -> WriteOff:
    """
    Give up the amount due of an invoice, and mark it as uncollectible; later payments on it still count.

    The unpaid part of the tax and of each line is stored, since later credits change what is left of them. After a
    refund whose payment was taken back, more is due than credit notes have left: that part is of no line.

    :raises WriteOffRefused: if nothing is due, it is written off already, or the reason is too long.
    """
    if len(reason) > MAX_REASON:
        raise WriteOffRefused(
            _("Enter a reason of up to %(most)s characters.") % {"most": MAX_REASON}, field="reason"
        )
    with audited_transaction("write off", by=by, at=at, invoice=invoice_id):
        # Row lock: a payment or a credit note comes before or after, so that the unpaid amount is exact.
        invoice = (
            Invoice.objects.select_for_update(of=("self",), no_key=True).select_related("seller").get(pk=invoice_id)
        )
        if invoice.state not in OPEN_INVOICES or not invoice.due:
            text = _("Nothing can be written off. State of %(invoice)s: %(state)s; amount due: %(due)s.")
            values = {"invoice": invoice, "state": invoice.get_state_display(), "due": to_plain_string(invoice.due)}
            raise WriteOffRefused(text % values, field="invoice")
        claim = min(invoice.due, invoice.left)
        tax = round_money(
            Fraction(claim) * Fraction(invoice.tax.amount) / Fraction(invoice.total.amount),
            currency := str(invoice.currency),
        )
        entry = WriteOff.objects.create(
            invoice=invoice,
            amount=invoice.due,
            tax=tax,
            reverses_tax=invoice.seller.reverses_tax_on_bad_debt,
            reason=reason,
            by=by,
            at=at,
        )
        lines = sql.fetch_rows(_LINES, [invoice.pk])
        shares = spread(EXACT.subtract(claim, tax), (left for _line, left in lines), currency=currency)
        WriteOffShare.objects.bulk_create(
            WriteOffShare(write_off=entry, line_id=line_id, amount=share)
            for (line_id, _left), share in zip(lines, shares, strict=True)
            if share
        )
        Invoice.objects.filter(pk=invoice.pk).update(state=InvoiceState.UNCOLLECTIBLE)
        key = f"invoice:{invoice.pk}:uncollectible"
        announce(
            kind="invoice.uncollectible",
            customer_id=invoice.customer_id,
            seller_id=invoice.seller_id,
            facts=dunning_payload(invoice),
            key=key,
            at=at,
        )
    return entry


def dunning_payload(invoice: Invoice) -> dict[str, str | int | None]:
    """Return the payload of a dunning event."""
    return {
        "invoice": invoice.pk,
        "number": invoice.number,
        "due": to_plain_string(invoice.due),
        "currency": str(invoice.currency),
        "due_date": invoice.due_date.isoformat() if invoice.due_date else None,
    }


def spread(amount: Decimal, weights: Iterable[Decimal], *, currency: str) -> Iterator[Decimal]:
    """
    Yield the part of an amount for each weight: the rounded increase of the running total, so that they sum to it.

    An invoice whose lines weigh nothing has nothing but tax to write off, so its lines get nothing.
    """
    sums = list(accumulate(map(Fraction, weights), initial=Fraction(0)))
    if not sums[-1]:
        yield from [ZERO] * (len(sums) - 1)
        return
    totals = (round_money(Fraction(amount) * running / sums[-1], currency) for running in sums)
    yield from (EXACT.subtract(after, before) for before, after in pairwise(totals))
