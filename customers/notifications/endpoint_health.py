"""Disable endpoints that permanently fail, and notify the responsible staff users."""

from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet

from customers.models import Delivery, Notification, WebhookEndpoint
from customers.models.webhook_endpoints import DisabledReason
from customers.notifications.kinds import ENDPOINT_DISABLED
from lib import sql

FAILS_FOR = timedelta(days=5)
"""Time without a success after which an endpoint is disabled; a single message is tried for three days."""

# Staff users who get the mail about a disabled endpoint.
MAX_RECIPIENTS = 50

# Deliveries due to a disabled endpoint are given up; they can be resent once the endpoint is enabled.
_ABANDON = """
UPDATE customers_delivery d SET state = 'given_up', next_at = NULL, answer = 'The endpoint is disabled.'
FROM customers_webhookendpoint e
WHERE e.id = d.endpoint_id AND e.disabled_at IS NOT NULL AND d.next_at <= %s
"""


def disable(*, endpoint: WebhookEndpoint, at: datetime) -> None:
    """Disable an endpoint by hand; deliveries that become due meanwhile are given up."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk, disabled_at__isnull=True).update(
        disabled_at=at, disabled_reason=DisabledReason.BY_HAND
    )


def enable(*, endpoint: WebhookEndpoint) -> None:
    """Enable a disabled endpoint for new deliveries; a replay sends the missed ones."""
    WebhookEndpoint.objects.not_removed().filter(pk=endpoint.pk).update(
        disabled_at=None, disabled_reason="", failing_since=None
    )


def remove(*, endpoint: WebhookEndpoint, at: datetime) -> None:
    """
    Disable an endpoint for good and delete its secrets; retention deletes its row with the last of its deliveries.
    """
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        disabled_at=at, disabled_reason=DisabledReason.REMOVED, secret="", previous_secret="", previous_until=None
    )


def disable_gone(*, endpoint_id: int, at: datetime) -> None:
    """Disable an endpoint that answered 410 Gone, and notify the staff."""
    _disable(WebhookEndpoint.objects.filter(pk=endpoint_id), DisabledReason.GONE, at)


def disable_failing(*, endpoint_id: int, at: datetime) -> None:
    """Disable an endpoint that has failed for `FAILS_FOR`, and notify the staff."""
    failing = WebhookEndpoint.objects.filter(pk=endpoint_id, failing_since__lte=at - FAILS_FOR)
    _disable(failing, DisabledReason.FAILING, at)


def abandon(*, at: datetime) -> int:
    """Give up due deliveries to disabled endpoints, and return how many."""
    return sql.execute(_ABANDON, [at])


@transaction.atomic
def _disable(endpoints: QuerySet[WebhookEndpoint], reason: DisabledReason, at: datetime) -> None:
    # Row lock: of two workers whose tries both failed, one disables the endpoint and notifies the staff.
    for endpoint in endpoints.filter(disabled_at__isnull=True).select_for_update(no_key=True):
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(disabled_at=at, disabled_reason=reason)
        _notify_staff(endpoint, reason, at)


def _notify_staff(endpoint: WebhookEndpoint, reason: DisabledReason, at: datetime) -> None:
    """Email the staff users who may change endpoints, once for each time that the endpoint is disabled."""
    users = get_user_model().objects.with_perm(
        "customers.change_webhookendpoint", backend="django.contrib.auth.backends.ModelBackend"
    )
    recipients = list(users.filter(is_staff=True).exclude(email="").order_by("pk")[:MAX_RECIPIENTS])
    notification = Notification.objects.create(
        kind=ENDPOINT_DISABLED,
        customer=None,
        facts={"endpoint": str(endpoint), "url": endpoint.url, "reason": str(reason.label)},
        key=f"webhook.disabled:{endpoint.pk}:{at.isoformat()}",
        created_at=at,
        recipients=len(recipients),
    )
    Delivery.objects.bulk_create(
        Delivery(notification=notification, target=f"staff:{user.pk}", staff=user, next_at=at) for user in recipients
    )
