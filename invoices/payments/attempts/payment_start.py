"""Create payment attempts, before any provider is called."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils.translation import gettext as _

from invoices.models import DocumentKind, Invoice, MerchantAccount, PaymentAttempt, PaymentMethod
from invoices.models.payment_attempts import AttemptState
from invoices.payments.manual_payments import PAYABLE
from lib.audit_log import audited_transaction
from lib.translation import Text


class PaymentAttemptRefused(Exception):
    """A payment attempt is not possible; the text says why and how to fix it. field: the field at fault."""

    def __init__(self, text: Text, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


def start_payment(
    *, invoice_id: int, at: datetime, payment_method_id: int | None = None, by: User | None = None
) -> PaymentAttempt:
    """
    Create an attempt to collect the amount due of an invoice; `submit_attempt` sends it once this is committed.

    payment_method_id: the method to charge; None for the customer's default.

    :raises PaymentAttemptRefused: if nothing is due, an attempt is pending, or the customer has no payment method.
    """
    with audited_transaction("charge customer", by=by, at=at, invoice=invoice_id):
        invoice = lock_payable_invoice(invoice_id)
        payment_method = _select_payment_method(invoice, payment_method_id)
        return create_attempt(
            invoice,
            provider=payment_method.account.provider,
            merchant=payment_method.account.merchant,
            payment_method=payment_method,
            at=at,
            by=by,
        )


def lock_payable_invoice(invoice_id: int) -> Invoice:
    """
    Return an invoice with an amount due and no pending attempt, locked until the commit.

    :raises PaymentAttemptRefused: if the invoice is not payable now.
    """
    # Row lock: two attempts to collect the same amount can't start at once.
    invoice = Invoice.objects.select_for_update(no_key=True).get(pk=invoice_id)
    if invoice.kind != DocumentKind.INVOICE or invoice.state not in PAYABLE or not invoice.due:
        text = _("Nothing is due on %(invoice)s (status: %(state)s).")
        raise PaymentAttemptRefused(
            text % {"invoice": invoice, "state": invoice.get_state_display()}, field="invoice"
        )
    pending_attempt = invoice.charges.filter(state=AttemptState.PENDING).first()
    if pending_attempt is not None:
        text = _("A payment of %(amount)s for %(invoice)s is in progress since %(time)s. Wait for its result.")
        names = {
            "amount": pending_attempt.money,
            "invoice": invoice,
            "time": f"{pending_attempt.created_at:%Y-%m-%d %H:%M %Z}",
        }
        raise PaymentAttemptRefused(text % names, field="invoice")
    return invoice


def create_attempt(
    invoice: Invoice,
    *,
    provider: str,
    merchant: MerchantAccount | None,
    payment_method: PaymentMethod | None,
    at: datetime,
    by: User | None,
    back_to: str = "",
) -> PaymentAttempt:
    """Create an attempt over the amount due of an invoice; the caller holds the invoice's lock."""
    last_number = invoice.charges.order_by("-number").values_list("number", flat=True).first()
    return PaymentAttempt.objects.create(
        invoice=invoice,
        number=(last_number or 0) + 1,
        provider=provider,
        merchant=merchant,
        payment_method=payment_method,
        amount=invoice.due,
        currency=invoice.currency,
        back_to=back_to,
        next_at=at,
        by_id=by.pk if by else None,
        created_at=at,
    )


def _select_payment_method(invoice: Invoice, payment_method_id: int | None) -> PaymentMethod:
    # A customer lets one seller charge a card, and not another one.
    payment_methods = PaymentMethod.objects.filter(
        account__customer=invoice.customer_id, account__seller=invoice.seller_id, removed_at__isnull=True
    ).select_related("account__merchant")
    payment_methods = payment_methods.filter(
        Q(account__merchant__isnull=True) | Q(account__merchant__closed_at__isnull=True)
    )
    # Row lock: the removal of the method waits until the attempt is stored, and is then refused.
    payment_methods = payment_methods.select_for_update(no_key=True, of=["self"])
    payment_method = (
        payment_methods.filter(is_default=True).first()
        if payment_method_id is None
        else payment_methods.filter(pk=payment_method_id).first()
    )
    if payment_method is None:
        raise PaymentAttemptRefused(
            _("The customer has no payment method. Send them a link to pay or to save a card."),
            field="payment_method",
        )
    if (payment_method.account.provider == "sandbox") != invoice.sandbox:
        raise PaymentAttemptRefused(
            _("Sandbox customers are charged in the sandbox only, and live customers never are."),
            field="payment_method",
        )
    return payment_method


def has_payment_method(invoice: Invoice) -> bool:
    """Return whether the customer has a default payment method for invoices of this seller."""
    methods = PaymentMethod.objects.filter(account__customer=invoice.customer_id, account__seller=invoice.seller_id)
    return methods.filter(is_default=True).exists()
