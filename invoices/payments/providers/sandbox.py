"""
A provider that moves no money, for sandbox customers; it can decline, delay or repeat payments.

The payment method's name decides: pays, declines, repeats, or delays:<seconds>. The customer's choice on the payment
page arrives as an event, as with any provider.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from invoices.models.payment_attempts import ProviderEvent, ProviderName
from invoices.payments.providers.protocol import (
    CANCELED,
    DECLINED,
    PENDING,
    SUCCEEDED,
    PaymentOrder,
    ProviderPaymentMethod,
    ProviderRecord,
    ProviderResponse,
    ProviderSetup,
)

PAYS, DECLINES, REPEATS, DELAYS = "pays", "declines", "repeats", "delays:"
DECLINE_REASON = "The sandbox declines every payment with this payment method"
PAGE_LIFETIME = timedelta(hours=1)
STATE_BY_EVENT = {"sandbox.paid": SUCCEEDED, "sandbox.closed": CANCELED}


class Sandbox:
    def charge(self, order: PaymentOrder) -> ProviderResponse:
        if order.payment_method == REPEATS:
            for repetition in range(3):
                send_event(order, "sandbox.repeated", name=f"{order.key}:{repetition}")
        return self._response(order)

    def _response(self, order: PaymentOrder) -> ProviderResponse:
        ref = f"sandbox_{order.key.hex}"
        if order.payment_method == DECLINES:
            return ProviderResponse(DECLINED, ref, "declined", DECLINE_REASON)
        if order.payment_method.startswith(DELAYS):
            wait = timedelta(seconds=int(order.payment_method.removeprefix(DELAYS)))
            if order.at < order.sent_at + wait:
                return ProviderResponse(PENDING, ref, reason="The sandbox leaves the payment pending")
        return ProviderResponse(SUCCEEDED, ref)

    def open_page(self, order: PaymentOrder, *, back_to: str) -> ProviderResponse:
        page = reverse("sandbox_page", args=[order.key])
        return ProviderResponse(PENDING, f"sandbox_{order.key.hex}", page=page, closes_at=order.at + PAGE_LIFETIME)

    def close_page(self, order: PaymentOrder) -> ProviderResponse:
        response = self._page_response(order)
        if response is None:
            send_event(order, "sandbox.closed", name=f"{order.key}:closed")
        return response or ProviderResponse(CANCELED, order.ref)

    def _page_response(self, order: PaymentOrder) -> ProviderResponse | None:
        events = ProviderEvent.objects.filter(provider=ProviderName.SANDBOX, content__key=str(order.key))
        for kind in events.filter(kind__in=STATE_BY_EVENT).order_by("pk").values_list("kind", flat=True)[:1]:
            return ProviderResponse(STATE_BY_EVENT[kind], f"sandbox_{order.key.hex}")
        return None

    def find_payment(self, order: PaymentOrder) -> ProviderResponse | None:
        if order.payment_method:
            return self._response(order)
        is_expired = order.at >= order.sent_at + PAGE_LIFETIME
        return self._page_response(order) or ProviderResponse(CANCELED if is_expired else PENDING, order.ref)

    def refund(self, order: PaymentOrder) -> ProviderResponse:
        return ProviderResponse(SUCCEEDED, f"sandbox_refund_{order.key.hex}")

    def find_refund(self, order: PaymentOrder) -> ProviderResponse | None:
        return self.refund(order)

    def create_account(self, *, key: str, name: str, email: str) -> str:
        return f"sandbox_{key}"

    def setup_page(self, *, account: str, key: str, currency: str, back_to: str, replaces: str = "") -> str:
        return back_to  # staff choose its payment methods; there is no card to enter

    def list_payment_methods(self, account: str) -> list[ProviderPaymentMethod]:
        return [
            ProviderPaymentMethod(PAYS, "sandbox card that is accepted"),
            ProviderPaymentMethod(DECLINES, "sandbox card that is declined"),
        ]

    def find_setup(self, payment_method: str) -> ProviderSetup:
        return ProviderSetup()

    def detach_payment_method(self, payment_method: str) -> None:
        pass

    def list_records(self, start: datetime, end: datetime) -> Iterator[ProviderRecord]:
        return iter(())  # nothing moves that could differ


def send_event(order: PaymentOrder, kind: str, *, name: str) -> None:
    """Send ourselves an event, as a provider would; it is processed the same way."""
    now = timezone.now()
    ProviderEvent.objects.get_or_create(
        provider=ProviderName.SANDBOX,
        ref=f"{kind}:{name}"[:255],
        defaults={"kind": kind, "content": {"key": str(order.key)}, "received_at": now, "next_at": now},
    )
