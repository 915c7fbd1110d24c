"""Check that notifications reach their recipients, and that the secrets that sign them can be read."""

from collections.abc import Iterator

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from customers.models import WebhookEndpoint
from customers.notifications.webhook_secrets import SecretUnreadable, unseal

# Resent notifications add deliveries, so there may be more deliveries than recipients.
_LOST = """
    SELECT n.id AS notification_id, n.kind, n.recipients, count(d.id) AS deliveries
    FROM customers_notification n LEFT JOIN customers_delivery d ON d.notification_id = n.id
    WHERE n.recipients IS NOT NULL GROUP BY n.id HAVING count(d.id) < n.recipients
    UNION ALL
    SELECT n.id, n.kind, NULL, count(*) FROM customers_delivery d JOIN customers_notification n
        ON n.id = d.notification_id
    WHERE n.recipients IS NULL GROUP BY n.id
"""

_ABANDONED = """
    SELECT id AS delivery_id, target, next_at FROM customers_delivery
    WHERE state = 'sending' AND next_at < now() - interval '1 hour'
"""

_STRANGERS = """
    SELECT d.id AS delivery_id, d.target FROM customers_delivery d
    JOIN customers_notification n ON n.id = d.notification_id LEFT JOIN customers_customer c ON c.id = n.customer_id
    LEFT JOIN customers_webhookendpoint e ON e.id = d.endpoint_id
    LEFT JOIN customers_contact k ON k.id = d.contact_id
    WHERE d.endpoint_id IS NOT NULL AND (d.target <> 'endpoint:' || d.endpoint_id OR e.sandbox <> c.sandbox)
        OR d.contact_id IS NOT NULL AND (d.target <> 'contact:' || d.contact_id OR k.customer_id <> n.customer_id)
        OR d.staff_id IS NOT NULL AND d.target <> 'staff:' || d.staff_id
        OR d.endpoint_id IS NULL AND c.sandbox
"""


def _unreadable(books: Books) -> Iterator[Row]:
    for endpoint in WebhookEndpoint.objects.not_removed().order_by("pk"):
        try:
            for stored in filter(None, (endpoint.secret, endpoint.previous_secret)):
                unseal(stored)
        except SecretUnreadable as error:
            yield {"endpoint_id": endpoint.pk, "error": str(error)}


CHECKS = (
    Check("notices_are_delivered_to_all_they_were_handed_out_to", "O1", _LOST),
    Check("deliveries_are_taken_up_again", "O1", _ABANDONED),
    Check("deliveries_go_to_whom_they_concern", "A1", _STRANGERS),
    Check("secrets_of_webhooks_can_be_read", "O2", _unreadable),
)
