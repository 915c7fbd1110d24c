"""
Split the periods in which a scheduled change falls, shortly before its moment: docs/publishing.md#moments.

Each subscription is a transaction of its own, and the row says whether it is still to be done: a worker that dies
leaves nothing half-done, and several share the work.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from django.db import IntegrityError, connection, transaction
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
from lib.audit_log import audited_transaction
from lib.error_text import storable_error_text

_NEXT = """
SELECT m.id FROM billing_scheduledchange m JOIN billing_subscription s ON s.id = m.subscription_id
WHERE m.state = 'pending' AND m.splits_period AND m.moment <= %(until)s AND m.id > %(after)s AND EXISTS (
    SELECT FROM billing_period p WHERE p.subscription_id = m.subscription_id AND p.kind = 'regular'
        AND p.starts_at <= m.moment AND p.ends_at > m.moment AND p.version_id <> m.version_id)
    AND {in_time}
ORDER BY m.id LIMIT 1 FOR NO KEY UPDATE OF s, m SKIP LOCKED
"""


_log = logging.getLogger(__name__)


class SplitTooLate(Exception):
    """A period cannot be split at or after its moment any more; the text says why."""


def split_due_periods(
    *, at: datetime, clock_id: int | None = None, keep_going: Callable[[], bool] = lambda: True
) -> int:
    """
    Split the periods whose change is due, or comes within ten minutes; return how many changes were looked at.

    The planned moment holds, also when nobody has looked for a while, as long as no usage is recorded after it: then
    it is the instant after that usage. Where no period can be split any more, the subscription moves where its next
    one begins. Either is said on the row. What others hold is left for the next run.
    clock: of customers in this test clock's time; in real time for None.
    """
    looked_at, after = 0, 0
    while keep_going():
        with audited_transaction("split a period", by=None, at=at):
            found = _next(at, clock_id, after=after)
            if found is None:
                break
            try:
                with transaction.atomic():
                    split_period(found, at=at)
            except IntegrityError as error:
                # Somebody covers meanwhile what it would go on to cover: a person decides; it is tried again.
                _tell(found, f"Another subscription is in the way: {error}")
            except Exception as error:
                # Nor does what nobody foresaw keep the others, or the close that comes after, from their turn.
                _log.exception("change %s cannot be made", found.pk)
                _tell(found, f"It could not be split and is tried again: {type(error).__name__}: {error}")
        looked_at, after = looked_at + 1, found.pk
    return looked_at


def _next(at: datetime, clock: int | None, *, after: int) -> ScheduledChange | None:
    with connection.cursor() as cursor:
        cursor.execute(
            _NEXT.format(in_time=clock_sql(clock, "s.customer_id")), {"until": at + SPLIT_LEAD_TIME, "after": after}
        )
        row = cursor.fetchone()
    found = ScheduledChange.objects.select_related("subscription__customer__seller", "version__plan")
    return found.get(pk=row[0]) if row else None


def split_period(one: ScheduledChange, *, at: datetime) -> None:
    """Split the period that a change falls in, or put the change off; its subscription is locked by the caller."""
    subscription = one.subscription
    try:
        running, moment = _place(one, lock_periods(subscription))
        part = _divide(one, running, moment)
    except SplitTooLate as reason:
        why = f"{reason} So it moves where its next period begins."
        _put_off(one, _next_edge(one), at=at, why=why, splits_period=False)
        return
    if moment > one.moment:
        _put_off(one, moment, at=at, why="What was used until then is billed by the former prices.")
    elif one.problem:
        _tell(one, "")  # what was in the way is not any more
    invalidate_cached_periods(subscription, since=moment)
    append_periods(subscription_ids=[subscription.pk], last_period_ids=[part.pk], until=at + PERIOD_LEAD_TIME)
    grant_included(subscription_ids=[subscription.pk], at=at)


def _tell(one: ScheduledChange, problem: str) -> None:
    ScheduledChange.objects.filter(pk=one.pk).update(problem=storable_error_text(problem))


def _divide(one: ScheduledChange, running: Period, moment: datetime) -> Period:
    """
    Return the new part of a period. What comes after it is made anew, or stays if it is used, by the new version.

    :raises TooLate: if what stays is in the way of the new part.
    """
    for made_anew in (True, False):
        periods = lock_periods(one.subscription)  # read again, since a cut that fails has changed them already
        with suppress(UsageAfterCutoff, IntegrityError), transaction.atomic():
            shorten_periods(
                one.subscription, [it for it in periods if made_anew or it.version_id != one.version_id], moment
            )
            return create_new_part(running, moment, version=one.version)
    raise SplitTooLate("Usage is counted in its next period already.")


def _place(one: ScheduledChange, periods: Sequence[Period]) -> tuple[Period, datetime]:
    """
    Return the period to be split and where: at the planned moment, or after the usage that is recorded since.

    :raises TooLate: if no open period by the former prices is left to be split.
    """
    former = [
        period
        for period in periods
        if period.kind == PeriodKind.REGULAR
        and period.state == PeriodState.OPEN
        and period.version_id != one.version_id
        and period.ends_at > one.moment
    ]
    used = filter(None, (last_usage_at(one.subscription, period, one.moment) for period in former))
    last = max(used, default=None)
    earliest = one.moment if last is None else last + TICK
    for period in former:
        moment = max(earliest, period.starts_at + TICK)
        if moment < period.ends_at:
            return period, moment
    raise SplitTooLate(f"The period of {one.moment:%Y-%m-%d %H:%M} UTC is billed already, or used to its end.")


def _next_edge(one: ScheduledChange) -> datetime:
    """Return where its first period by the new version begins, or the one that follows the last that there is."""
    regular = one.subscription.periods.filter(kind=PeriodKind.REGULAR)
    made = regular.filter(version=one.version, starts_at__gte=one.moment).aggregate(first=Min("starts_at"))["first"]
    return made or regular.aggregate(last=Max("ends_at"))["last"]


_SHIFT_COVERAGE = """
UPDATE billing_coverage c SET during = CASE WHEN lower(c.during) = %(former)s
    THEN tstzrange(%(moment)s, upper(c.during)) ELSE tstzrange(lower(c.during), %(moment)s) END
WHERE c.subscription_id = %(subscription)s AND (lower(c.during) = %(former)s OR upper(c.during) = %(former)s)
"""


def _put_off(one: ScheduledChange, moment: datetime, *, at: datetime, why: str, splits_period: bool = True) -> None:
    """Let the change come later, and its coverage with it; or not at all, if the subscription ends before."""
    subscription = one.subscription
    if subscription.ends_at is not None and subscription.ends_at <= moment:
        revoke_pending([subscription.pk], problem=f"{why} It ends before.", at=at)
        return
    with connection.cursor() as cursor:
        cursor.execute(_SHIFT_COVERAGE, {"former": one.moment, "moment": moment, "subscription": subscription.pk})
    ScheduledChange.objects.filter(pk=one.pk).update(moment=moment, splits_period=splits_period, problem=why)
