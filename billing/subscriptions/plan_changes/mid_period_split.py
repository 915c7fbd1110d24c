"""
Split the periods in which a scheduled change takes effect, shortly before its time.

Source: docs/publishing.md#at-a-given-time.

Each subscription is a transaction of its own, and its row shows whether it still has to be split: a crash leaves
nothing half-done, and several workers share the work.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Max, Min

from billing.models import Period, ScheduledChange
from billing.models.periods import PeriodKind, PeriodState
from billing.subscriptions.periods.boundaries import TICK
from billing.subscriptions.periods.cutoff import UsageAfterCutoff, last_usage_at, lock_periods, shorten_periods
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME, append_periods
from billing.subscriptions.plan_changes.plan_change import create_new_part
from billing.subscriptions.plan_changes.revocation import SPLIT_LEAD_TIME, revoke_pending
from billing.subscriptions.terms.credit_grants import grant_included
from billing.subscriptions.terms.feature_coverage import invalidate_cached_periods
from customers.customer_time import clock_sql
from lib import sql
from lib.audit_log import audited_transaction
from lib.error_text import storable_error_text
from lib.queue import NO_DEADLINE, Deadline

# Locks the subscription and the change; SKIP LOCKED gives several workers different ones.
_LOCK_NEXT = """
SELECT m.id FROM billing_scheduledchange m JOIN billing_subscription s ON s.id = m.subscription_id
WHERE m.state = 'pending' AND m.splits_period AND m.moment <= %(until)s AND m.id > %(after)s AND EXISTS (
    SELECT FROM billing_period p WHERE p.subscription_id = m.subscription_id AND p.kind = 'regular'
        AND p.starts_at <= m.moment AND p.ends_at > m.moment AND p.version_id <> m.version_id)
    AND {in_time}
ORDER BY m.id LIMIT 1 FOR NO KEY UPDATE OF s, m SKIP LOCKED
"""


_log = logging.getLogger(__name__)


class SplitTooLate(Exception):
    """No period can be split at or after the time of the change; the text gives the reason."""


def split_due_periods(*, at: datetime, clock_id: int | None = None, deadline: Deadline = NO_DEADLINE) -> int:
    """
    Split the periods whose change is due, or will be within ten minutes; return how many changes were processed.

    clock_id: limits the work to customers on this test clock; None means real time.

    The planned time is kept even if this ran late, unless usage is recorded after it: then the change takes effect
    just after that usage. If no period can be split any more, the change takes effect at the start of the next
    period. The row shows either. Rows locked by others are left to the next run.
    """
    processed, after = 0, 0
    while deadline.has_time():
        with audited_transaction("split a period", by=None, at=at):
            change = _lock_next(at, clock_id, after=after)
            if change is None:
                break
            try:
                with transaction.atomic():
                    split_period(change, at=at)
            except IntegrityError as error:
                # Another subscription covers a feature in the meantime: staff has to decide, and the split is
                # retried.
                _store_problem(change, f"Another subscription conflicts with this change: {error}")
            except Exception as error:
                # An unforeseen error must not stop the other changes, or the close that follows.
                _log.exception("change %s cannot be made", change.pk)
                _store_problem(change, f"Not split yet, will be retried: {type(error).__name__}: {error}")
        processed, after = processed + 1, change.pk
    return processed


def _lock_next(at: datetime, clock_id: int | None, *, after: int) -> ScheduledChange | None:
    statement = _LOCK_NEXT.format(in_time=clock_sql(clock_id, "s.customer_id"))
    ids = sql.fetch_column(statement, {"until": at + SPLIT_LEAD_TIME, "after": after})
    changes = ScheduledChange.objects.select_related(
        "subscription__customer", "subscription__seller", "version__plan"
    )
    return changes.get(pk=ids[0]) if ids else None


def split_period(change: ScheduledChange, *, at: datetime) -> None:
    """
    Split the period in which a change takes effect, or postpone the change; the caller has locked the subscription.
    """
    subscription = change.subscription
    try:
        running, moment = _find_split(change, lock_periods(subscription))
        part = _split(change, running, moment)
    except SplitTooLate as reason:
        problem = f"{reason} The change happens at the start of the next period instead."
        _postpone(change, _next_boundary(change), at=at, problem=problem, splits_period=False)
        return
    if moment > change.moment:
        _postpone(change, moment, at=at, problem="Usage until then is billed at the former prices.")
    elif change.problem:
        _store_problem(change, "")  # the obstacle is gone
    invalidate_cached_periods(subscription, since=moment)
    append_periods(subscription_ids=[subscription.pk], last_period_ids=[part.pk], until=at + PERIOD_LEAD_TIME)
    grant_included(subscription_ids=[subscription.pk], at=at)


def _store_problem(change: ScheduledChange, problem: str) -> None:
    ScheduledChange.objects.filter(pk=change.pk).update(problem=storable_error_text(problem))


def _split(change: ScheduledChange, running: Period, moment: datetime) -> Period:
    """
    Return the new part of a period. Later periods are generated again, or kept if they are used by the new version.

    :raises SplitTooLate: if a period that is kept prevents the new part.
    """
    for deletes_all in (True, False):
        periods = lock_periods(change.subscription)  # read again: a failed try has changed the objects
        # A savepoint: a failed try leaves nothing behind for the next one.
        with suppress(UsageAfterCutoff, IntegrityError), transaction.atomic():
            shorten_periods(
                change.subscription,
                [period for period in periods if deletes_all or period.version_id != change.version_id],
                moment,
            )
            return create_new_part(running, moment, version=change.version, restarts=change.restarts_period)
    raise SplitTooLate("Usage is already counted in the next period.")


def _find_split(change: ScheduledChange, periods: Sequence[Period]) -> tuple[Period, datetime]:
    """
    Return the period to split and the time of the split: the planned time, or just after usage recorded since.

    :raises SplitTooLate: if no open period under the former version is left to split.
    """
    former_periods = [
        period
        for period in periods
        if period.kind == PeriodKind.REGULAR
        and period.state == PeriodState.OPEN
        and period.version_id != change.version_id
        and period.ends_at > change.moment
    ]
    usage_times = filter(
        None, (last_usage_at(change.subscription, period, change.moment) for period in former_periods)
    )
    # Usage after the planned time was counted at the former prices, which can't change any more.
    last_used_at = max(usage_times, default=None)
    earliest = change.moment if last_used_at is None else last_used_at + TICK
    for period in former_periods:
        # Both parts of a split need a duration.
        moment = max(earliest, period.starts_at + TICK)
        if moment < period.ends_at:
            return period, moment
    raise SplitTooLate(f"The period of {change.moment:%Y-%m-%d %H:%M} UTC is billed or fully used.")


def _next_boundary(change: ScheduledChange) -> datetime:
    """Return where the first period under the new version starts, or else the end of the last period."""
    regular = change.subscription.periods.filter(kind=PeriodKind.REGULAR)
    first_start = regular.filter(version=change.version, starts_at__gte=change.moment).aggregate(
        first=Min("starts_at")
    )["first"]
    boundary: datetime = first_start or regular.aggregate(last=Max("ends_at"))["last"]
    return boundary


# Coverage that starts or ends at the planned time moves with the change.
_SHIFT_COVERAGE = """
UPDATE billing_coverage c SET during = CASE WHEN lower(c.during) = %(former)s
    THEN tstzrange(%(moment)s, upper(c.during)) ELSE tstzrange(lower(c.during), %(moment)s) END
WHERE c.subscription_id = %(subscription)s AND (lower(c.during) = %(former)s OR upper(c.during) = %(former)s)
"""


def _postpone(
    change: ScheduledChange, moment: datetime, *, at: datetime, problem: str, splits_period: bool = True
) -> None:
    """Postpone a change and its coverage, or revoke it if the subscription ends before."""
    subscription = change.subscription
    if subscription.ends_at is not None and subscription.ends_at <= moment:
        revoke_pending([subscription.pk], problem=f"{problem} The subscription ends before then.", at=at)
        return
    sql.execute(_SHIFT_COVERAGE, {"former": change.moment, "moment": moment, "subscription": subscription.pk})
    ScheduledChange.objects.filter(pk=change.pk).update(moment=moment, splits_period=splits_period, problem=problem)
