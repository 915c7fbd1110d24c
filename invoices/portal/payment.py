"""Pay an invoice on the page of whoever takes our money."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from customers.portal.visit import Visit, show, signed_in
from invoices.models import Invoice
from invoices.payments import attempts
from invoices.payments.attempts.checkout import can_pay_online
from invoices.payments.attempts.retry import ask_about
from invoices.portal.formats import reading
from invoices.portal.invoice_list import documents, row


def pay_link(invoice: Invoice) -> str | None:
    """Return the page on which an invoice can be paid, or None where it cannot be paid online."""
    if not invoice.due or not can_pay_online(invoice):
        return None
    return reverse("portal_pay", args=[invoice.pk])


@signed_in("GET", "POST")
def pay(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Say what is to be paid, then lead to the provider's page; who comes back from it sees what came of it."""
    found: Invoice = visit.one(documents(visit), pk=number)
    if request.method != "POST":
        if found.due:
            ask_about(invoice_id=found.pk, at=visit.at)  # who comes back need not wait for a worker
            found.refresh_from_db()
        return _page(request, visit, found)
    back_to = request.build_absolute_uri(reverse("portal_pay", args=[found.pk]))
    try:
        charge = attempts.open_page(invoice_id=found.pk, back_to=back_to, at=visit.at)
    except attempts.CannotCharge as refused:
        return _page(request, visit, found, problem=str(refused))
    return HttpResponseRedirect(charge.page, status=303)


def _page(request: HttpRequest, visit: Visit, found: Invoice, problem: str = "") -> HttpResponseBase:
    context = {"invoice": found, "row": row(found, reading(visit), visit), "problem": problem}
    context["can_pay"] = pay_link(found) is not None
    answer = show(request, visit, "pay.html", context, status=422 if problem else 200)
    # The form's answer leads to the provider, which the pages' policy would not let it do.
    answer._csp_update = {"form-action": settings.PAYMENT_PAGES}
    return answer
