"""Record the outcome of an attempt, once, from any source and however often it is reported."""

from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from django.contrib.auth.models import User

from customers.notifications import announce
from invoices.models import Invoice, Payment, PaymentAttempt, Refund
from invoices.models.payment_attempts import AttemptState
from invoices.payments.attempts.attempt_queue import ATTEMPTS, REFUNDS
from invoices.payments.manual_payments import PAYABLE, credit_overpayment, record_payment
from invoices.payments.providers import ProviderResponse
from invoices.payments.providers.protocol import DECLINED, PENDING, SUCCEEDED
from lib.audit_log import audited_transaction
from lib.decimals import to_plain_string
from lib.queue import Lease

Submission = TypeVar("Submission", PaymentAttempt, Refund)

# The size of the column; providers' texts may be longer.
MAX_REASON = 300


def record_outcome(*, attempt_id: int, response: ProviderResponse, at: datetime) -> PaymentAttempt:
    """
    Record a provider's response to a payment attempt: the single entry point for responses, events and provider
    lists.

    The money received pays the invoice up to the amount due; the rest goes to the customer's balance. A declined or
    canceled attempt may still turn out to have succeeded, and is then recorded as such; a success is final.
    """
    with audited_transaction("settle charge", by=None, at=at, charge=attempt_id):
        # The invoice first, then the attempt, as in every payment: a response, an event and a list that report the
        # same attempt are recorded one after the other.
        invoice = Invoice.objects.select_for_update(no_key=True).get(charges=attempt_id)
        attempt = PaymentAttempt.objects.select_for_update(no_key=True).get(pk=attempt_id)
        if attempt.state == AttemptState.SUCCEEDED or attempt.state == response.state != PENDING:
            return attempt
        if response.state == PENDING:
            return _store_pending_response(attempt, response, at)
        if attempt.state != AttemptState.PENDING and response.state != SUCCEEDED:
            return attempt  # it failed already, and this response is no success either
        _store_outcome(attempt, response, at)
        if response.state == SUCCEEDED:
            _record_received_money(attempt, invoice, at)
        elif response.state == DECLINED:
            _announce(attempt, invoice, "payment.failed", at)
        return attempt


def _store_outcome(attempt: PaymentAttempt, response: ProviderResponse, at: datetime) -> None:
    attempt.state, attempt.settled_at, attempt.ref = response.state, at, response.ref or attempt.ref
    attempt.code, attempt.reason = response.code[:60], response.reason[:MAX_REASON]
    attempt.next_at = attempt.leased_until = None
    attempt.save(update_fields=["state", "settled_at", "ref", "code", "reason", "next_at", "leased_until"])


def _record_received_money(attempt: PaymentAttempt, invoice: Invoice, at: datetime) -> None:
    due = invoice.due if invoice.state in PAYABLE else Decimal(0)
    if payment_amount := min(attempt.amount, due):
        record_payment(
            invoice_id=invoice.pk,
            amount=payment_amount,
            method=attempt.provider,
            reference=f"charge:{attempt.pk}",
            attempt=attempt,
            at=at,
        )
    if overpayment := attempt.amount - payment_amount:
        credit_overpayment(invoice, overpayment, reference=f"charge:{attempt.pk}", at=at)
    _announce(attempt, invoice, "payment.succeeded", at)


def _store_pending_response(attempt: PaymentAttempt, response: ProviderResponse, at: datetime) -> PaymentAttempt:
    if attempt.state != AttemptState.PENDING:
        return attempt
    attempt.ref, attempt.page = response.ref or attempt.ref, response.page or attempt.page
    attempt.closes_at = response.closes_at or attempt.closes_at
    if response.is_processing:  # the customer has paid, and the page is of no more use
        attempt.page, attempt.closes_at = "", None
    return postpone(attempt, reason=response.reason, at=at)


def postpone(attempt: Submission, *, reason: str, at: datetime) -> Submission:
    """
    Schedule the next check of a pending attempt; one with an open page is checked after the page has closed.

    If another worker has settled or leased the attempt meanwhile, its outcome or lease stays.
    """
    queue = REFUNDS if isinstance(attempt, Refund) else ATTEMPTS
    columns = {name: getattr(attempt, name) for name in ("ref", "page", "closes_at") if hasattr(attempt, name)}
    lease = Lease(attempt.pk, attempt.tries)
    queue.postpone(lease, reason=reason, at=at, not_before=columns.get("closes_at"), **columns)
    attempt.refresh_from_db()
    return attempt


def _announce(attempt: PaymentAttempt, invoice: Invoice, kind: str, at: datetime) -> None:
    facts = {
        "invoice": invoice.pk,
        "number": invoice.number,
        "charge": attempt.pk,
        "amount": to_plain_string(attempt.amount),
        "currency": str(attempt.currency),
        "reason": attempt.reason or None,
    }
    key = f"charge:{attempt.pk}:{kind}"
    announce(kind=kind, customer_id=invoice.customer_id, seller_id=invoice.seller_id, facts=facts, key=key, at=at)


def reverse_payment(*, payment_id: int, reason: str, at: datetime, by: User | None = None) -> Payment:
    """
    Reverse a payment that failed after all: a returned debit, a lost dispute, an entry made by mistake.

    The amount is due again on its invoice. Reversing a payment twice returns the first reversal.
    """
    with audited_transaction("take payment back", by=by, at=at, payment=payment_id):
        payment = Payment.objects.select_related("invoice").get(pk=payment_id)
        # Row lock: payments and reversals of one invoice happen one after the other, so that a repeat finds the first
        # reversal.
        invoice = Invoice.objects.select_for_update(no_key=True).get(pk=payment.invoice_id)
        existing_reversal = Payment.objects.filter(reverses=payment).first()
        if existing_reversal is not None:
            return existing_reversal
        reversal = Payment.objects.create(
            invoice=invoice,
            amount=-payment.amount,
            currency=payment.currency,
            method=payment.method,
            reference=f"back:{payment.pk}",
            reverses=payment,
            paid_at=at,
            reason=reason[:MAX_REASON],
            by_id=by.pk if by else None,
            created_at=at,
        )
        facts = {"invoice": invoice.pk, "number": invoice.number, "amount": to_plain_string(payment.amount)}
        facts |= {"currency": str(payment.currency), "reason": reason}
        announce(
            kind="payment.taken_back",
            customer_id=invoice.customer_id,
            seller_id=invoice.seller_id,
            facts=facts,
            key=f"payment:{payment.pk}:back",
            at=at,
        )
        return reversal
