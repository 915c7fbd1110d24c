"""Record what came of an attempt, once, whoever says it and however often."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from customers.notifications import announce
from invoices.models import Invoice, Payment, PaymentAttempt
from invoices.models.payment_attempts import AttemptState
from invoices.payments.manual_payments import PAYABLE, keep_surplus, record_payment
from invoices.payments.providers import Answer
from invoices.payments.providers.protocol import DECLINED, PENDING, SUCCEEDED
from lib.audit_log import change
from lib.decimals import plain

ASK_AGAIN = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
)
"""How long after the first, second … look the next one comes; every hour from then on."""

MOST_REASON = 300


def settle(*, attempt_id: int, answer: Answer, at: datetime) -> PaymentAttempt:
    """
    Record what a provider says of a charge: the one way in, for its answers, its events and its lists alike.

    What was taken pays the invoice as far as it is due; the rest is the customer's, on their balance. What was
    declined or canceled may still turn out to have been taken, and then is; what was taken stays taken.
    """
    with change("settle charge", by=None, at=at, charge=attempt_id):
        invoice = Invoice.objects.select_for_update(no_key=True).get(charges=attempt_id)
        charge = PaymentAttempt.objects.select_for_update(no_key=True).get(pk=attempt_id)
        if charge.state == AttemptState.SUCCEEDED or charge.state == answer.state != PENDING:
            return charge
        if answer.state == PENDING:
            return _keep_looking(charge, answer, at)
        if charge.state != AttemptState.PENDING and answer.state != SUCCEEDED:
            return charge  # it came to nothing either way
        _record(charge, answer, at)
        if answer.state == SUCCEEDED:
            _take_in(charge, invoice, at)
        elif answer.state == DECLINED:
            _tell(charge, invoice, "payment.failed", at)
        return charge


def _record(charge: PaymentAttempt, answer: Answer, at: datetime) -> None:
    charge.state, charge.settled_at, charge.ref = answer.state, at, answer.ref or charge.ref
    charge.code, charge.reason = answer.code[:60], answer.reason[:MOST_REASON]
    charge.next_at = charge.leased_until = None
    charge.save(update_fields=["state", "settled_at", "ref", "code", "reason", "next_at", "leased_until"])


def _take_in(charge: PaymentAttempt, invoice: Invoice, at: datetime) -> None:
    due = invoice.due if invoice.state in PAYABLE else Decimal(0)
    if pays := min(charge.amount, due):
        record_payment(
            invoice_id=invoice.pk,
            amount=pays,
            method=charge.provider,
            reference=f"charge:{charge.pk}",
            attempt=charge,
            at=at,
        )
    if surplus := charge.amount - pays:
        keep_surplus(invoice, surplus, reference=f"charge:{charge.pk}", at=at)
    _tell(charge, invoice, "payment.succeeded", at)


def _keep_looking(charge: PaymentAttempt, answer: Answer, at: datetime) -> PaymentAttempt:
    if charge.state != AttemptState.PENDING:
        return charge
    charge.ref, charge.page = answer.ref or charge.ref, answer.page or charge.page
    charge.closes_at = answer.closes_at or charge.closes_at
    return postpone(charge, reason=answer.reason, at=at)


def postpone(attempt: Any, *, reason: str, at: datetime) -> Any:
    """
    Ask again later about what is not decided, or what nobody knows; a page is looked at once it is closed.

    Whoever asked too slowly finds it settled by somebody else: then it stays so.
    """
    wait = ASK_AGAIN[min(attempt.tries, len(ASK_AGAIN)) - 1] if attempt.tries else ASK_AGAIN[0]
    closes_at = getattr(attempt, "closes_at", None)
    attempt.next_at = max(at + wait, closes_at) if closes_at and closes_at > at else at + wait
    attempt.reason, attempt.leased_until = reason[:MOST_REASON], None
    names = [
        "ref",
        "next_at",
        "reason",
        "leased_until",
        *(["page", "closes_at"] * isinstance(attempt, PaymentAttempt)),
    ]
    pending = type(attempt).objects.filter(pk=attempt.pk, state=AttemptState.PENDING)
    if not pending.update(**{name: getattr(attempt, name) for name in names}):
        attempt.refresh_from_db()
    return attempt


def _tell(charge: PaymentAttempt, invoice: Invoice, kind: str, at: datetime) -> None:
    facts = {
        "invoice": invoice.pk,
        "number": invoice.number,
        "charge": charge.pk,
        "amount": plain(charge.amount),
        "currency": str(charge.currency),
        "reason": charge.reason or None,
    }
    key = f"charge:{charge.pk}:{kind}"
    announce(kind=kind, customer_id=invoice.customer_id, facts=facts, key=key, at=at)


def take_back(*, payment_id: int, reason: str, at: datetime, by: AbstractBaseUser | None = None) -> Payment:
    """
    Take a payment back that did not come after all: a returned debit, a lost dispute, a slip of somebody's hand.

    The invoice is due again as far as it paid it. Again is no error.
    """
    with change("take payment back", by=by, at=at, payment=payment_id):
        payment = Payment.objects.select_related("invoice").get(pk=payment_id)
        invoice = Invoice.objects.select_for_update(no_key=True).get(pk=payment.invoice_id)
        found = Payment.objects.filter(reverses=payment).first()
        if found is not None:
            return found
        reversal = Payment.objects.create(
            invoice=invoice,
            amount=-payment.amount,
            currency=payment.currency,
            method=payment.method,
            reference=f"back:{payment.pk}",
            reverses=payment,
            paid_at=at,
            reason=reason[:MOST_REASON],
            by_id=by.pk if by else None,
            created_at=at,
        )
        facts = {"invoice": invoice.pk, "number": invoice.number, "amount": plain(payment.amount)}
        facts |= {"currency": str(payment.currency), "reason": reason}
        announce(
            kind="payment.taken_back",
            customer_id=invoice.customer_id,
            facts=facts,
            key=f"payment:{payment.pk}:back",
            at=at,
        )
        return reversal
