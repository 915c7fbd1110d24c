"""Take back what is scheduled, before its time comes: set by set, in a fixed number of statements each."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, connection
from django.db.models import Q

from billing.models import ScheduledChange, Subscription
from billing.models.changes import ChangeState
from billing.subscribing.cutting import UNUSED, hold_last_periods
from billing.subscribing.extending import AHEAD, follow
from plans.trail import change

BEFOREHAND = timedelta(minutes=10)
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

# A period that was made ahead by the new version; `used` tells that it cannot be taken back.
_MADE = f"""
SELECT p.subscription_id, p.id, NOT ({UNUSED}) FROM billing_scheduledchange m
JOIN billing_period p ON p.subscription_id = m.subscription_id AND p.kind = 'regular' AND p.starts_at >= m.moment
WHERE m.subscription_id = ANY(%(ids)s) AND m.state = 'pending'
"""  # noqa: S608


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
        with change("revoke a scheduled change", by=by, at=at):
            held = Subscription.objects.select_for_update(no_key=True).filter(pk__in=subscription_ids).order_by("pk")
            ids = list(held.values_list("pk", flat=True))
            pending = ScheduledChange.objects.filter(subscription__in=ids, state=ChangeState.PENDING)
            begun = pending.filter(Q(moment__lte=at) | Q(splits_period=True, moment__lte=at + BEFOREHAND))
            if one := begun.select_related("subscription", "version__plan").first():
                when = "already" if one.moment <= at else f"from {one.moment:%H:%M} UTC on, in a few minutes"
                raise RevocationRefused(f"{one.subscription} is billed by {one.version} {when}: change its plan.")
            periods = hold_last_periods(ids, at=at)
            made = _made(ids)
            count = undo(ids, problem=reason, at=at)
            make_periods_anew(list(made), list(made.values()), periods, at=at)
            return count
    except IntegrityError as error:
        raise RevocationRefused(
            "Another subscription covers from then on what one of these would go on to cover: end that one first."
        ) from error


def undo(subscription_ids: Sequence[int], *, problem: str, at: datetime) -> int:
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


def make_periods_anew(
    subscription_ids: Sequence[int], unused: Sequence[int | None], held: Sequence[int], *, at: datetime
) -> None:
    """
    Remove unused periods that were made ahead of their time, and let others be made by what is to come now.

    held: the last two periods of each subscription, locked; what is not removed of them is the last then.
    """
    if not unused:
        return
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM billing_period WHERE id = ANY(%s)", [list(unused)])
    last = [id_ for id_ in held if id_ not in set(unused)]
    follow(subscription_ids=subscription_ids, last_period_ids=last, until=at + AHEAD)


def _made(subscription_ids: Sequence[int]) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_MADE, {"ids": list(subscription_ids)})
        found = cursor.fetchall()
    if used := next((subscription_id for subscription_id, _, is_used in found if is_used), None):
        subscription = Subscription.objects.get(pk=used)
        raise RevocationRefused(f"Usage of {subscription} is counted by the new prices already: change its plan.")
    return {subscription_id: period_id for subscription_id, period_id, _ in found}


def forget_after_end(subscription: Subscription, *, at: datetime) -> None:
    """Mark what is to come for a subscription that ends before as revoked; its coverage is cut by its end."""
    too_late = ScheduledChange.objects.filter(subscription=subscription, state=ChangeState.PENDING)
    too_late.filter(moment__gte=subscription.ends_at).update(
        state=ChangeState.REVOKED, problem="The subscription ends before.", decided_at=at
    )
