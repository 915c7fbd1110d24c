"""
Change the plan of many subscriptions at one time, in a fixed number of statements: docs/migration.md#speed.

The effect on each subscription is that of `change_plan`. Only subscriptions without any obstacle or special case are
changed here; the others are left to `change_plan`, which changes them or gives the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User

from billing.models.subscriptions import RUNNING_STATES
from billing.subscriptions.lifecycle.creation import read_subscribable_terms
from billing.subscriptions.notifications import VersionChange, announce_version_changes
from billing.subscriptions.periods.boundaries import TICK, period_anchor, period_intervals
from billing.subscriptions.periods.cutoff import UNUSED_PERIOD, split_blockers
from billing.subscriptions.periods.generation import NewPeriod, insert_periods
from billing.subscriptions.terms.bulk_feature_coverage import find_coverage_conflicts, move_coverage
from billing.subscriptions.terms.credit_grants import grant_included
from billing.subscriptions.terms.feature_coverage import SubscriptionRefused
from lib import sql
from lib.audit_log import audited_transaction
from plans.catalog.stored_terms import load_terms
from plans.models import PlanVersion


@dataclass(frozen=True, slots=True)
class BulkCandidate:
    """
    A subscription that can be changed together with others, its running period and the period after it.

    period_anchor_at: the running period's own anchor, if it has one.
    """

    subscription_id: int
    customer_id: int
    version_id: int
    currency: str
    anchor_at: datetime
    period_anchor_at: datetime | None
    ends_at: datetime | None
    time_zone: str
    grace: timedelta
    period_id: int
    next_period_id: int | None


# Customers before subscriptions, each in the order of ids: the order of `change_plan`, so that the two can't
# deadlock.
_LOCK_SUBSCRIPTIONS = (
    """
    SELECT FROM customers_customer WHERE id IN (SELECT customer_id FROM billing_subscription WHERE id = ANY(%(ids)s))
    ORDER BY id FOR NO KEY UPDATE
    """,
    "SELECT FROM billing_subscription WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE",
)

# A transaction that adds a period locks the last one first, so once these are locked no period is added.
_OPEN_AND_LAST_PERIODS = """
SELECT p.id FROM unnest(%(ids)s::bigint[]) AS s(id) JOIN LATERAL (
    (SELECT id FROM billing_period WHERE subscription_id = s.id AND state = 'open')
    UNION (SELECT id FROM billing_period WHERE subscription_id = s.id ORDER BY starts_at DESC LIMIT 1)
) p ON true ORDER BY p.id
"""

# Rollups show quickly for most subscriptions that there was no recent usage; for the others, events show whether
# there was any since the change.
_CANDIDATES = f"""
SELECT s.id, s.customer_id, s.version_id, s.currency, s.anchor_at, r.anchor_at, s.ends_at, c.time_zone, se.grace,
    r.id, p.id
FROM billing_subscription s
JOIN customers_customer c ON c.id = s.customer_id JOIN customers_seller se ON se.id = s.seller_id
JOIN billing_period r ON r.subscription_id = s.id AND r.kind = 'regular' AND r.state = 'open' AND NOT r.is_trial
    AND r.starts_at < %(at)s AND r.ends_at > %(at)s
LEFT JOIN billing_period p ON p.subscription_id = s.id AND p.kind = 'regular' AND p.starts_at = r.ends_at
WHERE s.id = ANY(%(ids)s) AND s.state = ANY(%(running)s) AND s.version_id <> %(version)s
    AND (p.id IS NULL OR ({UNUSED_PERIOD}))
    AND NOT EXISTS (SELECT FROM billing_period l WHERE l.subscription_id = s.id AND l.starts_at > r.ends_at)
    AND NOT EXISTS (SELECT FROM billing_scheduledchange m WHERE m.subscription_id = s.id AND m.state = 'pending')
    AND NOT EXISTS (SELECT FROM billing_pause z WHERE z.subscription_id = s.id AND z.state IN ('to_come', 'running'))
    AND NOT (EXISTS (
            SELECT FROM billing_series u JOIN billing_hourlyusage h ON h.series_id = u.id
            WHERE u.period_id = r.id AND h.bucket > %(at)s - interval '1 hour')
        AND EXISTS (SELECT FROM billing_event e WHERE e.customer_id = s.customer_id AND e.occurred_at >= %(at)s))
ORDER BY s.id
"""  # noqa: S608

_SHORTEN_PERIODS = """
UPDATE billing_period p SET ends_at = %(at)s, due_at = %(at)s + m.grace, revision = p.revision + 1
FROM unnest(%(periods)s::bigint[], %(graces)s::interval[]) AS m(id, grace) WHERE p.id = m.id
"""
_DELETE_NEXT_PERIODS = "DELETE FROM billing_period WHERE id = ANY(%(following)s)"
_SET_VERSION = "UPDATE billing_subscription SET version_id = %(version)s WHERE id = ANY(%(ids)s)"
# Raises the revision of the customers' other periods, so that ingest drops its cached copies.
_INVALIDATE_CACHED_PERIODS = """
UPDATE billing_period SET revision = revision + 1 WHERE id IN (
    SELECT p.id FROM billing_subscription s JOIN billing_period p ON p.subscription_id = s.id AND p.ends_at > %(at)s
    WHERE s.customer_id = ANY(%(customers)s) AND NOT s.id = ANY(%(ids)s) ORDER BY p.id FOR NO KEY UPDATE OF p)
"""
_NEW_PARTS = "SELECT subscription_id, id FROM billing_period WHERE continues_id = ANY(%(periods)s)"


def change_plans(
    *, subscription_ids: Sequence[int], version: PlanVersion, at: datetime, by: User | None = None
) -> dict[int, int]:
    """
    Split the running periods of these subscriptions now; return subscription → new part for those that were changed.

    :raises IntegrityError: if another subscription covers in the meantime a feature that one of these gains; none is
        changed then.
    """
    with audited_transaction("change plan", by=by, at=at):
        candidates = _lock_candidates(subscription_ids, version, at=at)
        # Left to `change_plan`, which refuses them with the reason.
        blocked = find_coverage_conflicts({candidate.subscription_id: at for candidate in candidates}, version)
        candidates = [candidate for candidate in candidates if candidate.subscription_id not in blocked]
        if not candidates:
            return {}
        _split(candidates, version, at=at)
        grant_included(subscription_ids=[candidate.subscription_id for candidate in candidates], at=at)
        announce_version_changes(
            (
                VersionChange(candidate.subscription_id, candidate.version_id, version.pk, at)
                for candidate in candidates
            ),
            at=at,
        )
        return dict(sql.fetch_rows(_NEW_PARTS, {"periods": [candidate.period_id for candidate in candidates]}))


def _lock_candidates(subscription_ids: Sequence[int], version: PlanVersion, *, at: datetime) -> list[BulkCandidate]:
    """Return the candidates, locked with their periods."""
    ids = list(subscription_ids)
    for statement in _LOCK_SUBSCRIPTIONS:
        sql.execute(statement, {"ids": ids})
    locked_ids: set[int] = set()
    # Read again under the locks: a period may have been added while this transaction waited.
    while not locked_ids.issuperset(period_ids := sql.fetch_column(_OPEN_AND_LAST_PERIODS, {"ids": ids})):
        locked_ids.update(period_ids)
        sql.execute("SELECT FROM billing_period WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE", {"ids": period_ids})
    parameters = {"ids": ids, "at": at, "version": version.pk, "running": list(RUNNING_STATES)}
    candidates = [BulkCandidate(*row) for row in sql.fetch_rows(_CANDIDATES, parameters)]
    unsplittable = split_blockers({version.pk, *(candidate.version_id for candidate in candidates)})
    offered = {
        currency
        for currency in {candidate.currency for candidate in candidates}
        if _is_offered(version, currency, at=at)
    }
    return [
        candidate
        for candidate in candidates
        if version.pk not in unsplittable
        and candidate.version_id not in unsplittable
        and candidate.currency in offered
    ]


def _is_offered(version: PlanVersion, currency: str, *, at: datetime) -> bool:
    try:
        read_subscribable_terms(version, currency, sandbox=False, at=at)
    except SubscriptionRefused:
        return False
    return True


def _split(candidates: Sequence[BulkCandidate], version: PlanVersion, *, at: datetime) -> None:
    parameters = {
        "at": at,
        "version": version.pk,
        "ids": [candidate.subscription_id for candidate in candidates],
        "customers": [candidate.customer_id for candidate in candidates],
        "periods": [candidate.period_id for candidate in candidates],
        "graces": [candidate.grace for candidate in candidates],
        "following": [candidate.next_period_id for candidate in candidates if candidate.next_period_id is not None],
    }
    move_coverage({candidate.subscription_id: at for candidate in candidates}, version)
    # In this order: the next period must be gone before the new part can take its time.
    for statement in (_DELETE_NEXT_PERIODS, _SHORTEN_PERIODS, _SET_VERSION, _INVALIDATE_CACHED_PERIODS):
        sql.execute(statement, parameters)
    insert_periods([_new_part(candidate, version, at) for candidate in candidates])


def _new_part(candidate: BulkCandidate, version: PlanVersion, at: datetime) -> NewPeriod:
    anchor = period_anchor(
        load_terms(version.pk, candidate.currency),
        anchor_at=candidate.period_anchor_at or candidate.anchor_at,
        time_zone=candidate.time_zone,
    )
    ((_, ends_at),) = period_intervals(anchor, start=at, until=at + TICK, end=candidate.ends_at)
    return NewPeriod(
        candidate.subscription_id,
        version.pk,
        at,
        ends_at,
        ends_at + candidate.grace,
        continues_id=candidate.period_id,
        anchor_at=candidate.period_anchor_at,
    )
