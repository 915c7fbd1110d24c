"""End canceled subscriptions once everything about them is billed."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from billing.models.subscriptions import RUNNING_STATES, SubscriptionState
from customers.customer_time import clock_sql
from customers.notifications import Announcement, announce_all
from lib import sql

# Set-based, so that two runs are harmless: the second one finds the state changed.
_END_FINISHED = """
UPDATE billing_subscription s SET state = 'ended'
FROM plans_planversion v JOIN plans_plan p ON p.id = v.plan_id
WHERE v.id = s.version_id AND s.state = ANY(%(states)s) AND s.ends_at <= %(at)s
    AND (%(only)s::bigint[] IS NULL OR s.id = ANY(%(only)s))
    AND NOT EXISTS (SELECT FROM billing_period o WHERE o.subscription_id = s.id AND o.state = 'open')
    AND {in_time}
RETURNING s.id, s.customer_id, s.external_id, p.code, s.ends_at
"""
_STATES_BEFORE_END = [*map(str, RUNNING_STATES), str(SubscriptionState.PAUSED), str(SubscriptionState.CANCELED)]


def end_finished(*, at: datetime, subscription_ids: Sequence[int] | None = None, clock_id: int | None = None) -> int:
    """
    Mark subscriptions whose end has passed and whose periods are all closed as ended, and announce it; return how
    many.

    subscription_ids: limits the work to these, on any clock; otherwise all subscriptions on this test clock, or in
        real time, are read.

    This is a transaction of its own and never part of a close. A close locks periods and must not wait for a
    subscription whose cancellation waits for its periods.
    """
    only_ids = None if subscription_ids is None else list(subscription_ids)
    time_condition = clock_sql(clock_id, "s.customer_id") if only_ids is None else "true"
    parameters = {"states": _STATES_BEFORE_END, "at": at, "only": only_ids}
    with transaction.atomic(savepoint=False):
        ended = sql.fetch_rows(_END_FINISHED.format(in_time=time_condition), parameters)
        announcements = [
            Announcement(
                customer_id,
                {"subscription": external_id, "plan": plan, "ended_at": ends_at.isoformat()},
                f"subscription:{subscription_id}:ended",
            )
            for subscription_id, customer_id, external_id, plan, ends_at in ended
        ]
        announce_all(kind="subscription.ended", announcements=announcements, at=at)
    return len(announcements)
