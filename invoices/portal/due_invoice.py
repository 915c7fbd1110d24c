"""The invoice to pay next: its amount, and how it can be paid."""

from typing import Any

from django.db.models import F

from customers.portal.visit import Visit
from invoices.models import DocumentKind, Invoice
from invoices.models.invoices import OPEN_INVOICES
from invoices.portal.formats import PortalFigures
from invoices.portal.invoice_list import customer_documents, customer_state, invoice_row
from invoices.portal.payment import pay_link, processing_text


def next_due_invoice(visit: Visit, figures: PortalFigures) -> dict[str, Any] | None:
    """
    Return the open invoice that is due first as text, with the page on which it can be paid, if there is one.

    None if nothing is due. Only a contact who may pay gets the page.
    """
    rows = customer_documents(visit).filter(kind=DocumentKind.INVOICE, state__in=OPEN_INVOICES)
    unpaid = rows.filter(total__gt=F("credited") + F("paid")).select_related("seller")
    invoice: Invoice | None = unpaid.order_by(F("due_date").asc(nulls_last=True), "pk").first()
    if invoice is None:
        return None
    processing = processing_text(invoice, figures)
    pay = pay_link(invoice) if visit.may_change and not processing else None
    today = visit.at.astimezone(figures.zone).date()
    return {
        **invoice_row(invoice, figures, visit),
        "is_past_due": customer_state(invoice, today=today) == "past_due",
        "pay": pay,
        "processing": processing,
        "has_bank_details": bool(invoice.seller.iban or invoice.seller.bank_details),
    }
