"""Submit attempts to their provider: send each once, then only look up its outcome."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from invoices.models import PaymentAttempt
from invoices.payments.attempts.attempt_queue import ATTEMPTS
from invoices.payments.attempts.settlement import postpone, record_outcome
from invoices.payments.providers import Misconfigured, OutcomeUnknown, PaymentOrder, ProviderResponse, provider
from invoices.payments.providers.protocol import CANCELED
from lib.failpoints import hit_failpoint
from lib.queue import Lease

IDEMPOTENCY_KEY_LIFETIME = timedelta(hours=23)
"""How long a provider recognizes a repeated request by its key: Stripe promises a day."""

NOT_FOUND_REASON = "The provider has no record of it a day after it was sent"
NO_PAGE_REASON = "The provider never created its payment page"


def submit_attempt(*, attempt_id: int, at: datetime) -> PaymentAttempt:
    """
    Send a payment attempt to its provider, or look up its outcome, and record the response.

    An attempt sent before is looked up first; if the provider has no record of it, it is sent again under the same
    key, which counts once. After a day, when keys expire, an attempt unknown to the provider is canceled.

    A lease keeps other workers away meanwhile; an attempt that is leased or settled is returned unchanged.

    :raises RuntimeError: within a transaction, whose rollback would lose the record that the attempt was sent.
    """
    lease = ATTEMPTS.claim(attempt_id, at=at, insists=True)
    return PaymentAttempt.objects.get(pk=attempt_id) if lease is None else submit_leased_attempt(lease, at=at)


def submit_leased_attempt(lease: Lease, *, at: datetime) -> PaymentAttempt:
    """Submit an attempt that this worker has leased: see `submit_attempt`."""
    attempt = PaymentAttempt.objects.select_related("payment_method__account", "invoice", "merchant").get(
        pk=lease.key
    )
    service, order = provider(attempt.provider, attempt.merchant), payment_order(attempt, at=at)
    hit_failpoint("charge.before_asking")

    def exchange() -> ProviderResponse:
        existing = None if lease.attempt == 1 else service.find_payment(order)
        # Only the customer's own request opens a page, so a page that the provider lacks is not opened later.
        if existing is None and attempt.payment_method is None:
            return ProviderResponse(CANCELED, reason=NO_PAGE_REASON)
        # The key has expired by now, so sending the attempt again might charge twice.
        if existing is None and at > order.sent_at + IDEMPOTENCY_KEY_LIFETIME:
            return ProviderResponse(CANCELED, reason=NOT_FOUND_REASON)
        return existing or service.charge(order)

    response = call_provider(exchange)
    hit_failpoint("charge.after_asking")
    if isinstance(response, ProviderResponse):
        return record_outcome(attempt_id=attempt.pk, response=response, at=at)
    return postpone(attempt, reason=response, at=at)


def call_provider(exchange: Callable[[], ProviderResponse]) -> ProviderResponse | str:
    """Return a provider's response, or the reason why the outcome is unknown."""
    try:
        return exchange()
    except (OutcomeUnknown, Misconfigured) as error:
        return str(error)


def payment_order(attempt: PaymentAttempt, *, at: datetime) -> PaymentOrder:
    """Return a payment attempt in the form that its provider takes."""
    order = PaymentOrder(
        key=attempt.key,
        amount=attempt.amount,
        currency=str(attempt.currency),
        description=str(attempt.invoice),
        sent_at=attempt.sent_at or at,
        at=at,
        ref=attempt.ref,
    )
    if attempt.payment_method is None:
        return replace(order, account=_account_ref(attempt))
    method = attempt.payment_method
    return replace(order, account=method.account.ref, payment_method=method.ref, method_kind=method.kind)


def _account_ref(attempt: PaymentAttempt) -> str:
    accounts = attempt.invoice.customer.payer_accounts.filter(
        provider=attempt.provider, merchant=attempt.merchant_id, seller=attempt.invoice.seller_id
    )
    return accounts.values_list("ref", flat=True).first() or ""
