"""Take back what is scheduled, before its time comes: set by set, in a fixed number of statements each."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, connection
from django.db.models import Q

from billing.models import ScheduledChange, Subscription
from billing.models.plan_changes import ChangeState
from billing.subscriptions.notifications import announce_for_each
from billing.subscriptions.periods.cutoff import UNUSED_PERIOD, lock_last_periods
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME, append_periods
from lib.audit_log import audited_transaction

SPLIT_LEAD_TIME = timedelta(minutes=10)
"""How long before its moment a period is split, so that usage from the moment on finds the new part."""


class RevocationRefused(Exception):
    """A change cannot be revoked; the text says why and what to do."""


# What begins at the moment or later was added for the change; what ends at it went on before.
_UNDO_COVERAGE = (
    """
    DELETE FROM billing_coverage c USING billing_scheduledchange m
    WHERE m.id = ANY(%(ids)s) AND c.subscription_id = m.subscription_id AND lower(c.during) >= m.moment
    """,
    """
    UPDATE billing_coverage c SET during = tstzrange(lower(c.during), s.ends_at)
    FROM billing_scheduledchange m JOIN billing_subscription s ON s.id = m.subscription_id
    WHERE m.id = ANY(%(ids)s) AND c.subscription_id = m.subscription_id AND upper(c.during) = m.moment
        AND (s.ends_at IS NULL OR s.ends_at > m.moment)
    """,
)

_TO_COME = f"""
SELECT m.subscription_id, pl.name || ' v' || v.number, m.rollout_id IS NULL, p.id,
    p.id IS NOT NULL AND (p.starts_at <= %(at)s OR NOT ({UNUSED_PERIOD}))
FROM billing_scheduledchange m
JOIN plans_planversion v ON v.id = m.version_id JOIN plans_plan pl ON pl.id = v.plan_id
LEFT JOIN billing_period p
    ON p.subscription_id = m.subscription_id AND p.kind = 'regular' AND p.starts_at >= m.moment
WHERE m.subscription_id = ANY(%(ids)s) AND m.state = 'pending'
"""  # noqa: S608


class PendingChange(NamedTuple):
    """
    A change that is to come.

    is_asked_for: whether somebody asked for it by hand. period_id: the period that was made for it ahead of its time,
    if one was. is_begun: whether that has begun or holds usage, so that it cannot be taken back.
    """

    subscription_id: int
    version_name: str
    is_manual: bool
    period_id: int | None
    has_begun: bool


def revoke(
    *,
    subscription_ids: Sequence[int],
    at: datetime,
    by: AbstractBaseUser | None = None,
    reason: str = "Revoked by hand.",
) -> int:
    """
    Let these subscriptions stay on their versions; return how many had a change to come.

    :raises RevocationRefused: if a change's time has come, usage is counted by the new prices already, or another
        subscription covers meanwhile what one would go on to cover. None is revoked then.
    """
    try:
        with audited_transaction("revoke a scheduled change", by=by, at=at):
            held = Subscription.objects.select_for_update(no_key=True).filter(pk__in=subscription_ids).order_by("pk")
            ids = list(held.values_list("pk", flat=True))
            pending = ScheduledChange.objects.filter(subscription__in=ids, state=ChangeState.PENDING)
            begun = pending.filter(Q(moment__lte=at) | Q(splits_period=True, moment__lte=at + SPLIT_LEAD_TIME))
            if one := begun.select_related("subscription", "version__plan").first():
                when = "already" if one.moment <= at else f"from {one.moment:%H:%M} UTC on, in a few minutes"
                raise RevocationRefused(f"{one.subscription} is billed by {one.version} {when}: change its plan.")
            periods = lock_last_periods(ids, at=at)
            moves = read_pending_changes(ids, at=at)
            if used := next((one.subscription_id for one in moves if one.has_begun), None):
                subscription = Subscription.objects.get(pk=used)
                told = f"Usage of {subscription} is counted by the new prices already: change its plan."
                raise RevocationRefused(told)
            count = revoke_pending(ids, problem=reason, at=at)
            regenerate_periods({one.subscription_id: one.period_id for one in moves}, periods, at=at)
            announce_for_each("subscription.change_withdrawn", [one.subscription_id for one in moves], at=at)
            return count
    except IntegrityError as error:
        raise RevocationRefused(
            "Another subscription covers from then on what one of these would go on to cover: end that one first."
        ) from error


def read_pending_changes(subscription_ids: Sequence[int], *, at: datetime) -> list[PendingChange]:
    """Return the changes that are to come for these subscriptions, whose last periods the caller holds locked."""
    with connection.cursor() as cursor:
        cursor.execute(_TO_COME, {"ids": list(subscription_ids), "at": at})
        return [PendingChange(*row) for row in cursor.fetchall()]


def revoke_pending(subscription_ids: Sequence[int], *, problem: str, at: datetime) -> int:
    """
    Mark what is to come for these subscriptions, which the caller holds locked, as revoked; return how many it was.

    Their coverage is as it was before; periods that were made for the change are the caller's to make anew.

    :raises IntegrityError: if another subscription covers meanwhile what one of these would go on to cover.
    """
    pending = ScheduledChange.objects.filter(subscription__in=subscription_ids, state=ChangeState.PENDING)
    ids = list(pending.values_list("pk", flat=True))
    if ids:
        with connection.cursor() as cursor:
            for statement in _UNDO_COVERAGE:
                cursor.execute(statement, {"ids": ids})
        ScheduledChange.objects.filter(pk__in=ids).update(state=ChangeState.REVOKED, problem=problem, decided_at=at)
    return len(ids)


def regenerate_periods(
    unused_period_ids: Mapping[int, int | None], last_period_ids: Sequence[int], *, at: datetime
) -> None:
    """
    Remove unused periods that were made ahead of their time, and let others be made by what is to come now.

    unused: subscription → its one, None where there is none. held: the last two periods of each subscription, locked;
    what is not removed of them is the last then.
    """
    removed = {subscription_id: id_ for subscription_id, id_ in unused_period_ids.items() if id_ is not None}
    if not removed:
        return
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM billing_period WHERE id = ANY(%s)", [list(removed.values())])
    last = [id_ for id_ in last_period_ids if id_ not in removed.values()]
    append_periods(subscription_ids=list(removed), last_period_ids=last, until=at + PERIOD_LEAD_TIME)


def revoke_changes_after_end(subscription: Subscription, *, at: datetime) -> None:
    """Mark what is to come for a subscription that ends before as revoked; its coverage is cut by its end."""
    too_late = ScheduledChange.objects.filter(subscription=subscription, state=ChangeState.PENDING)
    too_late.filter(moment__gte=subscription.ends_at).update(
        state=ChangeState.REVOKED, problem="The subscription ends before.", decided_at=at
    )
