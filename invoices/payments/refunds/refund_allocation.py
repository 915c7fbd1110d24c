"""Allocate refunds to payments: each goes back the way it came, the last payment first. docs/payments.md#refunds."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from invoices.models import Invoice, Payment, PaymentAttempt, Refund
from invoices.models.payment_attempts import AttemptState, RefundProvider

COUNTED_STATES = (AttemptState.PENDING, AttemptState.SUCCEEDED)


def create_refunds(*, note_id: int, amount: Decimal, at: datetime) -> list[Refund]:
    """
    Create the refunds of a credit note, to be sent once this is committed.

    Money collected by a provider goes back through it, the last payment first; the rest is to be paid by hand.
    """
    note = Invoice.objects.get(pk=note_id)
    refunds = []
    for attempt, part in _refund_parts(note, amount):
        refunds.append(
            Refund.objects.create(
                customer_id=note.customer_id,
                seller_id=note.seller_id,
                note=note,
                attempt=attempt,
                provider=attempt.provider if attempt else RefundProvider.MANUAL,
                amount=part,
                currency=note.currency,
                next_at=at if attempt else None,
                created_at=at,
            )
        )
    return refunds


def _refund_parts(note: Invoice, amount: Decimal) -> Iterator[tuple[PaymentAttempt | None, Decimal]]:
    payments = Payment.objects.filter(invoice=note.corrects_id, attempt__isnull=False, reversal__isnull=True)
    for payment in payments.select_related("attempt").order_by("-pk"):
        assert payment.attempt is not None  # noqa: S101  the query leaves out the others
        part = min(amount, payment.amount - refunded_amount(payment.attempt))
        if part > 0:
            amount -= part
            yield payment.attempt, part
    if amount:
        yield None, amount


def refunded_amount(attempt: PaymentAttempt) -> Decimal:
    """Return the amount of a payment attempt that was refunded or has a refund pending."""
    amount = attempt.refunds.filter(state__in=COUNTED_STATES).aggregate(sum=Sum("amount"))["sum"]
    return amount or Decimal(0)
