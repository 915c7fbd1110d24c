"""Record what was paid on invoices: docs/invoices.md#payments."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser

from customers.notices import announce
from invoices.models import DocumentKind, Invoice, Payment
from invoices.models.documents import InvoiceState
from plans.figures import money
from plans.pricing.exact import plain
from plans.pricing.money import minor_unit
from plans.trail import change

MOST_REFERENCE = 120
PAYABLE = (InvoiceState.ISSUED, InvoiceState.OVERDUE, InvoiceState.UNCOLLECTIBLE)
"""States in which something may be left to pay."""


class CannotPay(Exception):
    """A payment cannot be recorded as asked; the text says why and what can be done. field: which figure it is."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


def record_payment(
    *,
    invoice_id: int,
    amount: Decimal,
    method: str,
    reference: str,
    at: datetime,
    paid_at: datetime | None = None,
    reason: str = "",
    by: AbstractBaseUser | None = None,
) -> Payment:
    """
    Record what came in for an invoice; the same reference again returns what it recorded before.

    amount: in the invoice's currency, above zero, and no more than is due. paid_at: when it came; now if None.

    :raises CannotPay: if nothing, or not so much, is due, the amount is none in the currency, or the reference names
        another payment of this invoice.
    """
    with change("record payment", by=by, at=at, invoice=invoice_id):
        invoice = Invoice.objects.select_for_update(no_key=True).get(pk=invoice_id)
        found = Payment.objects.filter(invoice=invoice, reference=reference).first()
        if found is not None:
            return _same(found, amount, method)
        _check(invoice, amount, reference, paid_at, at)
        payment = Payment.objects.create(
            invoice=invoice,
            amount=amount,
            currency=invoice.currency,
            method=method,
            reference=reference,
            paid_at=paid_at or at,
            reason=reason,
            by_id=by.pk if by else None,
            created_at=at,
        )
        if amount == invoice.due:
            _tell(invoice, at)
        return payment


def _tell(invoice: Invoice, at: datetime) -> None:
    facts = {"invoice": invoice.pk, "number": invoice.number, "total": plain(invoice.total.amount)}
    facts["currency"] = str(invoice.currency)
    announce(
        kind="invoice.paid", customer_id=invoice.customer_id, facts=facts, key=f"invoice:{invoice.pk}:paid", at=at
    )


def _same(found: Payment, amount: Decimal, method: str) -> Payment:
    if (found.amount, found.method) != (amount, method):
        recorded = money(found.amount, str(found.currency))
        raise CannotPay(
            f"“{found.reference}” is a payment of {recorded} already: use another reference.", field="reference"
        )
    return found


def _check(invoice: Invoice, amount: Decimal, reference: str, paid_at: datetime | None, at: datetime) -> None:
    currency = str(invoice.currency)
    if not reference.strip() or len(reference) > MOST_REFERENCE:
        raise CannotPay(f"Say what the payment is known by, in 1 to {MOST_REFERENCE} characters.", field="reference")
    if invoice.kind != DocumentKind.INVOICE or invoice.state not in PAYABLE or not invoice.due:
        raise CannotPay(f"Nothing is due of {invoice}: it is {invoice.get_state_display()}.", field="invoice")
    if not amount.is_finite() or not 0 < amount <= invoice.due:
        due = money(invoice.due, currency)
        raise CannotPay(f"{due} is due of {invoice}: record that at most, and more than nothing.", field="amount")
    if amount % minor_unit(currency):
        raise CannotPay(f"{amount:f} is no amount in {currency}.", field="amount")
    if paid_at is not None and paid_at > at:
        raise CannotPay("A payment that is still to come is recorded when it has come.", field="paid_at")
