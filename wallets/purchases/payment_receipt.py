"""Record a payment and its effects above invoices: the credits bought with the invoice are granted with it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from invoices.models import Payment
from invoices.payments.manual_payments import record_payment
from wallets.purchases.paid_grant import grant_paid


@transaction.atomic
def receive_payment(*, invoice_id: int, amount: Decimal, at: datetime, **facts: Any) -> Payment:
    """
    Record a payment for an invoice, and grant the credits bought with it if the invoice is paid.

    facts: as for `record_payment`.

    :raises PaymentRefused: as `record_payment` does.
    """
    payment = record_payment(invoice_id=invoice_id, amount=amount, at=at, **facts)
    grant_paid(invoice_ids=[invoice_id], at=at)
    return payment
