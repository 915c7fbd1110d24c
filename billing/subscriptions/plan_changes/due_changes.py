"""Move subscriptions to the version that was scheduled for them, once their first period by it has begun."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from billing.models import ScheduledChange, Subscription
from billing.models.plan_changes import ChangeState
from billing.subscriptions.notifications import VersionChange, announce_version_changes
from customers.customer_time import clock_sql
from lib.audit_log import audited_transaction

BATCH_SIZE = 1_000

# The period tells what is billed by which version; the subscription follows when the version is live, and only once
# nothing before the moment remains to be made.
_DUE = """
SELECT m.id, m.subscription_id, s.version_id, m.version_id, m.moment FROM billing_scheduledchange m
JOIN billing_subscription s ON s.id = m.subscription_id
JOIN plans_planversion v ON v.id = m.version_id AND v.state IN ('live', 'retired')
WHERE m.state = 'pending' AND m.moment <= %(at)s AND EXISTS (
    SELECT FROM billing_period p WHERE p.subscription_id = m.subscription_id AND p.kind = 'regular'
        AND p.starts_at >= m.moment AND p.version_id = m.version_id)
    AND (%(subscriptions)s::bigint[] IS NULL OR s.id = ANY(%(subscriptions)s))
    AND {in_time}
ORDER BY s.id LIMIT %(limit)s FOR NO KEY UPDATE OF s, m SKIP LOCKED
"""


def apply_due_changes(
    *,
    at: datetime,
    clock_id: int | None = None,
    limit: int = BATCH_SIZE,
    subscription_ids: Sequence[int] | None = None,
) -> int:
    """
    Let subscriptions follow the version that their period has already; return how many moved.

    subscription_ids: look at these only, in whatever time they are; otherwise at those of customers in this test
    clock's time, or in real time.

    May run twice, or several times at once: a change is done once. What others hold is left for the next run.
    """
    moved = 0
    of = None if subscription_ids is None else list(subscription_ids)
    in_time = clock_sql(clock_id, "s.customer_id") if of is None else "true"
    while True:
        with audited_transaction("move to the version scheduled", by=None, at=at):
            with connection.cursor() as cursor:
                cursor.execute(_DUE.format(in_time=in_time), {"at": at, "limit": limit, "subscriptions": of})
                due = cursor.fetchall()
            by_version: dict[int, list[int]] = {}
            for _, subscription_id, _, version_id, _ in due:
                by_version.setdefault(version_id, []).append(subscription_id)
            for version_id, ids in by_version.items():
                Subscription.objects.filter(pk__in=ids).update(version_id=version_id)
            done = ScheduledChange.objects.filter(pk__in=[id_ for id_, *_ in due])
            done.update(state=ChangeState.DONE, decided_at=at)
            announce_version_changes((VersionChange(*facts) for _, *facts in due), at=at)
        moved += len(due)
        if len(due) < limit:
            return moved
