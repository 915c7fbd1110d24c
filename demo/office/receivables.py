"""Credit notes, with refunds and to balances, and a write-off that waits for a second person."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from access.approvals import approve, perform
from access.models import ApprovalRequest
from demo.office.office_data import APPROVER, FINANCE, requester, staff
from invoices.credit_notes.acts import IssueCreditNote
from invoices.credit_notes.credit_note import RequestedCredit
from invoices.models import DocumentKind, Invoice, Refund
from invoices.models.invoices import InvoiceState
from invoices.payments.acts import WriteOffInvoice

CREDITS = (
    ("Billed for a cluster that was down.", "refund"),
    ("Duplicate subscription.", "refund"),
    ("Goodwill after the outage.", "refund"),
    ("Promised by sales for the late start.", "balance"),
    ("Wrong quantity of seats.", "balance"),
)
"""Reasons of credit notes, and where their money goes."""

SHARE = Decimal("0.2")
"""The part of an invoice's first line that is credited."""


@transaction.atomic
def add(*, at: datetime) -> bool:
    if Refund.objects.exists():
        return False
    live = Invoice.objects.filter(kind=DocumentKind.INVOICE, sandbox=False, total__gt=10)
    paid = live.filter(state=InvoiceState.PAID).order_by("-issued_at", "pk")
    for invoice, (reason, to) in zip(paid[: len(CREDITS)], CREDITS, strict=True):
        line = max(invoice.lines.all(), key=lambda line: line.amount.amount)
        credit = RequestedCredit(line.position, round(line.amount.amount * SHARE, 2))
        act = IssueCreditNote(invoice_id=invoice.pk, lines=[credit], reason=reason, to=to)
        request = perform(act, by=requester(FINANCE), at=at, reason=reason)
        if isinstance(request, ApprovalRequest):
            approve(request_id=request.pk, by=staff(APPROVER), at=at)
    oldest = live.filter(state=InvoiceState.OVERDUE).order_by("due_date", "pk").first()
    if oldest is not None:
        reason = "The company was dissolved."
        perform(WriteOffInvoice(invoice_id=oldest.pk, reason=reason), by=requester(FINANCE), at=at, reason=reason)
    return True
