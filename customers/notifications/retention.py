"""
The deletion of old deliveries and notifications.

Deliveries to webhook endpoints and mails have times of their own. A notification leaves when both are over.
"""

from datetime import datetime

from django.conf import settings

from lib import sql
from lib.queue import repeat_while_full
from lib.retention import kept_since

# Rows per transaction: a delete's locks and its write-ahead log stay small.
AT_ONCE = 5_000

# Notifications are written in the order of their ids, so the primary key finds the oldest and nothing else is read.
# SKIP LOCKED: several workers delete different ones.
_DELETE_OLD = """
WITH old AS MATERIALIZED (
    SELECT id FROM customers_notification n
    WHERE recipients IS NOT NULL AND created_at < least(%(deliveries)s, %(mails)s)
        AND NOT EXISTS (SELECT FROM customers_delivery d WHERE d.notification_id = n.id AND d.next_at IS NOT NULL)
    ORDER BY id LIMIT %(at_once)s FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM customers_delivery d USING old WHERE d.notification_id = old.id
)
DELETE FROM customers_notification n USING old WHERE n.id = old.id
"""
# Deliveries of the kind that leaves first. The notification's lock is taken before, as above, and it counts only the
# recipients whose deliveries are kept.
_DELETE_DELIVERIES = """
WITH old AS MATERIALIZED (
    SELECT n.id AS notification_id, d.id FROM customers_notification n JOIN customers_delivery d
        ON d.notification_id = n.id AND d.next_at IS NULL
        AND n.created_at < CASE WHEN d.endpoint_id IS NULL THEN %(mails)s ELSE %(deliveries)s END
    WHERE n.recipients IS NOT NULL AND n.created_at < greatest(%(deliveries)s, %(mails)s)
    ORDER BY n.id LIMIT %(at_once)s FOR UPDATE OF n, d SKIP LOCKED
), counted AS (
    UPDATE customers_notification n SET recipients = greatest(n.recipients - o.deliveries, 0)
    FROM (SELECT notification_id, count(*) AS deliveries FROM old GROUP BY 1) o WHERE n.id = o.notification_id
)
DELETE FROM customers_delivery d USING old WHERE d.id = old.id
"""
_REMOVED = """
DELETE FROM customers_webhookendpoint e WHERE disabled_reason = 'removed'
    AND NOT EXISTS (SELECT FROM customers_delivery d WHERE d.endpoint_id = e.id)
"""


def delete_old_notifications(*, at: datetime) -> int:
    """
    Delete notifications for whose deliveries and mails `settings.DELIVERY_RETENTION_DAYS` and
    `settings.MAIL_RETENTION_DAYS` are over, and return how many. If one of the two is over, only those deliveries or
    mails leave.

    A delivery is kept until it is finished. Removed endpoints are deleted with the last of their deliveries.
    """
    parameters = {
        "deliveries": kept_since(at, days=settings.DELIVERY_RETENTION_DAYS),
        "mails": kept_since(at, days=settings.MAIL_RETENTION_DAYS),
        "at_once": AT_ONCE,
    }
    deleted_count = repeat_while_full(lambda: sql.execute(_DELETE_OLD, parameters), size=AT_ONCE)
    if parameters["deliveries"] != parameters["mails"]:
        repeat_while_full(lambda: sql.execute(_DELETE_DELIVERIES, parameters), size=AT_ONCE)
    sql.execute(_REMOVED)
    return deleted_count
