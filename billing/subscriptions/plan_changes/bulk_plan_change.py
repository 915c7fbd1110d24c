"""
Move many subscriptions to another version at one moment, in a fixed number of statements: docs/migration.md#speed.

What this does to one of them is what `change_plan` does. Only those are changed in whose way nothing is, and who have
nothing of their own that has to be looked at; the others are left to it, which does it or says why not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection

from billing.models.subscriptions import RUNNING_STATES
from billing.subscriptions.lifecycle.creation import read_subscribable_terms
from billing.subscriptions.notifications import VersionChange, announce_version_changes
from billing.subscriptions.periods.boundaries import TICK, period_anchor, period_intervals
from billing.subscriptions.periods.cutoff import UNUSED_PERIOD, split_blockers
from billing.subscriptions.periods.generation import NewPeriod, insert_periods
from billing.subscriptions.terms.bulk_feature_coverage import find_coverage_conflicts, move_coverage
from billing.subscriptions.terms.credit_grants import grant_included
from billing.subscriptions.terms.feature_coverage import SubscriptionRefused
from lib.audit_log import audited_transaction
from plans.catalog.stored_terms import load_terms
from plans.models import PlanVersion


@dataclass(frozen=True, slots=True)
class BulkCandidate:
    """A subscription that can be changed together with others, its running period and the one made after that."""

    subscription_id: int
    customer_id: int
    version_id: int
    currency: str
    anchor_at: datetime
    ends_at: datetime | None
    time_zone: str
    grace: timedelta
    period_id: int
    next_period_id: int | None


_HOLD = (
    """
    SELECT FROM customers_customer WHERE id IN (SELECT customer_id FROM billing_subscription WHERE id = ANY(%(ids)s))
    ORDER BY id FOR NO KEY UPDATE
    """,
    "SELECT FROM billing_subscription WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE",
)

# Whoever adds a period holds the last one locked, so once that is ours no more can come.
_PERIODS = """
SELECT p.id FROM unnest(%(ids)s::bigint[]) AS s(id) JOIN LATERAL (
    (SELECT id FROM billing_period WHERE subscription_id = s.id AND state = 'open')
    UNION (SELECT id FROM billing_period WHERE subscription_id = s.id ORDER BY starts_at DESC LIMIT 1)
) p ON true ORDER BY p.id
"""

# Rollups tell quickly of most that nothing was used lately; of the others, events tell whether it was from then on.
_PLAIN = f"""
SELECT s.id, s.customer_id, s.version_id, s.currency, s.anchor_at, s.ends_at, c.time_zone, se.grace, r.id, p.id
FROM billing_subscription s
JOIN customers_customer c ON c.id = s.customer_id JOIN customers_seller se ON se.id = c.seller_id
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

_CUT = """
UPDATE billing_period p SET ends_at = %(at)s, due_at = %(at)s + m.grace, revision = p.revision + 1
FROM unnest(%(periods)s::bigint[], %(graces)s::interval[]) AS m(id, grace) WHERE p.id = m.id
"""
_REMOVE = "DELETE FROM billing_period WHERE id = ANY(%(following)s)"
_MOVE = "UPDATE billing_subscription SET version_id = %(version)s WHERE id = ANY(%(ids)s)"
_ANNOUNCE = """
UPDATE billing_period SET revision = revision + 1 WHERE id IN (
    SELECT p.id FROM billing_subscription s JOIN billing_period p ON p.subscription_id = s.id AND p.ends_at > %(at)s
    WHERE s.customer_id = ANY(%(customers)s) AND NOT s.id = ANY(%(ids)s) ORDER BY p.id FOR NO KEY UPDATE OF p)
"""
_PARTS = "SELECT subscription_id, id FROM billing_period WHERE continues_id = ANY(%(periods)s)"


def change_plans(
    *, subscription_ids: Sequence[int], version: PlanVersion, at: datetime, by: AbstractBaseUser | None = None
) -> dict[int, int]:
    """
    Split the running periods of these subscriptions now; return subscription → its new part, of those it was done to.

    :raises IntegrityError: if another subscription covers meanwhile what one of these gains; none is changed then.
    """
    with audited_transaction("change plan", by=by, at=at):
        found = _plain(subscription_ids, version, at=at)
        blocked = find_coverage_conflicts({one.subscription_id: at for one in found}, version)
        found = [one for one in found if one.subscription_id not in blocked]
        if not found:
            return {}
        _split(found, version, at=at)
        grant_included(subscription_ids=[one.subscription_id for one in found], at=at)
        announce_version_changes(
            (VersionChange(one.subscription_id, one.version_id, version.pk, at) for one in found), at=at
        )
        return dict(_rows(_PARTS, {"periods": [one.period_id for one in found]}))


def _plain(subscription_ids: Sequence[int], version: PlanVersion, *, at: datetime) -> list[BulkCandidate]:
    """Return those in whose way nothing is, locked with their periods."""
    ids = list(subscription_ids)
    for statement in _HOLD:
        _execute(statement, {"ids": ids})
    known: set[int] = set()
    while not known.issuperset(periods := [id_ for (id_,) in _rows(_PERIODS, {"ids": ids})]):
        known.update(periods)
        _execute("SELECT FROM billing_period WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE", {"ids": periods})
    asked = {"ids": ids, "at": at, "version": version.pk, "running": list(RUNNING_STATES)}
    found = [BulkCandidate(*row) for row in _rows(_PLAIN, asked)]
    whole = split_blockers({version.pk, *(one.version_id for one in found)})
    offered = {currency for currency in {one.currency for one in found} if _is_offered(version, currency, at=at)}
    return [
        one for one in found if version.pk not in whole and one.version_id not in whole and one.currency in offered
    ]


def _is_offered(version: PlanVersion, currency: str, *, at: datetime) -> bool:
    try:
        read_subscribable_terms(version, currency, sandbox=False, at=at)
    except SubscriptionRefused:
        return False
    return True


def _split(found: Sequence[BulkCandidate], version: PlanVersion, *, at: datetime) -> None:
    facts = {
        "at": at,
        "version": version.pk,
        "ids": [one.subscription_id for one in found],
        "customers": [one.customer_id for one in found],
        "periods": [one.period_id for one in found],
        "graces": [one.grace for one in found],
        "following": [one.next_period_id for one in found if one.next_period_id is not None],
    }
    move_coverage({one.subscription_id: at for one in found}, version)
    for statement in (_REMOVE, _CUT, _MOVE, _ANNOUNCE):
        _execute(statement, facts)
    insert_periods([_part(one, version, at) for one in found])


def _part(one: BulkCandidate, version: PlanVersion, at: datetime) -> NewPeriod:
    anchor = period_anchor(load_terms(version.pk, one.currency), anchor_at=one.anchor_at, time_zone=one.time_zone)
    ((_, ends_at),) = period_intervals(anchor, start=at, until=at + TICK, end=one.ends_at)
    return NewPeriod(one.subscription_id, version.pk, at, ends_at, ends_at + one.grace, continues_id=one.period_id)


def _rows(statement: str, parameters: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def _execute(statement: str, parameters: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
