"""Write down that money is to be taken, before anybody is asked for it."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from invoices.models import DocumentKind, Invoice, PaymentAttempt, PaymentMethod
from invoices.models.payment_attempts import AttemptState
from invoices.payments.manual_payments import PAYABLE
from lib.audit_log import change


class CannotCharge(Exception):
    """Nothing can be taken as asked; the text says why and what can be done. field: which figure it is."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


def begin(
    *, invoice_id: int, at: datetime, payment_method_id: int | None = None, by: AbstractBaseUser | None = None
) -> PaymentAttempt:
    """
    Write down an attempt to take all that is due of an invoice, for `ask` to send once this is committed.

    payment_method_id: what is charged; the customer's default one for None.

    :raises CannotCharge: if nothing is due, an attempt is under way, or there is nothing to charge.
    """
    with change("charge customer", by=by, at=at, invoice=invoice_id):
        invoice = payable(invoice_id)
        payment_method = _payment_method(invoice, payment_method_id)
        return write(invoice, provider=payment_method.account.provider, payment_method=payment_method, at=at, by=by)


def payable(invoice_id: int) -> Invoice:
    """
    Return an invoice of which something is due and nothing under way, held until the commit.

    :raises CannotCharge: if it is none.
    """
    invoice = Invoice.objects.select_for_update(no_key=True).get(pk=invoice_id)
    if invoice.kind != DocumentKind.INVOICE or invoice.state not in PAYABLE or not invoice.due:
        raise CannotCharge(f"Nothing is due of {invoice}: it is {invoice.get_state_display()}.", field="invoice")
    under_way = invoice.charges.filter(state=AttemptState.PENDING).first()
    if under_way is not None:
        raise CannotCharge(
            f"{under_way.money} of {invoice} is being taken since {under_way.created_at:%Y-%m-%d %H:%M %Z}: wait for"
            " what comes of it.",
            field="invoice",
        )
    return invoice


def write(
    invoice: Invoice,
    *,
    provider: str,
    payment_method: PaymentMethod | None,
    at: datetime,
    by: AbstractBaseUser | None,
    back_to: str = "",
) -> PaymentAttempt:
    """Write an attempt over all that is due of an invoice; the caller holds it."""
    last = invoice.charges.order_by("-number").values_list("number", flat=True).first()
    return PaymentAttempt.objects.create(
        invoice=invoice,
        number=(last or 0) + 1,
        provider=provider,
        payment_method=payment_method,
        amount=invoice.due,
        currency=invoice.currency,
        back_to=back_to,
        next_at=at,
        by_id=by.pk if by else None,
        created_at=at,
    )


def _payment_method(invoice: Invoice, payment_method_id: int | None) -> PaymentMethod:
    known = PaymentMethod.objects.filter(account__customer=invoice.customer_id, removed_at__isnull=True)
    known = known.select_related("account")
    found = (
        known.filter(is_default=True).first()
        if payment_method_id is None
        else known.filter(pk=payment_method_id).first()
    )
    if found is None:
        raise CannotCharge(
            "The customer has nothing that can be charged: send them a link to pay, or to leave a card.",
            field="payment_method",
        )
    if (found.account.provider == "sandbox") != invoice.sandbox:
        raise CannotCharge(
            "Only sandbox customers are charged in the sandbox, and nowhere else.", field="payment_method"
        )
    return found


def has_instrument(customer_id: int) -> bool:
    """Say whether a customer has left something to be charged by."""
    return PaymentMethod.objects.filter(account__customer=customer_id, is_default=True).exists()
