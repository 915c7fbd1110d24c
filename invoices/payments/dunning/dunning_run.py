"""Take the dunning steps of each seller, each once for an invoice."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from customers.customer_time import clock_filter
from customers.notifications import announce
from customers.notifications.announcement import Facts
from invoices.models import DunningAct, DunningStep, Invoice
from invoices.models.dunning import DunningAction
from invoices.models.invoices import InvoiceState
from invoices.payments.attempts.payment_start import PaymentAttemptRefused, start_payment
from invoices.payments.write_offs import dunning_payload, write_off
from lib.queue import NO_DEADLINE, Deadline, lock_free_row

SKIPPED_OUTCOME = "Skipped, because a later reminder was due too"
# Ids in memory at a time; each invoice is a transaction of its own.
BATCH_SIZE = 500


def run_dunning(*, at: datetime, clock_id: int | None = None, deadline: Deadline = NO_DEADLINE) -> int:
    """
    Take the steps due for overdue invoices, and return their number; safe to repeat and to run concurrently.

    A customer with a `dunning_hold_until` date is left alone until then; the steps that became due meanwhile are
    taken after it, of several reminders only the last.
    """
    steps_by_seller: dict[int, list[DunningStep]] = {}
    for step in DunningStep.objects.order_by("days", "pk"):
        steps_by_seller.setdefault(step.seller_id, []).append(step)
    count = 0
    for seller_id, seller_steps in steps_by_seller.items():
        overdue = Invoice.objects.filter(clock_filter(clock_id), seller=seller_id, state=InvoiceState.OVERDUE)
        last_id = 0
        overdue_ids = overdue.order_by("pk").values_list("pk", flat=True)
        while deadline.has_time() and (invoice_ids := list(overdue_ids.filter(pk__gt=last_id)[:BATCH_SIZE])):
            last_id = invoice_ids[-1]
            for invoice_id in deadline.limit(invoice_ids):
                count += _take_due_steps(invoice_id, seller_steps, at)
    return count


@transaction.atomic
def _take_due_steps(invoice_id: int, steps: list[DunningStep], at: datetime) -> int:
    # An invoice that a payment or another worker holds is checked by the next run.
    invoice = lock_free_row(Invoice.objects.select_related("customer", "seller").filter(pk=invoice_id))
    if invoice is None or invoice.state != InvoiceState.OVERDUE or not invoice.due or invoice.due_date is None:
        return 0
    today = at.astimezone(ZoneInfo(invoice.seller.time_zone)).date()
    if invoice.customer.dunning_hold_until is not None and today < invoice.customer.dunning_hold_until:
        return 0
    due_steps = _due_steps(invoice, steps, today)
    reminders = [step for step in due_steps if step.action == DunningAction.REMIND]
    for step in due_steps:
        is_skipped = step.action == DunningAction.REMIND and step is not reminders[-1]
        outcome = SKIPPED_OUTCOME if is_skipped else _take_step(invoice, step, at)
        DunningAct.objects.create(invoice=invoice, days=step.days, action=step.action, outcome=outcome[:300], at=at)
    return len(due_steps)


def _due_steps(invoice: Invoice, steps: list[DunningStep], today: date) -> list[DunningStep]:
    days_past_due = (today - invoice.due_date).days if invoice.due_date else 0
    taken = set(invoice.dunning_acts.values_list("days", "action"))
    return [step for step in steps if step.days <= days_past_due and (step.days, step.action) not in taken]


def _take_step(invoice: Invoice, step: DunningStep, at: datetime) -> str:
    if step.action == DunningAction.REMIND:
        facts = dunning_payload(invoice) | {"days": step.days}
        key = f"invoice:{invoice.pk}:reminder:{step.days}"
        _announce("invoice.reminder", invoice, facts, key, at)
    elif step.action == DunningAction.CHARGE:
        try:
            start_payment(invoice_id=invoice.pk, at=at)
        except PaymentAttemptRefused as error:
            return str(error)
    elif step.action == DunningAction.WRITE_OFF:
        write_off(invoice_id=invoice.pk, reason=_reason(step), at=at)
    return ""


def _reason(step: DunningStep) -> str:
    return f"Unpaid {step.days} days after it was due"


def _announce(kind: str, invoice: Invoice, facts: Facts, key: str, at: datetime) -> None:
    announce(kind=kind, customer_id=invoice.customer_id, seller_id=invoice.seller_id, facts=facts, key=key, at=at)
