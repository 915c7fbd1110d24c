"""A notification to announce, an endpoint that receives it, and a clock that a test moves."""

from datetime import UTC, datetime, timedelta
from typing import Any

from customers.models import Customer, Delivery, WebhookEndpoint
from customers.notifications import announce, webhook_endpoints
from customers.notifications.delivery_run import DeliveryTotals, deliver
from customers.notifications.fan_out import fan_out

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


def create_endpoint(url: str, **fields: Any) -> tuple[WebhookEndpoint, str]:
    """Return an endpoint for every event of live customers, and its secret; `fields` override its columns."""
    return webhook_endpoints.create(**{"url": url, "by": None, **fields})


def announce_alert(
    customer: Customer, key: str = "alert:1", kind: str = "alert.fired", at: datetime = NOW, **facts: Any
) -> None:
    announce(kind=kind, customer_id=customer.pk, facts=facts or {"alert": "80 % used"}, key=key, at=at)


def send(at: datetime = NOW) -> DeliveryTotals:
    """Fan out and send the notifications that are due at a time."""
    while fan_out(at=at):
        pass
    return deliver(clock=lambda: at)


def later(**passed: float) -> datetime:
    return NOW + timedelta(**passed)


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))
