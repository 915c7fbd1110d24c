"""Provider pages on which a customer pays or saves a card."""

from datetime import datetime
from functools import partial

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Customer, Seller
from invoices.models import Invoice, MerchantAccount, PayerAccount, PaymentAttempt, PaymentMethod
from invoices.models.payment_attempts import AttemptState, ProviderName
from invoices.payments.attempts.attempt_queue import ATTEMPTS
from invoices.payments.attempts.payment_start import PaymentAttemptRefused, create_attempt, lock_payable_invoice
from invoices.payments.attempts.provider_calls import call_provider, payment_order, submit_attempt
from invoices.payments.attempts.settlement import postpone, record_outcome
from invoices.payments.providers import Misconfigured, OutcomeUnknown, ProviderResponse, provider
from lib.audit_log import audited_transaction

UNREACHABLE = gettext_lazy("The payment provider can’t be reached. Try again in a moment.")


def provider_for(customer: Customer, seller_id: int) -> tuple[str, MerchantAccount | None]:
    """
    Return the name of the provider that collects a customer's payments to a seller, and the seller's own account.

    :raises PaymentAttemptRefused: if there is none; the customer then pays by transfer.
    """
    if customer.sandbox:
        return ProviderName.SANDBOX, None
    merchant = MerchantAccount.objects.filter(
        seller=seller_id, provider=ProviderName.STRIPE, closed_at__isnull=True
    ).first()
    if merchant is None and not settings.STRIPE_SECRET_KEY:
        raise PaymentAttemptRefused(
            _("Card payments are not available: no payment provider is set up."), field="provider"
        )
    return ProviderName.STRIPE, merchant


def can_pay_online(invoice: Invoice) -> bool:
    """Return whether the invoice's seller collects payments online."""
    try:
        provider_for(invoice.customer, invoice.seller_id)
    except PaymentAttemptRefused:
        return False
    return True


def get_or_create_account(customer: Customer, seller_id: int, *, at: datetime) -> PayerAccount:
    """Return the customer's account for a seller's invoices, creating it at the provider if it does not exist."""
    provider_name, merchant = provider_for(customer, seller_id)
    of_seller = {"customer": customer, "provider": provider_name, "seller_id": seller_id, "merchant": merchant}
    account = PayerAccount.objects.filter(**of_seller).first()
    if account is not None:
        return account
    # Keyed by the minute: the provider repeats an error for the same key for a day, and a second account does no harm
    # because it is empty.
    key = f"{customer.pk}-{seller_id}-{at:%Y%m%d%H%M}"
    ref = provider(provider_name, merchant).create_account(key=key, name=customer.legal_name, email=customer.email)
    return PayerAccount.objects.get_or_create(**of_seller, defaults={"ref": ref, "created_at": at})[0]


def open_page(*, invoice_id: int, back_to: str, at: datetime, by: User | None = None) -> PaymentAttempt:
    """
    Return an attempt with a page on which the customer pays the amount due; an open page is returned again.

    back_to: the address that the page returns the customer to.

    :raises PaymentAttemptRefused: if nothing is due, an attempt is pending already, or the provider cannot be
    reached.
    """
    open_attempts = PaymentAttempt.objects.filter(
        invoice=invoice_id, state=AttemptState.PENDING, payment_method__isnull=True
    )
    open_attempt = open_attempts.exclude(page="").filter(closes_at__gt=at).first()
    if open_attempt is not None:
        return open_attempt
    attempt = _create_page_attempt(invoice_id, back_to, at, by)
    if ATTEMPTS.claim(attempt.pk, at=at, insists=True) is None:
        raise PaymentAttemptRefused(str(UNREACHABLE))
    attempt = PaymentAttempt.objects.select_related("invoice__customer", "merchant").get(pk=attempt.pk)
    response = call_provider(
        lambda: provider(attempt.provider, attempt.merchant).open_page(payment_order(attempt, at=at), back_to=back_to)
    )
    if not isinstance(response, ProviderResponse):
        postpone(attempt, reason=response, at=at)
        raise PaymentAttemptRefused(str(UNREACHABLE))
    attempt = record_outcome(attempt_id=attempt.pk, response=response, at=at)
    if attempt.state != AttemptState.PENDING:
        raise PaymentAttemptRefused(attempt.reason or _("The payment provider refused the payment."), field="invoice")
    return attempt


def _create_page_attempt(invoice_id: int, back_to: str, at: datetime, by: User | None) -> PaymentAttempt:
    with audited_transaction("open payment page", by=by, at=at, invoice=invoice_id):
        invoice = lock_payable_invoice(invoice_id)
        provider_for(invoice.customer, invoice.seller_id)
    # Between two transactions, because a call to the provider must not hold the invoice's lock.
    try:
        account = get_or_create_account(invoice.customer, invoice.seller_id, at=at)
    except (OutcomeUnknown, Misconfigured) as error:
        raise PaymentAttemptRefused(str(UNREACHABLE)) from error
    with audited_transaction("open payment page", by=by, at=at, invoice=invoice_id):
        return create_attempt(
            lock_payable_invoice(invoice_id),
            provider=account.provider,
            merchant=account.merchant,
            payment_method=None,
            back_to=back_to,
            at=at,
            by=by,
        )


def close_pages(*, invoice_id: int, at: datetime) -> None:
    """
    Close an invoice's payment pages; a payment made on one before counts.

    :raises PaymentAttemptRefused: if the provider cannot be reached.
    """
    attempts = PaymentAttempt.objects.filter(
        invoice=invoice_id, state=AttemptState.PENDING, payment_method__isnull=True
    )
    for attempt in attempts.select_related("invoice__customer", "merchant"):
        if not attempt.ref:  # the provider was never called
            submit_attempt(attempt_id=attempt.pk, at=at)
            continue
        service, order = provider(attempt.provider, attempt.merchant), payment_order(attempt, at=at)
        response = call_provider(partial(service.close_page, order))
        if not isinstance(response, ProviderResponse):
            raise PaymentAttemptRefused(str(UNREACHABLE))
        record_outcome(attempt_id=attempt.pk, response=response, at=at)


def setup_page(
    *,
    customer: Customer,
    key: str,
    back_to: str,
    at: datetime,
    seller: Seller | None = None,
    replaces: PaymentMethod | None = None,
) -> str:
    """
    Return the address of a page on which a customer saves a card. key: identifies the request; use each once.

    seller: whose invoices the card may pay; by default the customer's seller.
    replaces: the payment method that the new one replaces, of the same seller.

    :raises PaymentAttemptRefused: if there is no provider, or it cannot be reached.
    """
    try:
        account = get_or_create_account(customer, seller.pk if seller else customer.seller_id, at=at)
        return provider(account.provider, account.merchant).setup_page(
            account=account.ref,
            key=key,
            currency=str(customer.currency),
            back_to=back_to,
            replaces=replaces.ref if replaces else "",
        )
    except (OutcomeUnknown, Misconfigured) as error:
        raise PaymentAttemptRefused(str(UNREACHABLE)) from error
