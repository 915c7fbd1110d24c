"""Take the steps that a seller has laid down, one by one, each once for an invoice."""

from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from customers.customer_time import in_time_of
from customers.notifications import announce
from invoices.models import DunningAct, DunningStep, Invoice
from invoices.models.dunning import DunningAction
from invoices.models.invoices import InvoiceState
from invoices.payments.attempts.payment_start import CannotCharge, begin
from lib.decimals import plain

SKIPPED = "A later reminder was due as well"
AT_ONCE = 500


def dun(*, at: datetime, clock: int | None = None, keep_going: Callable[[], bool] = lambda: True) -> int:
    """
    Take what steps are due for overdue invoices, and return how many; harmless to run twice, or at once.

    A customer who is given time (`dunning_hold_until`) is left alone until then; steps that came due meanwhile are
    taken after it, of several reminders the last one only.
    """
    steps: dict[int, list[DunningStep]] = {}
    for step in DunningStep.objects.order_by("days", "pk"):
        steps.setdefault(step.seller_id, []).append(step)
    count = 0
    for seller_id, ladder in steps.items():
        overdue = Invoice.objects.filter(in_time_of(clock), seller=seller_id, state=InvoiceState.OVERDUE)
        after = 0
        while ids := list(overdue.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
            after = ids[-1]
            for invoice_id in ids:
                if not keep_going():
                    return count
                count += _take(invoice_id, ladder, at)
    return count


@transaction.atomic
def _take(invoice_id: int, ladder: list[DunningStep], at: datetime) -> int:
    held = Invoice.objects.select_related("customer", "seller")
    invoice = held.select_for_update(of=("self",), no_key=True, skip_locked=True).filter(pk=invoice_id).first()
    if invoice is None or invoice.state != InvoiceState.OVERDUE or not invoice.due or invoice.due_date is None:
        return 0
    today = at.astimezone(ZoneInfo(invoice.seller.time_zone)).date()
    if invoice.customer.dunning_hold_until is not None and today < invoice.customer.dunning_hold_until:
        return 0
    due = _due(invoice, ladder, today)
    reminders = [one for one in due if one.action == DunningAction.REMIND]
    for step in due:
        is_skipped = step.action == DunningAction.REMIND and step is not reminders[-1]
        outcome = SKIPPED if is_skipped else _do(invoice, step, at)
        DunningAct.objects.create(invoice=invoice, days=step.days, action=step.action, outcome=outcome[:300], at=at)
    return len(due)


def _due(invoice: Invoice, ladder: list[DunningStep], today: date) -> list[DunningStep]:
    late_by = (today - invoice.due_date).days if invoice.due_date else 0
    taken = set(invoice.dunning_acts.values_list("days", "action"))
    return [one for one in ladder if one.days <= late_by and (one.days, one.action) not in taken]


def _do(invoice: Invoice, step: DunningStep, at: datetime) -> str:
    if step.action == DunningAction.REMIND:
        facts = facts_of(invoice) | {"days": step.days}
        key = f"invoice:{invoice.pk}:reminder:{step.days}"
        announce(kind="invoice.reminder", customer_id=invoice.customer_id, facts=facts, key=key, at=at)
    elif step.action == DunningAction.CHARGE:
        try:
            begin(invoice_id=invoice.pk, at=at)
        except CannotCharge as error:
            return str(error)
    elif step.action == DunningAction.WRITE_OFF:
        write_off(invoice, at=at)
    return ""


def write_off(invoice: Invoice, *, at: datetime) -> None:
    """Call an invoice uncollectible; what is paid of it after all still counts. The caller holds it."""
    Invoice.objects.filter(pk=invoice.pk).update(state=InvoiceState.UNCOLLECTIBLE)
    key = f"invoice:{invoice.pk}:uncollectible"
    facts = facts_of(invoice)
    announce(kind="invoice.uncollectible", customer_id=invoice.customer_id, facts=facts, key=key, at=at)


def facts_of(invoice: Invoice) -> dict[str, str | int | None]:
    """Return what is told of an invoice that is not paid."""
    return {
        "invoice": invoice.pk,
        "number": invoice.number,
        "due": plain(invoice.due),
        "currency": str(invoice.currency),
        "due_date": invoice.due_date.isoformat() if invoice.due_date else None,
    }
