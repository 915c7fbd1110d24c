"""Go on with what nobody has finished, and charge what is due from those who have left a card."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from customers.customer_time import in_time_of
from invoices.models import Invoice, PaymentAttempt, PaymentMethod
from invoices.models.invoices import InvoiceState
from invoices.models.payment_attempts import AttemptState
from invoices.payments.attempts.payment_start import CannotCharge, begin
from invoices.payments.attempts.provider_calls import ask

AT_ONCE = 100


@dataclass(slots=True)
class Swept:
    """begun: charges that were written down. asked: those that a provider was asked about."""

    begun: int = 0
    asked: int = 0


def sweep(*, at: datetime, clock: int | None = None, keep_going: Callable[[], bool] = lambda: True) -> Swept:
    """
    Charge what is due, and ask about all that is under way; harmless to run twice, or at once.

    clock: of customers in this test clock's time; in real time for None.
    """
    done = Swept()
    for invoice_id in list(_to_charge(at, clock)):
        try:
            begin(invoice_id=invoice_id, at=at)
        except CannotCharge:
            continue  # somebody else was quicker
        done.begun += 1
    under_way = PaymentAttempt.objects.filter(in_time_of(clock, "invoice__customer"), state=AttemptState.PENDING)
    for attempt_id in list(
        under_way.filter(next_at__lte=at).order_by("next_at").values_list("pk", flat=True)[:AT_ONCE]
    ):
        if not keep_going():
            break
        ask(attempt_id=attempt_id, at=at)
        done.asked += 1
    return done


def ask_about(*, invoice_id: int, at: datetime) -> None:
    """Find out what has come of an invoice's charge, if one is under way; somebody waits for it."""
    under_way = PaymentAttempt.objects.filter(invoice=invoice_id, state=AttemptState.PENDING)
    for attempt_id in under_way.values_list("pk", flat=True):
        ask(attempt_id=attempt_id, at=at)


def _to_charge(at: datetime, clock: int | None) -> list[int]:
    """Return the invoices that are charged for the first time; after that it is for dunning to say when."""
    payable = Invoice.objects.filter(in_time_of(clock), state=InvoiceState.ISSUED, kind="invoice", total__gt=0)
    tried = PaymentAttempt.objects.filter(invoice=OuterRef("pk"))
    cards = PaymentMethod.objects.filter(account__customer=OuterRef("customer"), is_default=True)
    due = payable.filter(~Exists(tried), Exists(cards), Q(customer__charges_automatically=True))
    return list(due.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
