"""Mark subscriptions as ended once everything about them is billed."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from billing.models.subscriptions import RUNNING, SubscriptionState
from customers.customer_time import of_clock
from customers.notifications import Announcement, announce_all

_END = """
UPDATE billing_subscription s SET state = 'ended'
FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id
WHERE v.id = s.version_id AND s.state = ANY(%(states)s) AND s.ends_at <= %(at)s
    AND (%(only)s::bigint[] IS NULL OR s.id = ANY(%(only)s))
    AND NOT EXISTS (SELECT FROM billing_period o WHERE o.subscription_id = s.id AND o.state = 'open')
    AND {in_time}
RETURNING s.id, s.customer_id, s.external_id, p.code, s.ends_at
"""
_MAY_END = [*map(str, RUNNING), str(SubscriptionState.PAUSED), str(SubscriptionState.CANCELED)]


def end_finished(*, at: datetime, subscription_ids: Sequence[int] | None = None, clock: int | None = None) -> int:
    """
    Mark the subscriptions that are over, and whose periods are all closed, as ended, and tell so; return how many.

    subscription_ids: look at these only, in whatever time they are; otherwise at those of customers in this test
    clock's time, or in real time. It is a transaction of its own and never part of a close, which holds
    periods locked and must not wait for a subscription whose cancellation waits for its periods.
    """
    only = None if subscription_ids is None else list(subscription_ids)
    in_time = of_clock(clock, "s.customer_id") if only is None else "true"
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(_END.format(in_time=in_time), {"states": _MAY_END, "at": at, "only": only})
        ended = [
            Announcement(
                customer_id,
                {"subscription": name, "plan": plan, "ended_at": ends_at.isoformat()},
                f"subscription:{id_}:ended",
            )
            for id_, customer_id, name, plan, ends_at in cursor.fetchall()
        ]
        announce_all(kind="subscription.ended", announcements=ended, at=at)
    return len(ended)
