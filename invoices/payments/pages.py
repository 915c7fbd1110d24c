"""Provider webhooks, the page that customers return to after paying, and the sandbox's payment page."""

import logging
from uuid import UUID

from babel import Locale
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from customers.customer_time import current_time
from invoices.models import MerchantAccount, PaymentAttempt, ProviderEvent
from invoices.models.payment_attempts import AttemptState, ProviderName
from invoices.payments.attempts.provider_calls import payment_order
from invoices.payments.provider_webhooks.event_followup import process_event
from invoices.payments.provider_webhooks.stripe_events import MAX_BYTES, UntrustedEvent, store_event
from invoices.payments.providers.sandbox import send_event
from lib.formats import format_money

logger = logging.getLogger(__name__)

OUTCOMES = {
    AttemptState.SUCCEEDED: _("The payment succeeded."),
    AttemptState.DECLINED: _("The payment was declined."),
    AttemptState.CANCELED: _("The payment was canceled."),
}


@csrf_exempt  # it is signed
@require_POST
def stripe_event(request: HttpRequest, account: int | None = None) -> HttpResponse:
    """
    Store an event from Stripe and confirm it; a worker processes it. The response to a forged event gives no detail.

    account: the number of a seller's own account, whose secret signs the event.
    """
    if int(request.headers.get("Content-Length") or 0) > MAX_BYTES:
        return HttpResponse(status=413)
    merchant = None if account is None else MerchantAccount.objects.filter(pk=account).first()
    try:
        if account is not None and merchant is None:
            raise UntrustedEvent(f"There is no account {account}.")
        signature = request.headers.get("Stripe-Signature", "")
        store_event(body=request.body, signature=signature, at=timezone.now(), merchant=merchant)
    except UntrustedEvent as error:
        logger.warning("An event for Stripe's address was refused: %s", error)
        return HttpResponse(status=400)
    return HttpResponse(status=200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sandbox_page(request: HttpRequest, key: UUID) -> HttpResponse:
    """
    Simulate a provider's payment page: pay or cancel. Only sandbox customers have such pages, and no money moves.
    """
    attempts = PaymentAttempt.objects.select_related("invoice__customer", "payment_method__account")
    attempt = get_object_or_404(attempts, key=key, provider=ProviderName.SANDBOX, payment_method__isnull=True)
    if request.method == "POST" and attempt.state == AttemptState.PENDING:
        at = current_time(attempt.invoice.customer)
        kind = "sandbox.paid" if "pay" in request.POST else "sandbox.closed"
        send_event(payment_order(attempt, at=at), kind, name=str(attempt.key))
        # At once, because the customer waits for the result; the task would process it, too.
        for event in ProviderEvent.objects.filter(content__key=str(key), done_at__isnull=True):
            process_event(event_id=event.pk, at=timezone.now())
        return HttpResponseRedirect(attempt.back_to or reverse("paid_page"))
    context = {
        "charge": attempt,
        "invoice": attempt.invoice,
        "amount": format_money(attempt.amount, str(attempt.currency), locale=Locale.parse(get_language() or "en")),
        "outcome": OUTCOMES.get(AttemptState(attempt.state), ""),
    }
    return TemplateResponse(request, "invoices/sandbox_page.html", context)


@require_safe
def payment_return(request: HttpRequest) -> HttpResponse:
    """Show the customer that the payment is in progress; this page must not assume that they are signed in."""
    return TemplateResponse(request, "invoices/paid_page.html")
