"""Resend messages, or send missed ones, under the same ids, so that receivers recognize repeated ones."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext

from customers.models import Delivery, WebhookEndpoint
from customers.models.notifications import DeliveryState
from customers.notifications.webhook_endpoints import EndpointRefused, refuse_if_disabled
from lib import sql

FURTHEST_BACK = timedelta(days=90)

# Adds the missed deliveries and resets failed ones in one statement; those in progress (sending, pending) are
# skipped.
_RESEND = """
INSERT INTO customers_delivery (notification_id, target, endpoint_id, state, attempts, next_at, answer)
SELECT n.id, 'endpoint:' || e.id, e.id, 'pending', 0, %(at)s, ''
FROM customers_webhookendpoint e
JOIN customers_notification n ON n.created_at >= %(since)s AND n.recipients IS NOT NULL
    AND (e.kinds = '{}' OR n.kind = ANY(e.kinds))
LEFT JOIN customers_customer c ON c.id = n.customer_id
WHERE e.id = %(endpoint)s AND CASE WHEN c.id IS NULL THEN n.kind LIKE 'plan.%%' ELSE c.sandbox = e.sandbox END
ON CONFLICT (notification_id, target) DO UPDATE SET state = 'pending', attempts = 0, next_at = excluded.next_at
WHERE customers_delivery.state IN ('failed', 'given_up')
    OR customers_delivery.state = 'delivered' AND %(delivered)s
"""


@transaction.atomic
def resend(*, delivery: Delivery, at: datetime) -> None:
    """
    Send one delivery again in any finished or waiting state, with all its tries.

    :raises EndpointRefused: if its endpoint is disabled, or it is being sent right now.
    """
    if delivery.endpoint is not None:
        refuse_if_disabled(delivery.endpoint)
    resendable = Delivery.objects.filter(pk=delivery.pk).exclude(state=DeliveryState.SENDING)
    if not resendable.update(state=DeliveryState.PENDING, attempts=0, next_at=at):
        raise EndpointRefused(gettext("The message is being sent right now. Wait for the result."))


@transaction.atomic
def resend_since(*, endpoint: WebhookEndpoint, since: datetime, delivered: bool = False, at: datetime) -> int:
    """
    Send an endpoint the messages since a time that it has not received, and return how many.

    These are the failed and abandoned ones, and those announced while it was disabled or did not subscribe to their
    kind. delivered: whether to send delivered ones as well.

    :raises EndpointRefused: if it is disabled, or `since` is more than 90 days ago or in the future.
    """
    refuse_if_disabled(endpoint)
    if not at - FURTHEST_BACK <= since <= at:
        message = gettext("Enter a time within the last %(days)s days, not %(since)s.") % {
            "days": FURTHEST_BACK.days,
            "since": since.isoformat(),
        }
        raise EndpointRefused(message, field="since")
    return sql.execute(_RESEND, {"endpoint": endpoint.pk, "since": since, "delivered": delivered, "at": at})
