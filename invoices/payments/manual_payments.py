"""Record payments on invoices: docs/invoices.md#payments."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from customers.notifications import Announcement, announce_all
from invoices.models import BalanceEntry, DocumentKind, Invoice, Payment, PaymentAttempt
from invoices.models.balances import BalanceKind
from invoices.models.invoices import InvoiceState
from lib.audit_log import audited_transaction
from lib.decimals import to_plain_string
from lib.formats import format_money
from lib.money import minor_unit

# The size of the column.
MAX_REFERENCE = 120
PAYABLE = (InvoiceState.ISSUED, InvoiceState.OVERDUE, InvoiceState.UNCOLLECTIBLE)
"""States in which an amount may be due."""


class PaymentRefused(Exception):
    """A payment cannot be recorded; the text says why and how to fix it. field: the field at fault."""

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
    by: User | None = None,
    attempt: PaymentAttempt | None = None,
    keeps_surplus: bool = False,
) -> Payment:
    """
    Record a payment on an invoice; the same reference again returns the recorded payment.

    amount: in the invoice's currency, above zero, at most the amount due. paid_at: when it arrived; None for now.
    attempt: the payment attempt that collected it. keeps_surplus: whether an amount above the due one is accepted,
        with the rest going to the customer's balance.

    :raises PaymentRefused: if less or nothing is due, the amount is not valid in the currency, or the reference names
        another payment of this invoice.
    """
    with audited_transaction("record payment", by=by, at=at, invoice=invoice_id):
        # Row lock: payments, credit notes and refunds of one invoice happen one after the other.
        invoice = Invoice.objects.select_for_update(no_key=True).get(pk=invoice_id)
        at = max(at, invoice.issued_at or at)  # the clock was read before the wait for the lock
        existing_payment = Payment.objects.filter(invoice=invoice, reference=reference).first()
        if existing_payment is not None:
            return _require_same_payment(existing_payment, amount, method)
        overpayment = max(amount - invoice.due, Decimal(0)) if keeps_surplus and amount.is_finite() else Decimal(0)
        amount -= overpayment
        _check(invoice, amount, reference, paid_at, at)
        if overpayment:
            credit_overpayment(invoice, overpayment, reference=_overpayment_reference(invoice.pk, reference), at=at)
        payment = Payment.objects.create(
            invoice=invoice,
            amount=amount,
            currency=invoice.currency,
            method=method,
            reference=reference,
            paid_at=paid_at or at,
            reason=reason,
            by_id=by.pk if by else None,
            attempt=attempt,
            created_at=at,
        )
        # `due` is from before this payment, which a trigger adds to the invoice's row.
        if amount == invoice.due:
            announce_paid([invoice], at=at)
        return payment


def announce_paid(invoices: Iterable[Invoice], *, at: datetime) -> None:
    """Announce paid invoices by one statement; an invoice announced before is not announced again."""
    announcements = [
        Announcement(
            invoice.customer_id,
            {
                "invoice": invoice.pk,
                "number": invoice.number,
                "total": to_plain_string(invoice.total.amount),
                "currency": str(invoice.currency),
            },
            f"invoice:{invoice.pk}:paid",
            invoice.seller_id,
        )
        for invoice in invoices
    ]
    announce_all(kind="invoice.paid", announcements=announcements, at=at)


def credit_overpayment(invoice: Invoice, amount: Decimal, *, reference: str, at: datetime) -> BalanceEntry:
    """Credit the amount paid beyond the due one to the customer's balance; the caller holds the invoice's lock."""
    return BalanceEntry.objects.create(
        customer_id=invoice.customer_id,
        seller_id=invoice.seller_id,
        currency=invoice.currency,
        kind=BalanceKind.OVERPAYMENT,
        amount=amount,
        document=invoice,
        reference=reference,
        at=at,
    )


def overpayment_references(payment: Payment) -> list[str]:
    """Return the references that the overpayment of a payment may have on the customer's balance."""
    return [payment.reference, _overpayment_reference(payment.invoice_id, payment.reference)]


def _overpayment_reference(invoice_id: int, reference: str) -> str:
    return f"payment:{invoice_id}:{reference}"


def _require_same_payment(payment: Payment, amount: Decimal, method: str) -> Payment:
    """
    Return the recorded payment if the repeated request agrees with it.

    :raises PaymentRefused: if the amount or the method differs.
    """
    overpayments = BalanceEntry.objects.filter(
        customer=payment.invoice.customer_id, reference=_overpayment_reference(payment.invoice_id, payment.reference)
    )
    received = payment.amount + sum(overpayments.values_list("amount", flat=True))
    if (received, payment.method) != (amount, method):
        text = _("“%(reference)s” is already a payment of %(amount)s. Enter another reference.")
        amount_text = format_money(received, str(payment.currency))
        raise PaymentRefused(text % {"reference": payment.reference, "amount": amount_text}, field="reference")
    return payment


def _check(invoice: Invoice, amount: Decimal, reference: str, paid_at: datetime | None, at: datetime) -> None:
    currency = str(invoice.currency)
    if not reference.strip() or len(reference) > MAX_REFERENCE:
        text = _("Enter a reference of 1 to %(most)s characters.")
        raise PaymentRefused(text % {"most": MAX_REFERENCE}, field="reference")
    if invoice.kind != DocumentKind.INVOICE or invoice.state not in PAYABLE or not invoice.due:
        text = _("%(invoice)s has no amount due. Its state: %(state)s.")
        raise PaymentRefused(text % {"invoice": invoice, "state": invoice.get_state_display()}, field="invoice")
    if not amount.is_finite() or not 0 < amount <= invoice.due:
        text = _("Enter an amount above zero and up to the amount due, %(due)s.")
        raise PaymentRefused(text % {"due": format_money(invoice.due, currency)}, field="amount")
    if amount % minor_unit(currency):
        text = _("%(amount)s has too many decimal places for %(currency)s.")
        raise PaymentRefused(text % {"amount": f"{amount:f}", "currency": currency}, field="amount")
    if paid_at is not None and paid_at > at:
        raise PaymentRefused(_("The payment date can't be in the future."), field="paid_at")
