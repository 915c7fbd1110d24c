"""Pay an invoice on the payment provider's page."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from customers.portal.visit import Visit, render_page, signed_in
from invoices.models import Invoice
from invoices.payments import attempts
from invoices.payments.attempts.checkout import can_pay_online
from invoices.payments.attempts.retry import refresh_pending_attempts
from invoices.portal.formats import portal_figures
from invoices.portal.invoice_list import customer_documents, invoice_row


def pay_link(invoice: Invoice) -> str | None:
    """Return the page on which an invoice can be paid, or None if it can't be paid online."""
    if not invoice.due or not can_pay_online(invoice):
        return None
    return reverse("portal_pay", args=[invoice.pk])


@signed_in("GET", "POST")
def pay_invoice(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Show the amount to pay, then redirect to the provider's page; a customer who returns sees the outcome."""
    invoice: Invoice = visit.own_row(customer_documents(visit), pk=number)
    if request.method != "POST":
        if invoice.due:
            refresh_pending_attempts(invoice_id=invoice.pk, at=visit.at)  # who comes back need not wait for a worker
            invoice.refresh_from_db()
        return _page(request, visit, invoice)
    back_to = request.build_absolute_uri(reverse("portal_pay", args=[invoice.pk]))
    try:
        attempt = attempts.open_page(invoice_id=invoice.pk, back_to=back_to, at=visit.at)
    except attempts.PaymentAttemptRefused as refused:
        return _page(request, visit, invoice, problem=str(refused))
    return HttpResponseRedirect(attempt.page, status=303)


def _page(request: HttpRequest, visit: Visit, invoice: Invoice, problem: str = "") -> HttpResponseBase:
    context = {"invoice": invoice, "row": invoice_row(invoice, portal_figures(visit), visit), "problem": problem}
    context["can_pay"] = pay_link(invoice) is not None
    response = render_page(request, visit, "pay.html", context, status=422 if problem else 200)
    # The form's answer leads to the provider, which the pages' policy would not let it do.
    response._csp_update = {"form-action": settings.PAYMENT_PAGES}  # type: ignore[attr-defined]  # of django-csp
    return response
