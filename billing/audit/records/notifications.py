"""Check that notifications are delivered, that their secrets can be read, and that alerts are evaluated."""

from collections.abc import Iterator

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from billing.models import DropTarget, SyncTarget
from customers.models import WebhookEndpoint
from invoices.models import MerchantAccount
from lib.encryption import SecretUnreadable, decrypt

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


def _unreadable(books: Books) -> Iterator[Row]:
    for endpoint in WebhookEndpoint.objects.not_removed().order_by("pk"):
        try:
            for stored in filter(None, (endpoint.secret, endpoint.previous_secret)):
                decrypt(stored)
        except SecretUnreadable as error:
            yield {"endpoint_id": endpoint.pk, "error": str(error)}
    for account in MerchantAccount.objects.order_by("pk"):
        try:
            for stored in (account.secret_key, account.webhook_secret):
                decrypt(stored)
        except SecretUnreadable as error:
            yield {"merchant_account_id": account.pk, "error": str(error)}
    for target in SyncTarget.objects.order_by("pk"):
        try:
            decrypt(target.secret)
        except SecretUnreadable as error:
            yield {"sync_target_id": target.pk, "error": str(error)}
    for drop_target in DropTarget.objects.exclude(secret="").order_by("pk"):
        try:
            decrypt(drop_target.secret)
        except SecretUnreadable as error:
            yield {"drop_target_id": drop_target.pk, "error": str(error)}


_OVERDUE = """
    SELECT customer_id, due_at FROM billing_pendingevaluation WHERE due_at < clock_timestamp() - interval '1 hour'
"""

_AHEAD = """
    SELECT source, position, noted FROM billing_changecursor
    WHERE source = 'events' AND noted > (SELECT last_value FROM billing_event_sequence)
        OR source = 'wallets' AND noted > (SELECT last_value FROM wallets_transaction_id_seq)
"""

CHECKS = (
    Check("notifications_have_a_delivery_for_each_recipient", "O1", _LOST),
    Check("deliveries_are_retried", "O1", _ABANDONED),
    Check("webhook_secrets_can_be_decrypted", "O2", _unreadable),
    Check("alert_evaluations_are_not_delayed", "G3", _OVERDUE),
    Check("change_cursors_are_not_ahead_of_their_source", "G3", _AHEAD),
)
