"""Payment methods: the customer saves, replaces and removes cards and bank accounts on pages of the provider."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pghistory
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from customers.models import Seller
from customers.portal.visit import Visit, redirect_with_message, render_page, signed_in
from invoices.models import Invoice, PayerAccount, PaymentAttempt, PaymentMethod
from invoices.models.payment_attempts import AttemptState
from invoices.payments.attempts import PaymentAttemptRefused
from invoices.payments.attempts.checkout import provider_for, setup_page
from invoices.payments.attempts.payment_methods import make_default, remove_payment_method, sync_payment_methods
from invoices.payments.providers import Misconfigured, OutcomeUnknown

# Sellers and methods on the page; a customer has few of either.
MAX_SELLERS, MAX_METHODS = 20, 50
RETURNED = "returned"
"""The message in the address to which the provider's page returns the customer."""
JUST_SAVED = timedelta(minutes=10)
KINDS = {
    "card": _("Card"),
    "sepa_debit": _("SEPA Direct Debit"),
    "us_bank_account": _("Bank account"),
    "bacs_debit": _("Direct debit"),
    "link": _("Link"),
    "paypal": _("PayPal"),
}
"""Kind of a payment method → its name; other kinds are named by their label."""

MESSAGES = {
    "saved": _("Your payment method is saved."),
    "expected": _("Your payment method shows here within a minute."),
    "default": _("This payment method is used from now on."),
    "removed": _("The payment method is removed."),
    "automatic": _("Invoices are charged automatically from now on."),
    "manual": _("Invoices are no longer charged automatically."),
}


def saved_methods(visit: Visit) -> QuerySet[PaymentMethod]:
    """Return the payment methods that the customer has stored, the default one first."""
    methods = PaymentMethod.objects.filter(removed_at__isnull=True).select_related("account__seller")
    return visit.own_rows(methods, "account__customer").order_by("-is_default", "-pk")


@signed_in()
def payment_methods(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """Show the payment methods; a customer who returns from the provider's page need not wait for a worker."""
    message = request.GET.get("message", "")
    if message == RETURNED:
        # Nothing was saved if the customer left the provider's page.
        message = "" if _sync(visit) else "expected"
        if saved_methods(visit).filter(created_at__gte=visit.at - JUST_SAVED).exists():
            message = "saved"
    return _page(request, visit, message=message)


@signed_in("POST")
def add_payment_method(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """Redirect to the provider's page on which the customer saves a card or bank account."""
    code = request.POST.get("seller", visit.customer.seller.code)
    seller = next((seller for seller in _sellers(visit) if seller.code == code), None)
    if seller is None:
        raise Http404(f"No seller {code} bills the customer.")
    return _open_setup_page(request, visit, seller)


@signed_in("POST")
def replace_payment_method(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Redirect to the provider's page; what the customer saves there takes the place of this payment method."""
    method = visit.own_row(saved_methods(visit), "account__customer", pk=number)
    return _open_setup_page(request, visit, method.account.seller, replaces=method)


@signed_in("POST")
def use_payment_method(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Make a payment method the default."""
    method = visit.own_row(saved_methods(visit), "account__customer", pk=number)
    with pghistory.context(action="choose a payment method in the portal"):
        make_default(payment_method_id=method.pk)
    return redirect_with_message("portal_payment_methods", message="default")


@signed_in("POST")
def delete_payment_method(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Remove a payment method here and at the provider; refused while a payment with it is pending."""
    method = visit.own_row(saved_methods(visit), "account__customer", pk=number)
    try:
        with pghistory.context(action="remove a payment method in the portal"):
            remove_payment_method(payment_method_id=method.pk, at=visit.at)
    except PaymentAttemptRefused as refused:
        return _page(request, visit, problem=str(refused))
    return redirect_with_message("portal_payment_methods", message="removed")


@signed_in("POST")
def charge_automatically(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """Choose whether invoices are charged to the default payment method when they are issued."""
    is_on = request.POST.get("automatic") == "on"
    with transaction.atomic(), pghistory.context(action="choose automatic payments in the portal"):
        visit.customer.charges_automatically = is_on
        visit.customer.save(update_fields=["charges_automatically"])
    return redirect_with_message("portal_payment_methods", message="automatic" if is_on else "manual")


def _open_setup_page(
    request: HttpRequest, visit: Visit, seller: Seller, replaces: PaymentMethod | None = None
) -> HttpResponseBase:
    back_to = request.build_absolute_uri(f"{reverse('portal_payment_methods')}?message={RETURNED}")
    try:
        page = setup_page(
            customer=visit.customer,
            key=uuid4().hex,
            back_to=back_to,
            at=visit.at,
            seller=seller,
            replaces=replaces,
        )
    except PaymentAttemptRefused as refused:
        return _page(request, visit, problem=str(refused))
    return HttpResponseRedirect(page, status=303)


def _sync(visit: Visit) -> bool:
    """Update our copy of the payment methods; return whether the providers could be reached."""
    if not visit.may_change:
        return True
    accounts = visit.own_rows(PayerAccount.objects.select_related("merchant")).filter(
        merchant__closed_at__isnull=True
    )
    for account in accounts[:MAX_SELLERS]:
        try:
            sync_payment_methods(account=account, at=visit.at)
        except (OutcomeUnknown, Misconfigured):
            return False  # the provider's event, or the next visit, brings it
    return True


def _sellers(visit: Visit) -> list[Seller]:
    """Return the sellers that bill the customer, the customer's own seller first."""
    invoices = visit.own_rows(Invoice.objects.select_related("seller")).order_by("seller").distinct("seller")
    sellers = {visit.customer.seller_id: visit.customer.seller}
    sellers |= {invoice.seller_id: invoice.seller for invoice in invoices[:MAX_SELLERS]}
    return list(sellers.values())


def _page(request: HttpRequest, visit: Visit, *, message: str = "", problem: str = "") -> HttpResponseBase:
    methods = list(saved_methods(visit)[:MAX_METHODS])
    pending = visit.own_rows(PaymentAttempt.objects.filter(state=AttemptState.PENDING), "invoice__customer")
    pending_ids = set(pending.values_list("payment_method", flat=True))
    sellers = [seller for seller in _sellers(visit) if _collects_online(visit, seller)]
    context = {
        "sellers": [
            {
                "seller": seller,
                "methods": [
                    _row(method, visit, is_pending=method.pk in pending_ids)
                    for method in methods
                    if method.account.seller_id == seller.pk
                ],
            }
            for seller in sellers
        ],
        "has_method": bool(methods),
        "has_several": len(sellers) > 1,
        "message": MESSAGES.get(message),
        "problem": problem,
    }
    response = render_page(request, visit, "payment_methods.html", context, status=422 if problem else 200)
    # The forms' answers lead to the provider, which the pages' policy would not let them do.
    response._csp_update = {"form-action": settings.PAYMENT_PAGES}  # type: ignore[attr-defined]  # of django-csp
    return response


def _collects_online(visit: Visit, seller: Seller) -> bool:
    try:
        provider_for(visit.customer, seller.pk)
    except PaymentAttemptRefused:
        return False
    return True


def _row(method: PaymentMethod, visit: Visit, *, is_pending: bool) -> dict[str, Any]:
    today: date = visit.at.date()
    return {
        "pk": method.pk,
        "label": method.label,
        "kind": KINDS.get(method.kind, ""),
        "mandate": method.mandate,
        "is_default": method.is_default,
        "expires": "" if method.expires_on is None else f"{method.expires_on:%m/%Y}",
        # A card may be used until the end of the month of its expiry.
        "is_expired": method.expires_on is not None and method.expires_on < today.replace(day=1),
        "is_pending": is_pending,
    }
