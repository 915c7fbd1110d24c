"""The receipts of an invoice's payments, as a page and as a file."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from customers.portal.visit import Visit, render_page, signed_in
from invoices.models import Invoice, Payment
from invoices.portal.formats import PortalFigures, portal_figures
from invoices.portal.invoice_list import customer_documents
from invoices.rendering.downloads import receipt_response
from invoices.rendering.receipt import compose_receipt, method_text, receipts_of, with_receipt


def receipt_rows(invoice: Invoice, figures: PortalFigures) -> list[dict[str, Any]]:
    """Return the payments of an invoice that have a receipt, the oldest first."""
    return [
        {
            "pk": payment.pk,
            "date": figures.date(payment.paid_at),
            "method": method_text(payment),
            "amount": figures.in_currency(payment.amount, str(payment.currency)),
            "is_returned": hasattr(payment, "reversal"),
        }
        for payment in receipts_of(invoice)
    ]


def _own_payments(visit: Visit) -> QuerySet[Payment]:
    own_payments = visit.own_rows(with_receipt(Payment.objects.all()), "invoice__customer")
    return own_payments.filter(invoice__in=customer_documents(visit))


@signed_in()
def receipt_page(request: HttpRequest, visit: Visit, number: int, payment: int) -> HttpResponseBase:
    row: Payment = visit.own_row(_own_payments(visit), "invoice__customer", pk=payment, invoice=number)
    receipt = compose_receipt(row, locale=portal_figures(visit).locale)
    return render_page(request, visit, "receipt.html", {"receipt": receipt, "payment": row, "invoice": row.invoice})


@signed_in()
def receipt_pdf(request: HttpRequest, visit: Visit, number: int, payment: int) -> HttpResponseBase:
    row: Payment = visit.own_row(_own_payments(visit), "invoice__customer", pk=payment, invoice=number)
    return receipt_response(row)
