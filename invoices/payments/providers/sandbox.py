"""
A provider that moves no money, for sandbox customers: it can be told to decline, delay or repeat.

What it does follows from the payment_method's name: pays, declines, repeats, or delays:<seconds>. What a customer does on
its page comes as an event, as from any provider.
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
    Answer,
    Order,
    Seen,
    SeenPaymentMethod,
)

PAYS, DECLINES, REPEATS, DELAYS = "pays", "declines", "repeats", "delays:"
DECLINE_REASON = "The sandbox declines every payment of this payment_method"
PAGE_LASTS = timedelta(hours=1)
DONE = {"sandbox.paid": SUCCEEDED, "sandbox.closed": CANCELED}


class Sandbox:
    def charge(self, order: Order) -> Answer:
        if order.payment_method == REPEATS:
            for place in range(3):
                tell(order, "sandbox.repeated", name=f"{order.key}:{place}")
        return self._answer(order)

    def _answer(self, order: Order) -> Answer:
        ref = f"sandbox_{order.key.hex}"
        if order.payment_method == DECLINES:
            return Answer(DECLINED, ref, "declined", DECLINE_REASON)
        if order.payment_method.startswith(DELAYS):
            wait = timedelta(seconds=int(order.payment_method.removeprefix(DELAYS)))
            if order.at < order.sent_at + wait:
                return Answer(PENDING, ref, reason="The sandbox takes its time")
        return Answer(SUCCEEDED, ref)

    def open_page(self, order: Order, *, back_to: str) -> Answer:
        page = reverse("sandbox_page", args=[order.key])
        return Answer(PENDING, f"sandbox_{order.key.hex}", page=page, closes_at=order.at + PAGE_LASTS)

    def close_page(self, order: Order) -> Answer:
        done = self._on_page(order)
        if done is None:
            tell(order, "sandbox.closed", name=f"{order.key}:closed")
        return done or Answer(CANCELED, order.ref)

    def _on_page(self, order: Order) -> Answer | None:
        events = ProviderEvent.objects.filter(provider=ProviderName.SANDBOX, content__key=str(order.key))
        for kind in events.filter(kind__in=DONE).order_by("pk").values_list("kind", flat=True)[:1]:
            return Answer(DONE[kind], f"sandbox_{order.key.hex}")
        return None

    def find(self, order: Order) -> Answer | None:
        if order.payment_method:
            return self._answer(order)
        over = order.at >= order.sent_at + PAGE_LASTS
        return self._on_page(order) or Answer(CANCELED if over else PENDING, order.ref)

    def refund(self, order: Order) -> Answer:
        return Answer(SUCCEEDED, f"sandbox_refund_{order.key.hex}")

    def find_refund(self, order: Order) -> Answer | None:
        return self.refund(order)

    def make_account(self, *, key: str, name: str, email: str) -> str:
        return f"sandbox_{key}"

    def setup_page(self, *, account: str, key: str, back_to: str) -> str:
        return back_to  # its payment methods are chosen by staff: nobody enters a card

    def payment_methods(self, account: str) -> list[SeenPaymentMethod]:
        return [
            SeenPaymentMethod(PAYS, "sandbox card that pays"),
            SeenPaymentMethod(DECLINES, "sandbox card that declines"),
        ]

    def forget(self, payment_method: str) -> None:
        pass

    def seen_between(self, start: datetime, end: datetime) -> Iterator[Seen]:
        return iter(())  # nothing moves that could differ


def tell(order: Order, kind: str, *, name: str) -> None:
    """Send ourselves an event, as a provider would; it is followed by the same way."""
    now = timezone.now()
    ProviderEvent.objects.get_or_create(
        provider=ProviderName.SANDBOX,
        ref=f"{kind}:{name}"[:255],
        defaults={"kind": kind, "content": {"key": str(order.key)}, "received_at": now, "next_at": now},
    )
