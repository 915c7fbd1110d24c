"""All documents of a customer, newest first."""

from typing import Any

from django.db.models import F, Q, QuerySet, Sum
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from customers.portal.visit import Visit, page_of, show, signed_in
from invoices.models import DocumentKind, Invoice
from invoices.models.invoices import InvoiceState
from invoices.portal.formats import Reading, reading
from lib.decimals import ZERO

CLAIMED = (InvoiceState.ISSUED, InvoiceState.OVERDUE)
SHOWN = (*CLAIMED, InvoiceState.PAID, InvoiceState.VOID, InvoiceState.UNCOLLECTIBLE)
"""A draft is nothing that a customer was sent."""


def documents(visit: Visit) -> QuerySet[Invoice]:
    """Return what the customer was sent."""
    return visit.own(Invoice.objects.filter(state__in=SHOWN))


@signed_in()
def invoices(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    found, more = page_of(documents(visit), request)
    figures = reading(visit)
    context = {"rows": [row(one, figures, visit) for one in found], "more": more, "sums": sums_of(visit, figures)}
    return show(request, visit, "invoices.html", context)


def row(one: Invoice, figures: Reading, visit: Visit) -> dict[str, Any]:
    """Return a document as a row of the list."""
    currency = str(one.currency)
    is_note = one.kind == DocumentKind.CREDIT_NOTE
    today = visit.at.astimezone(figures.zone).date()
    return {
        "pk": one.pk,
        "number": one.number,
        "kind": "Credit note" if is_note else "Invoice",
        "issued": figures.date(one.issue_date) if one.issue_date else "",
        "due_on": figures.date(one.due_date) if one.due_date and one.due and not is_note else "",
        "state": state_of(one, today=today),
        "total": figures.in_currency(one.total.amount, currency),
        "due": figures.in_currency(one.due, currency) if one.due and one.state in CLAIMED else "",
    }


def state_of(one: Invoice, *, today: Any) -> str:
    """Return a document's state as its receiver thinks of it: open, overdue, paid …"""
    if one.kind == DocumentKind.CREDIT_NOTE:
        return "credited"
    if one.state in CLAIMED:
        return "overdue" if one.due_date and one.due_date < today else "open"
    return str(one.get_state_display())


def sums_of(visit: Visit, figures: Reading) -> list[dict[str, Any]]:
    """Return what was invoiced and what is still due, in each currency, in one query."""
    rows = documents(visit).filter(kind=DocumentKind.INVOICE).exclude(state=InvoiceState.VOID)
    today = visit.at.astimezone(figures.zone).date()
    left = F("total") - F("credited") - F("paid")
    is_open = Q(state__in=CLAIMED)
    found = (
        rows.order_by()
        .values_list("currency")
        .annotate(
            invoiced=Sum("total"),
            due=Sum(left, filter=is_open),
            late=Sum(left, filter=is_open & Q(due_date__lt=today)),
        )
    )
    return [
        {
            "invoiced": figures.in_currency(invoiced, currency),
            "due": figures.in_currency(due or ZERO, currency),
            "is_due": bool(due),
            "late": figures.in_currency(late, currency) if late else "",
        }
        for currency, invoiced, due, late in sorted(found)
    ]
