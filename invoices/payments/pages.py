"""Where providers' events arrive, where their pages lead back to, and the page of the sandbox."""

import logging
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from customers.customer_time import time_of
from invoices.models import PaymentAttempt, ProviderEvent
from invoices.models.payment_attempts import AttemptState, ProviderName
from invoices.payments.attempts.provider_calls import order_of
from invoices.payments.provider_webhooks.event_followup import follow_event
from invoices.payments.provider_webhooks.stripe_events import MOST_BYTES, Untrusted, take_in
from invoices.payments.providers.sandbox import tell

logger = logging.getLogger(__name__)


@csrf_exempt  # it is signed
@require_POST
def stripe_event(request: HttpRequest) -> HttpResponse:
    """Store what Stripe sends and say so; a worker follows it. What is not Stripe's learns nothing."""
    if int(request.headers.get("Content-Length") or 0) > MOST_BYTES:
        return HttpResponse(status=413)
    try:
        take_in(body=request.body, signature=request.headers.get("Stripe-Signature", ""), at=timezone.now())
    except Untrusted as error:
        logger.warning("An event for Stripe's address was refused: %s", error)
        return HttpResponse(status=400)
    return HttpResponse(status=200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sandbox_page(request: HttpRequest, key: UUID) -> HttpResponse:
    """Stand in for a provider's page: pay, or do not. Only sandbox customers have such pages, and no money moves."""
    charges = PaymentAttempt.objects.select_related("invoice__customer", "payment_method__account")
    charge = get_object_or_404(charges, key=key, provider=ProviderName.SANDBOX, payment_method__isnull=True)
    if request.method == "POST" and charge.state == AttemptState.PENDING:
        at = time_of(charge.invoice.customer)
        kind = "sandbox.paid" if "pay" in request.POST else "sandbox.closed"
        tell(order_of(charge, at=at), kind, name=str(charge.key))
        for event in ProviderEvent.objects.filter(content__key=str(key), done_at__isnull=True):
            follow_event(event_id=event.pk, at=timezone.now())
        return HttpResponseRedirect(charge.back_to or reverse("paid_page"))
    return TemplateResponse(request, "invoices/sandbox_page.html", {"charge": charge, "invoice": charge.invoice})


@require_safe
def back(request: HttpRequest) -> HttpResponse:
    """Say that a payment is on its way; whoever comes back may not be signed in anywhere."""
    return TemplateResponse(request, "invoices/paid_page.html")
