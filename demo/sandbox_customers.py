"""
Clones of three customers in the sandbox, each on a test clock with a card of the sandbox provider.

Their clocks have reached last month: a first invoice is paid by card, one card is declined, and one payment is
refunded.
"""

from datetime import datetime, timedelta

from billing.models import Clone, Period
from billing.simulation.sandbox.clock_advance import advance_clock, start_advance
from billing.simulation.sandbox.clones import clone
from customers.models import Customer, TestClock
from demo.office.office_data import FINANCE, OPERATIONS, live_customer, staff
from invoices.credit_notes.credit_note import issue_credit_note
from invoices.models import DocumentKind, Invoice, PaymentMethod
from invoices.models.invoices import InvoiceState
from invoices.payments.attempts.checkout import get_or_create_account
from invoices.payments.attempts.payment_methods import make_default, sync_payment_methods
from invoices.payments.providers.sandbox import DECLINES, PAYS, REPEATS
from invoices.payments.refunds.refund import submit_due_refunds

CARDS = {"harbor-health": PAYS, "feldberg": REPEATS, "red-mesa": DECLINES}
"""Live customer → the card of its clone. That of the second notifies us three times of each payment."""

AFTER_CLOSE = timedelta(days=5)
"""How far the clocks go beyond the end of the first period: the invoice is issued, and its card is charged."""


def add(*, at: datetime) -> int:
    """Add the missing clones, and return how many were added."""
    if Clone.objects.exists():
        return 0
    for external_id, card in CARDS.items():
        copy, _ = clone(source=live_customer(external_id), periods=1, at=at, by=staff(OPERATIONS))
        _store_card(copy.customer, card, at=copy.since)
        _advance(copy.customer)
    _refund_a_payment()
    return len(CARDS)


def _store_card(customer: Customer, card: str, *, at: datetime) -> None:
    account = get_or_create_account(customer, customer.seller_id, at=at)
    sync_payment_methods(account=account, at=at)
    # The provider's list leaves this card out, because it is for tests of our own.
    method, _ = PaymentMethod.objects.get_or_create(
        account=account, ref=card, defaults={"label": "sandbox card that repeats its notices", "created_at": at}
    )
    make_default(payment_method_id=method.pk)
    Customer.objects.filter(pk=customer.pk).update(charges_automatically=True)


def _advance(customer: Customer) -> None:
    """Advance the clock past the end of the customer's first period."""
    period = Period.objects.filter(subscription__customer=customer).earliest("starts_at")
    clock = TestClock.objects.get(customers=customer)
    start_advance(clock_id=clock.pk, to=period.ends_at + AFTER_CLOSE, by=staff(OPERATIONS), at=period.starts_at)
    advance_clock(clock_id=clock.pk)


def _refund_a_payment() -> None:
    paid = Invoice.objects.filter(
        sandbox=True, kind=DocumentKind.INVOICE, state=InvoiceState.PAID, charges__isnull=False
    )
    for invoice in paid.order_by("pk")[:1]:
        clock = TestClock.objects.get(customers=invoice.customer_id)
        issue_credit_note(
            invoice_id=invoice.pk,
            lines=None,
            reason="Tried a refund.",
            to="refund",
            at=clock.now,
            by=staff(FINANCE),
        )
        submit_due_refunds(at=clock.now, clock_id=clock.pk)
