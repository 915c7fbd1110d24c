"""Set the version of subscriptions whose first period under a scheduled change has started."""

from collections.abc import Sequence
from datetime import datetime

from billing.models import ScheduledChange, Subscription
from billing.models.plan_changes import ChangeState
from billing.subscriptions.notifications import VersionChange, announce_version_changes
from customers.customer_time import clock_sql
from lib import sql
from lib.audit_log import audited_transaction
from lib.queue import repeat_while_full

# Rows per transaction, which bounds the time that they stay locked and the work that a crash repeats.
BATCH_SIZE = 1_000

# Periods decide which version bills; the subscription follows once its version is live and no period before the
# change is missing. SKIP LOCKED leaves rows that a change is working on to the next run.
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
    Set the version of subscriptions to that of their period; return how many were changed.

    subscription_ids: limits the work to these, on any clock.
    clock_id: otherwise, limits it to customers on this test clock; None means real time.

    Safe to repeat and to run concurrently: a change is applied once. Rows locked by others are left to the next run.
    """
    only_ids = None if subscription_ids is None else list(subscription_ids)
    in_time = clock_sql(clock_id, "s.customer_id") if only_ids is None else "true"

    def apply_batch() -> int:
        with audited_transaction("scheduled plan change", by=None, at=at):
            parameters = {"at": at, "limit": limit, "subscriptions": only_ids}
            due = sql.fetch_rows(_DUE.format(in_time=in_time), parameters)
            by_version: dict[int, list[int]] = {}
            for _, subscription_id, _, version_id, _ in due:
                by_version.setdefault(version_id, []).append(subscription_id)
            for version_id, ids in by_version.items():
                Subscription.objects.filter(pk__in=ids).update(version_id=version_id)
            applied = ScheduledChange.objects.filter(pk__in=[id_ for id_, *_ in due])
            applied.update(state=ChangeState.DONE, decided_at=at)
            announce_version_changes((VersionChange(*facts) for _, *facts in due), at=at)
        return len(due)

    return repeat_while_full(apply_batch, size=limit)
