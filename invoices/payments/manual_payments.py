"""Record what was paid on invoices: docs/invoices.md#payments."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser

from customers.notifications import Announcement, announce_all
from invoices.models import BalanceEntry, DocumentKind, Invoice, Payment, PaymentAttempt
from invoices.models.balances import BalanceKind
from invoices.models.invoices import InvoiceState
from lib.audit_log import change
from lib.decimals import plain
from lib.formats import money
from lib.money import minor_unit

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
    charge: PaymentAttempt | None = None,
    keeps_surplus: bool = False,
) -> Payment:
    """
    Record what came in for an invoice; the same reference again returns what it recorded before.

    amount: in the invoice's currency, above zero, and no more than is due. paid_at: when it came; now if None.
    charge: what has brought it. keeps_surplus: whether more than is due may come, and is kept on their balance.

    :raises CannotPay: if nothing, or not so much, is due, the amount is none in the currency, or the reference names
        another payment of this invoice.
    """
    with change("record payment", by=by, at=at, invoice=invoice_id):
        invoice = Invoice.objects.select_for_update(no_key=True).get(pk=invoice_id)
        at = max(at, invoice.issued_at or at)  # who waited for its issue looked at the clock before that
        found = Payment.objects.filter(invoice=invoice, reference=reference).first()
        if found is not None:
            return _same(found, amount, method)
        surplus = max(amount - invoice.due, Decimal(0)) if keeps_surplus and amount.is_finite() else Decimal(0)
        amount -= surplus
        _check(invoice, amount, reference, paid_at, at)
        if surplus:
            keep_surplus(invoice, surplus, reference=_surplus_of(invoice.pk, reference), at=at)
        payment = Payment.objects.create(
            invoice=invoice,
            amount=amount,
            currency=invoice.currency,
            method=method,
            reference=reference,
            paid_at=paid_at or at,
            reason=reason,
            by_id=by.pk if by else None,
            attempt=charge,
            created_at=at,
        )
        if amount == invoice.due:
            tell_paid([invoice], at=at)
        return payment


def tell_paid(invoices: Iterable[Invoice], *, at: datetime) -> None:
    """Tell by one statement that invoices are paid; of one that was told of before, nobody is told again."""
    announcements = [
        Announcement(
            one.customer_id,
            {
                "invoice": one.pk,
                "number": one.number,
                "total": plain(one.total.amount),
                "currency": str(one.currency),
            },
            f"invoice:{one.pk}:paid",
        )
        for one in invoices
    ]
    announce_all(kind="invoice.paid", announcements=announcements, at=at)


def keep_surplus(invoice: Invoice, amount: Decimal, *, reference: str, at: datetime) -> None:
    """Keep what was paid beyond what is due on the customer's balance; the caller holds the invoice."""
    BalanceEntry.objects.create(
        customer_id=invoice.customer_id,
        currency=invoice.currency,
        kind=BalanceKind.OVERPAYMENT,
        amount=amount,
        document=invoice,
        reference=reference,
        at=at,
    )


def _surplus_of(invoice_id: int, reference: str) -> str:
    return f"payment:{invoice_id}:{reference}"


def _same(found: Payment, amount: Decimal, method: str) -> Payment:
    kept = BalanceEntry.objects.filter(
        customer=found.invoice.customer_id, reference=_surplus_of(found.invoice_id, found.reference)
    )
    came = found.amount + sum(kept.values_list("amount", flat=True))
    if (came, found.method) != (amount, method):
        recorded = money(came, str(found.currency))
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
