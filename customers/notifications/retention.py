"""The deletion of old notifications."""

from datetime import datetime, timedelta

from django.conf import settings

from lib import sql
from lib.queue import repeat_while_full

# Rows per transaction: a delete's locks and its write-ahead log stay small.
AT_ONCE = 5_000

# Notifications are written in the order of their ids, so the primary key finds the oldest and nothing else is read.
# SKIP LOCKED: several workers delete different ones.
_DELETE_OLD = """
WITH old AS MATERIALIZED (
    SELECT id FROM customers_notification n WHERE recipients IS NOT NULL AND created_at < %(before)s
        AND NOT EXISTS (SELECT FROM customers_delivery d WHERE d.notification_id = n.id AND d.next_at IS NOT NULL)
    ORDER BY id LIMIT %(at_once)s FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM customers_delivery d USING old WHERE d.notification_id = old.id
)
DELETE FROM customers_notification n USING old WHERE n.id = old.id
"""
_REMOVED = """
DELETE FROM customers_webhookendpoint e WHERE disabled_reason = 'removed'
    AND NOT EXISTS (SELECT FROM customers_delivery d WHERE d.endpoint_id = e.id)
"""


def delete_old_notifications(*, at: datetime) -> int:
    """
    Delete notifications older than settings.NOTIFICATION_RETENTION_DAYS with their deliveries, and return how many.

    A notification is kept until its deliveries are finished. Removed endpoints are deleted with the last of their
    deliveries.
    """
    before = at - timedelta(days=settings.NOTIFICATION_RETENTION_DAYS)
    parameters = {"before": before, "at_once": AT_ONCE}
    deleted_count = repeat_while_full(lambda: sql.execute(_DELETE_OLD, parameters), size=AT_ONCE)
    sql.execute(_REMOVED)
    return deleted_count
