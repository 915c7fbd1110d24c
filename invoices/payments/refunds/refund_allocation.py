"""Which money goes back, and by what: as it came, the last payment first. docs/payments.md#refunds."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from invoices.models import Invoice, Payment, PaymentAttempt, Refund
from invoices.models.payment_attempts import AttemptState, RefundProvider

COUNTED = (AttemptState.PENDING, AttemptState.SUCCEEDED)


def ask_for_refunds(*, note_id: int, amount: Decimal, at: datetime) -> list[Refund]:
    """
    Write down the refunds that a credit note asks for, to be sent once this is committed.

    What a provider took goes back by the same way, the last charge first; the rest is to be paid by hand.
    """
    note = Invoice.objects.get(pk=note_id)
    refunds = []
    for charge, part in _parts(note, amount):
        refunds.append(
            Refund.objects.create(
                customer_id=note.customer_id,
                note=note,
                attempt=charge,
                provider=charge.provider if charge else RefundProvider.MANUAL,
                amount=part,
                currency=note.currency,
                next_at=at if charge else None,
                created_at=at,
            )
        )
    return refunds


def _parts(note: Invoice, amount: Decimal) -> Iterator[tuple[PaymentAttempt | None, Decimal]]:
    came = Payment.objects.filter(invoice=note.corrects_id, attempt__isnull=False, reversal__isnull=True)
    for payment in came.select_related("attempt").order_by("-pk"):
        part = min(amount, payment.amount - refunded(payment.attempt))
        if part > 0:
            amount -= part
            yield payment.attempt, part
    if amount:
        yield None, amount


def refunded(charge: PaymentAttempt) -> Decimal:
    """Return what of a charge went back, or is on its way."""
    found = charge.refunds.filter(state__in=COUNTED).aggregate(sum=Sum("amount"))["sum"]
    return found or Decimal(0)
