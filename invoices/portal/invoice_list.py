"""All invoices and credit notes of a customer, newest first."""

from datetime import date
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _

from customers.portal.visit import Visit, paginate, render_page, signed_in
from invoices.models import DocumentKind, Invoice
from invoices.models.invoices import AMOUNT_DUE, OPEN_INVOICES, InvoiceState
from invoices.portal.formats import PortalFigures, portal_figures
from lib.decimals import ZERO

VISIBLE_STATES = (*OPEN_INVOICES, InvoiceState.PAID, InvoiceState.VOID, InvoiceState.UNCOLLECTIBLE)
"""A draft was never sent, so the customer doesn't see it."""

STATE_LABELS = {
    "open": _("Open"),
    "past_due": _("Past due"),
    "credited": _("Credited"),
    "paid": _("Paid"),
    "void": _("Void"),
    "uncollectible": _("Written off"),
}
STATE_CLASSES = {"open": "warn", "past_due": "bad"}


def customer_documents(visit: Visit) -> QuerySet[Invoice]:
    """Return the invoices and credit notes that the customer was sent."""
    return visit.own_rows(Invoice.objects.filter(state__in=VISIBLE_STATES))


@signed_in()
def invoice_list(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    page_invoices, has_next_page = paginate(customer_documents(visit), request)
    figures = portal_figures(visit)
    context = {
        "rows": [invoice_row(invoice, figures, visit) for invoice in page_invoices],
        "more": has_next_page,
        "sums": sum_by_currency(visit, figures),
    }
    return render_page(request, visit, "invoices.html", context)


def invoice_row(invoice: Invoice, figures: PortalFigures, visit: Visit) -> dict[str, Any]:
    """Return an invoice or credit note as a row of the list."""
    currency = str(invoice.currency)
    is_note = invoice.kind == DocumentKind.CREDIT_NOTE
    state = customer_state(invoice, today=visit.at.astimezone(figures.zone).date())
    return {
        "pk": invoice.pk,
        "number": invoice.number,
        "is_note": is_note,
        # The head of each page names the customer's default seller.
        "seller": "" if invoice.seller_id == visit.customer.seller_id else invoice.seller_facts.get("legal_name", ""),
        "issued": figures.date(invoice.issue_date) if invoice.issue_date else "",
        "due_on": figures.date(invoice.due_date) if invoice.due_date and invoice.due and not is_note else "",
        "state_label": STATE_LABELS[state],
        "state_class": STATE_CLASSES.get(state, ""),
        "total": figures.in_currency(invoice.total.amount, currency),
        "due": figures.in_currency(invoice.due, currency) if invoice.due and invoice.state in OPEN_INVOICES else "",
    }


def customer_state(invoice: Invoice, *, today: date) -> str:
    """Return the state of an invoice for its customer, a key of `STATE_LABELS`."""
    if invoice.kind == DocumentKind.CREDIT_NOTE:
        return "credited"
    if invoice.state in OPEN_INVOICES:
        return "past_due" if invoice.due_date and invoice.due_date < today else "open"
    return str(invoice.state)


def sum_by_currency(visit: Visit, figures: PortalFigures) -> list[dict[str, Any]]:
    """Return the invoiced and the due total in each currency, in one query."""
    rows = customer_documents(visit).filter(kind=DocumentKind.INVOICE).exclude(state=InvoiceState.VOID)
    today = visit.at.astimezone(figures.zone).date()
    is_open = Q(state__in=OPEN_INVOICES)
    sums = (
        rows.order_by()
        .values_list("currency")
        .annotate(
            invoiced=Sum("total"),
            unpaid=Sum(AMOUNT_DUE, filter=is_open),
            past_due=Sum(AMOUNT_DUE, filter=is_open & Q(due_date__lt=today)),
        )
    )
    return [
        {
            "invoiced": figures.in_currency(invoiced, currency),
            "due": figures.in_currency(due or ZERO, currency),
            "is_due": bool(due),
            "past_due": figures.in_currency(past_due, currency) if past_due else "",
        }
        for currency, invoiced, due, past_due in sorted(sums)
    ]
