"""Record a payment, and what it brings about above invoices: what was bought with it arrives along with it."""

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
    Record what came in for an invoice, and grant what was bought with it if all of it is paid.

    facts: as `record_payment` takes them.

    :raises CannotPay: as `record_payment` does.
    """
    payment = record_payment(invoice_id=invoice_id, amount=amount, at=at, **facts)
    grant_paid(invoice_ids=[invoice_id], at=at)
    return payment
