"""
Process stored events: look up the attempts that they name at the provider.

An event's content is never trusted, so neither the order of events nor their repetition matters.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from customers.notifications import announce
from invoices.models import PayerAccount, PaymentAttempt, ProviderEvent, Refund
from invoices.models.payment_attempts import MAX_TEXT, UNRELATED_OUTCOME, AttemptState
from invoices.payments.attempts.payment_methods import sync_payment_methods
from invoices.payments.attempts.provider_calls import payment_order, submit_attempt
from invoices.payments.attempts.settlement import record_outcome, reverse_payment
from invoices.payments.providers import Misconfigured, OutcomeUnknown, provider
from invoices.payments.providers.stripe import METADATA_KEY
from invoices.payments.refunds.refund import record_refund_outcome as settle_refund
from invoices.payments.refunds.refund import refund_order as refund_order
from invoices.payments.refunds.refund import submit_refund
from lib.decimals import to_plain_string
from lib.failpoints import hit_failpoint
from lib.queue import NO_DEADLINE, Backoff, Deadline, Lease, Queue, doubling

EVENTS = Queue(
    model=ProviderEvent,
    unfinished=Q(done_at__isnull=True),
    # Longer than the provider may take to answer, so that no second worker processes the event meanwhile.
    lease=timedelta(seconds=90),
    # An event is retried for about two days before a person must look at it.
    backoff=Backoff(doubling(timedelta(minutes=2), timedelta(hours=4), count=19)),
    attempts_column="tries",
    reason_column="outcome",
)


def process_events(*, at: datetime, deadline: Deadline = NO_DEADLINE) -> int:
    """Process the due events, oldest first, and return their number; safe to repeat and to run concurrently."""
    return len([_process_leased(lease, at=at) for lease in EVENTS.claims(at=at, deadline=deadline)])


def process_event(*, event_id: int, at: datetime) -> bool:
    """Process one event unless it is done, not due or leased by another worker; failures are retried a few times."""
    lease = EVENTS.claim(event_id, at=at)
    return lease is not None and _process_leased(lease, at=at)


def _process_leased(lease: Lease, *, at: datetime) -> bool:
    try:
        outcome = _refresh_named_rows(ProviderEvent.objects.get(pk=lease.key), at)
    except (OutcomeUnknown, Misconfigured) as error:
        EVENTS.postpone(lease, reason=str(error), at=at)
        return True
    hit_failpoint("event.before_done")
    ProviderEvent.objects.filter(pk=lease.key).update(done_at=at, outcome=outcome[:MAX_TEXT], **EVENTS.due_at(None))
    return True


def _refresh_named_rows(event: ProviderEvent, at: datetime) -> str:
    attempts, refunds = _named_attempts(event), _named_refunds(event)
    for attempt in attempts:
        _refresh_attempt(attempt, event, at)
    for refund in refunds:
        _refresh_refund(refund, at)
    accounts = list(_named_accounts(event))
    for account in accounts:
        sync_payment_methods(account=account, at=at)
    labels = [
        *(f"charge {attempt.pk}" for attempt in attempts),
        *(f"refund {refund_row.pk}" for refund_row in refunds),
    ]
    return ", ".join(labels + [f"cards of {account}" for account in accounts]) or UNRELATED_OUTCOME


def _event_object(event: ProviderEvent) -> dict[str, Any]:
    content = event.content if isinstance(event.content, dict) else {}
    event_object = (content.get("data") or {}).get("object") if event.provider == "stripe" else content
    return event_object if isinstance(event_object, dict) else {}


def _row_key(event: ProviderEvent) -> UUID | None:
    event_object = _event_object(event)
    text = (
        event_object.get("key")
        if event.provider == "sandbox"
        else (event_object.get("metadata") or {}).get(METADATA_KEY)
    )
    try:
        return UUID(str(text))
    except ValueError:
        return None


def _named_attempts(event: ProviderEvent) -> list[PaymentAttempt]:
    event_object, attempts = (
        _event_object(event),
        PaymentAttempt.objects.filter(provider=event.provider, merchant=event.merchant_id),
    )
    attempts = attempts.select_related("invoice__customer", "payment_method__account", "merchant")
    if (key := _row_key(event)) is not None and (attempts_by_key := list(attempts.filter(key=key))):
        return attempts_by_key
    refs = [event_object.get("id"), event_object.get("payment_intent")]
    return list(attempts.filter(ref__in=[ref for ref in refs if isinstance(ref, str)]))


def _named_refunds(event: ProviderEvent) -> list[Refund]:
    key, ref = _row_key(event), _event_object(event).get("id")
    refunds = Refund.objects.filter(provider=event.provider, attempt__merchant=event.merchant_id).select_related(
        "attempt__merchant"
    )
    return list(refunds.filter(key=key) if key else refunds.filter(ref=str(ref)).exclude(ref=""))


def _named_accounts(event: ProviderEvent) -> Iterator[PayerAccount]:
    is_setup = event.kind == "checkout.session.completed" and bool(_event_object(event).get("setup_intent"))
    if is_setup or event.kind.startswith("payment_method."):
        refs = [ref for ref in (_event_object(event).get("customer"), _previous_owner(event)) if isinstance(ref, str)]
        accounts = PayerAccount.objects.filter(provider=event.provider, merchant=event.merchant_id, ref__in=refs)
        yield from accounts.select_related("merchant")


def _previous_owner(event: ProviderEvent) -> object:
    """Return the account that a payment method belonged to before it was detached."""
    return ((event.content.get("data") or {}).get("previous_attributes") or {}).get("customer")


def _refresh_attempt(attempt: PaymentAttempt, event: ProviderEvent, at: datetime) -> None:
    if event.kind.startswith("charge.dispute."):
        _record_dispute(attempt, event, at)
    elif attempt.state == AttemptState.PENDING:
        refreshed = submit_attempt(attempt_id=attempt.pk, at=at)
        # The other worker may have asked before the event, so the event is retried once that lease is over.
        if refreshed.leased_until is not None and refreshed.leased_until > at:
            raise OutcomeUnknown("Another process is checking it.")
    elif attempt.state != AttemptState.SUCCEEDED:  # may have been taken after all
        response = provider(attempt.provider, attempt.merchant).find_payment(payment_order(attempt, at=at))
        if response is not None:
            record_outcome(attempt_id=attempt.pk, response=response, at=at)


def _refresh_refund(refund: Refund, at: datetime) -> None:
    if refund.state == AttemptState.PENDING:
        submit_refund(refund_id=refund.pk, at=at)
    elif refund.state == AttemptState.SUCCEEDED and refund.attempt is not None:
        response = provider(refund.provider, refund.attempt.merchant).find_refund(refund_order(refund, at=at))
        if response is not None:
            settle_refund(refund_id=refund.pk, response=response, at=at)


def _record_dispute(attempt: PaymentAttempt, event: ProviderEvent, at: datetime) -> None:
    """Record a dispute. The bank has withdrawn the money already; we get it back if we win."""
    PaymentAttempt.objects.filter(pk=attempt.pk, disputed_at__isnull=True).update(disputed_at=at)
    status = _event_object(event).get("status")
    facts = {"charge": attempt.pk, "invoice": attempt.invoice_id, "number": attempt.invoice.number}
    facts |= {
        "amount": to_plain_string(attempt.amount),
        "currency": str(attempt.currency),
        "status": str(status or ""),
    }
    announce(
        kind="payment.disputed",
        customer_id=attempt.invoice.customer_id,
        seller_id=attempt.invoice.seller_id,
        facts=facts,
        key=f"charge:{attempt.pk}:disputed:{status}",
        at=at,
    )
    payment = getattr(attempt, "payment", None)
    if status == "lost" and payment is not None:
        reverse_payment(payment_id=payment.pk, reason="The customer's bank reversed it", at=at)
