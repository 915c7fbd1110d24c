"""Resume unfinished attempts, and charge due invoices of customers with a saved payment method."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from customers.customer_time import clock_filter
from invoices.models import Invoice, PaymentAttempt, PaymentMethod
from invoices.models.invoices import InvoiceState
from invoices.models.payment_attempts import AttemptState
from invoices.payments.attempts.attempt_queue import ATTEMPTS, in_step_of_clock
from invoices.payments.attempts.payment_start import PaymentAttemptRefused, start_payment
from invoices.payments.attempts.provider_calls import submit_attempt, submit_leased_attempt
from lib.queue import NO_DEADLINE, Deadline

# Invoices charged per run; the rest stays due for the next one.
BATCH_SIZE = 100


@dataclass(slots=True)
class PaymentRun:
    """started: attempts created. submitted: attempts sent to or looked up at a provider."""

    started: int = 0
    submitted: int = 0


def collect_due_payments(
    *, at: datetime, clock_id: int | None = None, deadline: Deadline = NO_DEADLINE
) -> PaymentRun:
    """
    Charge due invoices, and submit every pending attempt that is due; safe to repeat and to run concurrently.

    clock_id: limit to customers on this test clock; None means real time.
    """
    run = PaymentRun()
    for invoice_id in list(_invoices_to_charge(at, clock_id)):
        try:
            start_payment(invoice_id=invoice_id, at=at)
        except PaymentAttemptRefused:
            continue  # another process was faster
        run.started += 1
    queue = in_step_of_clock(ATTEMPTS, clock_id)
    for lease in queue.claims(at=at, among=clock_filter(clock_id, "invoice__customer"), deadline=deadline):
        submit_leased_attempt(lease, at=at)
        run.submitted += 1
    return run


def refresh_pending_attempts(*, invoice_id: int, at: datetime) -> None:
    """Look up the outcome of an invoice's pending attempt, if it has one, while a person waits for it."""
    pending_attempts = PaymentAttempt.objects.filter(invoice=invoice_id, state=AttemptState.PENDING)
    for attempt_id in pending_attempts.values_list("pk", flat=True):
        submit_attempt(attempt_id=attempt_id, at=at)


def _invoices_to_charge(at: datetime, clock_id: int | None) -> list[int]:
    """Return the invoices to charge for the first time; dunning decides on further attempts."""
    payable = Invoice.objects.filter(clock_filter(clock_id), state=InvoiceState.ISSUED, kind="invoice", total__gt=0)
    attempts = PaymentAttempt.objects.filter(invoice=OuterRef("pk"))
    default_methods = PaymentMethod.objects.filter(
        account__customer=OuterRef("customer"), account__seller=OuterRef("seller"), is_default=True
    )
    due = payable.filter(~Exists(attempts), Exists(default_methods), Q(customer__charges_automatically=True))
    return list(due.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])
