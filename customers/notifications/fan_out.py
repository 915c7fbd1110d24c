"""Fan out notifications: one delivery for each endpoint, contact and staff user that receives it."""

from datetime import datetime

from customers.notifications.kinds import KINDS, MailAudience
from lib import sql

# Notifications per statement, which bounds its row locks and the work that a crash repeats.
AT_ONCE = 1_000

# One statement inserts the deliveries and marks the notifications, so a crash leaves both or neither. A notification
# without recipients is marked as well, so that it is not read again. SKIP LOCKED: several workers take different
# ones.
_FAN_OUT = """
WITH due AS MATERIALIZED (
    SELECT n.id, n.kind, n.customer_id, c.sandbox, c.owner_id
    FROM customers_notification n LEFT JOIN customers_customer c ON c.id = n.customer_id
    WHERE n.recipients IS NULL ORDER BY n.id LIMIT %(at_once)s
    FOR NO KEY UPDATE OF n SKIP LOCKED
), addressed AS (
    SELECT due.id, 'endpoint:' || e.id AS target, e.id AS endpoint_id, NULL::bigint AS contact_id,
        NULL::integer AS staff_id
    FROM due JOIN customers_webhookendpoint e ON coalesce(e.sandbox = due.sandbox, true) AND e.disabled_at IS NULL
        AND (e.kinds = '{}' OR due.kind = ANY(e.kinds))
    UNION ALL
    SELECT due.id, 'contact:' || k.id, NULL, k.id, NULL
    FROM due JOIN customers_contact k ON k.customer_id = due.customer_id AND NOT due.sandbox
        AND (k.billing AND due.kind = ANY(%(billing)s) OR k.alerts AND due.kind = ANY(%(alerts)s))
    UNION ALL
    SELECT due.id, 'staff:' || u.id, NULL, NULL, u.id
    FROM due JOIN auth_user u ON u.id = due.owner_id AND NOT due.sandbox AND u.is_active AND u.email <> ''
        AND due.kind = ANY(%(owner)s)
), written AS (
    INSERT INTO customers_delivery (notification_id, target, endpoint_id, contact_id, staff_id, state, attempts,
        next_at,
        answer)
    SELECT id, target, endpoint_id, contact_id, staff_id, 'pending', 0, %(at)s, '' FROM addressed
    ON CONFLICT (notification_id, target) DO NOTHING
)
UPDATE customers_notification n SET recipients = (SELECT count(*) FROM addressed WHERE addressed.id = n.id)
FROM due WHERE n.id = due.id
"""

_MAILED = {
    "billing": [name for name, kind in KINDS.items() if kind.mail is MailAudience.BILLING],
    "alerts": [name for name, kind in KINDS.items() if kind.mail is MailAudience.ALERTS],
    "owner": [name for name, kind in KINDS.items() if kind.to_owner],
}


def fan_out(*, at: datetime) -> int:
    """
    Fan out the next notifications in the order in which they were written; return how many, 0 if none are left.

    Each notification is fanned out once, to all of its recipients. Several workers process different ones.
    """
    return sql.execute(_FAN_OUT, {"at": at, "at_once": AT_ONCE, **_MAILED})
