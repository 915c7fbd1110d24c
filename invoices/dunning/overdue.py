"""Find out which invoices are overdue, by their seller's calendar."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from customers.clock import in_time_of
from customers.models import Seller
from customers.notices import Announcement, announce_all
from invoices.models import DocumentKind, Invoice
from invoices.models.documents import InvoiceState
from plans.pricing.exact import plain

AT_ONCE = 500


def mark_overdue(*, at: datetime, clock: int | None = None) -> int:
    """
    Call every invoice overdue whose due date is past and that something is due of, and tell; return how many.

    A document is due until the end of its due date, where its seller is. Harmless to run twice, or at once.
    """
    count = 0
    for seller_id, zone in Seller.objects.values_list("pk", "time_zone").order_by("pk"):
        today = at.astimezone(ZoneInfo(zone)).date()
        late = Invoice.objects.filter(in_time_of(clock), seller=seller_id, state=InvoiceState.ISSUED)
        late = late.filter(kind=DocumentKind.INVOICE, due_date__lt=today).order_by("pk")
        while marked := _mark(list(late.values_list("pk", flat=True)[:AT_ONCE]), at):
            count += marked
    return count


@transaction.atomic
def _mark(invoice_ids: list[int], at: datetime) -> int:
    held = Invoice.objects.select_for_update(skip_locked=True, no_key=True)
    late = [one for one in held.filter(pk__in=invoice_ids, state=InvoiceState.ISSUED) if one.due]
    if not late:
        return 0
    Invoice.objects.filter(pk__in=[one.pk for one in late]).update(state=InvoiceState.OVERDUE)
    told = [
        Announcement(one.customer_id, facts_of(one), f"invoice:{one.pk}:overdue:{at.date().isoformat()}")
        for one in late
    ]
    announce_all(kind="invoice.overdue", announcements=told, at=at)
    return len(late)


def facts_of(invoice: Invoice) -> dict[str, str | int | None]:
    """Return what is told of an invoice that is not paid."""
    return {
        "invoice": invoice.pk,
        "number": invoice.number,
        "due": plain(invoice.due),
        "currency": str(invoice.currency),
        "due_date": invoice.due_date.isoformat() if invoice.due_date else None,
    }
