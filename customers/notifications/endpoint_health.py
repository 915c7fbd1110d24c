"""Stop sending to an endpoint that cannot be reached for good, and tell the staff who look after it."""

from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import QuerySet

from customers.models import Delivery, Notification, WebhookEndpoint
from customers.models.webhook_endpoints import DisabledReason
from customers.notifications.kinds import ENDPOINT_DISABLED

FAILS_FOR = timedelta(days=5)
"""How long an endpoint may answer no message at all before it is disabled; one message is tried for three days."""

MOST_TOLD = 50

# What is due to a disabled endpoint is given up; it can be sent again once the endpoint is back.
_ABANDON = """
UPDATE customers_delivery d SET state = 'given_up', next_at = NULL, answer = 'The endpoint is disabled.'
FROM customers_webhookendpoint e
WHERE e.id = d.endpoint_id AND e.disabled_at IS NOT NULL AND d.next_at <= %s
"""


def disable(*, endpoint: WebhookEndpoint, at: datetime) -> None:
    """Stop sending to an endpoint by hand; what falls due meanwhile is given up."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk, disabled_at__isnull=True).update(
        disabled_at=at, disabled_reason=DisabledReason.BY_HAND
    )


def enable(*, endpoint: WebhookEndpoint) -> None:
    """Send to a disabled endpoint again, from now on; what it missed is sent by replaying."""
    WebhookEndpoint.objects.not_removed().filter(pk=endpoint.pk).update(
        disabled_at=None, disabled_reason="", failing_since=None
    )


def remove(*, endpoint: WebhookEndpoint, at: datetime) -> None:
    """Send to an endpoint never again, and forget its secrets; its row goes with the last of its deliveries."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        disabled_at=at, disabled_reason=DisabledReason.REMOVED, secret="", previous_secret="", previous_until=None
    )


def disable_gone(*, endpoint_id: int, at: datetime) -> None:
    """Disable an endpoint that answered 410 Gone, and tell the staff."""
    _disable(WebhookEndpoint.objects.filter(pk=endpoint_id), DisabledReason.GONE, at)


def disable_failing(*, endpoint_id: int, at: datetime) -> None:
    """Disable an endpoint that has answered nothing for days, and tell the staff."""
    failing = WebhookEndpoint.objects.filter(pk=endpoint_id, failing_since__lte=at - FAILS_FOR)
    _disable(failing, DisabledReason.FAILING, at)


def abandon(*, at: datetime) -> int:
    """Give up what is due to disabled endpoints, and return how many messages that were."""
    with connection.cursor() as cursor:
        cursor.execute(_ABANDON, [at])
        return cursor.rowcount


@transaction.atomic
def _disable(endpoints: QuerySet[WebhookEndpoint], reason: DisabledReason, at: datetime) -> None:
    for endpoint in endpoints.filter(disabled_at__isnull=True).select_for_update(no_key=True):
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(disabled_at=at, disabled_reason=reason)
        _tell_staff(endpoint, reason, at)


def _tell_staff(endpoint: WebhookEndpoint, reason: DisabledReason, at: datetime) -> None:
    """Mail those who may change endpoints; each disabling is told once, since it happens once."""
    users = get_user_model().objects.with_perm(
        "customers.change_webhookendpoint", backend="django.contrib.auth.backends.ModelBackend"
    )
    told = list(users.filter(is_staff=True).exclude(email="").order_by("pk")[:MOST_TOLD])
    notice = Notification.objects.create(
        kind=ENDPOINT_DISABLED,
        customer=None,
        facts={"endpoint": str(endpoint), "url": endpoint.url, "reason": reason.label},
        key=f"webhook.disabled:{endpoint.pk}:{at.isoformat()}",
        created_at=at,
        recipients=len(told),
    )
    Delivery.objects.bulk_create(
        Delivery(notification=notice, target=f"staff:{user.pk}", staff=user, next_at=at) for user in told
    )
