"""Pages of a provider's on which a customer pays, or leaves a card."""

from datetime import datetime
from functools import partial

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from customers.models import Customer
from invoices.models import Invoice, PayerAccount, PaymentAttempt, PaymentMethod
from invoices.models.payment_attempts import AttemptState, ProviderName
from invoices.payments.attempts.payment_start import CannotCharge, payable, write
from invoices.payments.attempts.provider_calls import ask, heard, lease, order_of
from invoices.payments.attempts.settlement import postpone, settle
from invoices.payments.providers import Answer, Misconfigured, Unclear, provider
from lib.audit_log import change

UNREACHABLE = "The payment provider cannot be reached: try again in a moment."


def provider_of(customer: Customer) -> str:
    """
    Return who takes a customer's money.

    :raises CannotCharge: if nobody does: then they pay by transfer.
    """
    if customer.sandbox:
        return ProviderName.SANDBOX
    if not settings.STRIPE_SECRET_KEY:
        raise CannotCharge("Nobody takes cards for us: no payment provider is set up.", field="provider")
    return ProviderName.STRIPE


def can_pay_online(invoice: Invoice) -> bool:
    """Say whether there is a page on which an invoice could be paid now."""
    try:
        provider_of(invoice.customer)
    except CannotCharge:
        return False
    return True


def account_of(customer: Customer, *, at: datetime) -> PayerAccount:
    """Return what the customer's provider knows them by; made there, once, if it does not know them."""
    name = provider_of(customer)
    found = PayerAccount.objects.filter(customer=customer, provider=name).first()
    if found is not None:
        return found
    # Of this minute: an error is what a repeated request is answered for a day, and a second account is only empty.
    key = f"{customer.pk}-{at:%Y%m%d%H%M}"
    ref = provider(name).make_account(key=key, name=customer.legal_name, email=customer.email)
    return PayerAccount.objects.get_or_create(
        customer=customer, provider=name, defaults={"ref": ref, "created_at": at}
    )[0]


def open_page(*, invoice_id: int, back_to: str, at: datetime, by: AbstractBaseUser | None = None) -> PaymentAttempt:
    """
    Return an attempt whose page the customer pays all that is due on; one that is open already is opened again.

    back_to: the address that the page leads back to.

    :raises CannotCharge: if nothing is due, money is being taken already, or the provider cannot be reached.
    """
    open_now = PaymentAttempt.objects.filter(
        invoice=invoice_id, state=AttemptState.PENDING, payment_method__isnull=True
    )
    found = open_now.exclude(page="").filter(closes_at__gt=at).first()
    if found is not None:
        return found
    charge = _write(invoice_id, back_to, at, by)
    if lease(PaymentAttempt, charge.pk, at) is None:
        raise CannotCharge(UNREACHABLE)
    charge = PaymentAttempt.objects.select_related("invoice__customer").get(pk=charge.pk)
    answer = heard(lambda: provider(charge.provider).open_page(order_of(charge, at=at), back_to=back_to))
    if not isinstance(answer, Answer):
        postpone(charge, reason=answer, at=at)
        raise CannotCharge(UNREACHABLE)
    charge = settle(attempt_id=charge.pk, answer=answer, at=at)
    if charge.state != AttemptState.PENDING:
        raise CannotCharge(charge.reason or "The provider refused it.", field="invoice")
    return charge


def _write(invoice_id: int, back_to: str, at: datetime, by: AbstractBaseUser | None) -> PaymentAttempt:
    with change("open payment page", by=by, at=at, invoice=invoice_id):
        invoice = payable(invoice_id)
        name = provider_of(invoice.customer)
    try:
        account_of(invoice.customer, at=at)
    except (Unclear, Misconfigured) as error:
        raise CannotCharge(UNREACHABLE) from error
    with change("open payment page", by=by, at=at, invoice=invoice_id):
        return write(payable(invoice_id), provider=name, payment_method=None, back_to=back_to, at=at, by=by)


def close_pages(*, invoice_id: int, at: datetime) -> None:
    """
    Let nobody pay an invoice on a page any more; what was paid on one by then counts.

    :raises CannotCharge: if the provider cannot be reached.
    """
    pages = PaymentAttempt.objects.filter(invoice=invoice_id, state=AttemptState.PENDING, payment_method__isnull=True)
    for charge in pages.select_related("invoice__customer"):
        if not charge.ref:  # it was never told to anybody
            ask(attempt_id=charge.pk, at=at)
            continue
        service, order = provider(charge.provider), order_of(charge, at=at)
        answer = heard(partial(service.close_page, order))
        if not isinstance(answer, Answer):
            raise CannotCharge(UNREACHABLE)
        settle(attempt_id=charge.pk, answer=answer, at=at)


def setup_page(*, customer: Customer, key: str, back_to: str, at: datetime) -> str:
    """
    Return the address of a page on which a customer leaves a card; key: names the request, once.

    :raises CannotCharge: if there is no provider, or it cannot be reached.
    """
    try:
        account = account_of(customer, at=at)
        return provider(account.provider).setup_page(account=account.ref, key=key, back_to=back_to)
    except (Unclear, Misconfigured) as error:
        raise CannotCharge(UNREACHABLE) from error


@transaction.atomic
def read_instruments(*, account: PayerAccount, at: datetime) -> list[PaymentMethod]:
    """
    Bring what we know of a customer's cards up to date with what their provider keeps; the first one is charged.

    :raises Unclear: if the provider cannot be reached.
    """
    seen = {one.ref: one for one in provider(account.provider).payment_methods(account.ref)}
    PayerAccount.objects.select_for_update().get(pk=account.pk)
    account.payment_methods.filter(removed_at__isnull=True).exclude(ref__in=seen).update(
        removed_at=at, is_default=False
    )
    for ref, one in seen.items():
        expires_on = None if one.expires is None else datetime(*one.expires, 1, tzinfo=at.tzinfo).date()
        PaymentMethod.objects.update_or_create(
            account=account,
            ref=ref,
            defaults={"label": one.label, "expires_on": expires_on},
            create_defaults={"label": one.label, "expires_on": expires_on, "created_at": at},
        )
    kept = account.payment_methods.filter(removed_at__isnull=True)
    if not kept.filter(is_default=True).exists() and (first := kept.order_by("pk").first()) is not None:
        PaymentMethod.objects.filter(pk=first.pk).update(is_default=True)
    return list(kept.order_by("pk"))
