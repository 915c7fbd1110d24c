"""Pay an invoice: with a saved payment method, or on the payment provider's page."""

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from customers.portal.visit import Visit, render_page, signed_in
from invoices.models import Invoice, PaymentMethod
from invoices.models.payment_attempts import AttemptState
from invoices.payments import attempts
from invoices.payments.attempts.checkout import can_pay_online
from invoices.payments.attempts.retry import refresh_pending_attempts
from invoices.portal.formats import PortalFigures, portal_figures
from invoices.portal.invoice_list import customer_documents, invoice_row
from invoices.portal.payment_methods import MAX_METHODS, saved_methods
from invoices.rendering.receipt import receipts_of


def pay_link(invoice: Invoice) -> str | None:
    """Return the page on which an invoice can be paid, or None if it can't be paid online."""
    if not invoice.due or not can_pay_online(invoice):
        return None
    return reverse("portal_pay", args=[invoice.pk])


def processing_text(invoice: Invoice, figures: PortalFigures) -> str:
    """Return what to say about a payment whose outcome is not known yet; empty if there is none."""
    # While its page is open, the customer has not paid.
    attempt = invoice.charges.filter(state=AttemptState.PENDING, page="").first() if invoice.due else None
    if attempt is None:
        return ""
    text = _("Your payment of %(amount)s is in progress. A bank debit takes a few days.")
    return text % {"amount": figures.in_currency(attempt.amount, str(attempt.currency))}


@signed_in("GET", "POST")
def pay_invoice(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """
    Show the amount to pay; then charge a saved payment method, or redirect to the provider's page. A customer who
    returns sees the outcome.
    """
    invoice: Invoice = visit.own_row(customer_documents(visit), pk=number)
    if request.method != "POST":
        if invoice.due:
            refresh_pending_attempts(invoice_id=invoice.pk, at=visit.at)  # who comes back need not wait for a worker
            invoice.refresh_from_db()
        return _page(request, visit, invoice)
    if method_id := request.POST.get("payment_method", ""):
        return _charge(request, visit, invoice, method_id)
    back_to = request.build_absolute_uri(reverse("portal_pay", args=[invoice.pk]))
    try:
        attempt = attempts.open_page(invoice_id=invoice.pk, back_to=back_to, at=visit.at)
    except attempts.PaymentAttemptRefused as refused:
        return _page(request, visit, invoice, problem=str(refused))
    return HttpResponseRedirect(attempt.page, status=303)


def _charge(request: HttpRequest, visit: Visit, invoice: Invoice, method_id: str) -> HttpResponseBase:
    """Charge a saved payment method, and show the outcome."""
    method = visit.own_row(
        _methods(visit, invoice), "account__customer", pk=int(method_id) if method_id.isdecimal() else 0
    )
    try:
        attempt = attempts.start_payment(invoice_id=invoice.pk, payment_method_id=method.pk, at=visit.at)
    except attempts.PaymentAttemptRefused as refused:
        return _page(request, visit, invoice, problem=str(refused))
    attempt = attempts.submit_attempt(attempt_id=attempt.pk, at=visit.at)
    if attempt.state == AttemptState.DECLINED:
        text = _("%(method)s was declined. Use another payment method, or ask your bank.")
        return _page(request, visit, invoice, problem=text % {"method": method.label})
    return HttpResponseRedirect(reverse("portal_pay", args=[invoice.pk]), status=303)


def _methods(visit: Visit, invoice: Invoice) -> QuerySet[PaymentMethod]:
    """Return the saved payment methods that may pay an invoice."""
    methods = saved_methods(visit).filter(account__seller=invoice.seller_id)
    return methods.filter(account__merchant__closed_at__isnull=True)


def _page(request: HttpRequest, visit: Visit, invoice: Invoice, problem: str = "") -> HttpResponseBase:
    figures = portal_figures(visit)
    context = {"invoice": invoice, "row": invoice_row(invoice, figures, visit), "problem": problem}
    context |= {"can_pay": pay_link(invoice) is not None, "processing": processing_text(invoice, figures)}
    context["methods"] = list(_methods(visit, invoice)[:MAX_METHODS]) if context["can_pay"] else []
    last_payment = receipts_of(invoice).last()
    context["receipt"] = last_payment.pk if last_payment else None
    response = render_page(request, visit, "pay.html", context, status=422 if problem else 200)
    # The form's answer leads to the provider, which the pages' policy would not let it do.
    response._csp_update = {"form-action": settings.PAYMENT_PAGES}  # type: ignore[attr-defined]  # of django-csp
    return response
