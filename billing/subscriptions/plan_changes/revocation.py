"""Revoke scheduled changes before they take effect: any number in a fixed number of statements."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import IntegrityError
from django.db.models import Q
from django.utils.translation import gettext as _

from billing.models import ScheduledChange, Subscription
from billing.models.plan_changes import ChangeState
from billing.subscriptions.notifications import announce_for_each
from billing.subscriptions.periods.cutoff import UNUSED_PERIOD, lock_last_periods
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME, append_periods
from lib import sql
from lib.audit_log import audited_transaction

SPLIT_LEAD_TIME = timedelta(minutes=10)
"""Lead time for splitting a period before its change, so that usage after the change finds the new part."""


class RevocationRefused(Exception):
    """A change can't be revoked; the text gives the reason and the remedy."""


# Coverage that starts at the time of the change or later was added for it; coverage that ends at that time was open
# before.
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

_PENDING_CHANGES = f"""
SELECT m.subscription_id, pl.name || ' v' || v.number, m.rollout_id IS NULL, p.id,
    p.id IS NOT NULL AND (p.starts_at <= %(at)s OR NOT ({UNUSED_PERIOD})
        -- A period was already ended for it, shortly before.
        OR m.splits_period AND p.anchor_at = p.starts_at)
FROM billing_scheduledchange m
JOIN plans_planversion v ON v.id = m.version_id JOIN plans_plan pl ON pl.id = v.plan_id
LEFT JOIN billing_period p
    ON p.subscription_id = m.subscription_id AND p.kind = 'regular' AND p.starts_at >= m.moment
WHERE m.subscription_id = ANY(%(ids)s) AND m.state = 'pending'
"""  # noqa: S608


class PendingChange(NamedTuple):
    """
    A scheduled change.

    is_manual: whether it was requested manually, not by a rollout.
    period_id: the period that was generated ahead for it, if there is one.
    has_begun: whether that period has started or holds usage, so that it can't be deleted.
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
    by: User | None = None,
    reason: str = "Revoked by hand.",
) -> int:
    """
    Revoke the scheduled changes of these subscriptions; return how many had one.

    :raises RevocationRefused: if a change has taken effect, usage is counted under the new prices already, or another
        subscription covers in the meantime a feature that one of these gave up. None is revoked then.
    """
    try:
        with audited_transaction("revoke a scheduled change", by=by, at=at):
            # Subscriptions first, then their last periods: the lock order of every change of a subscription.
            locked_subscriptions = (
                Subscription.objects.select_for_update(no_key=True).filter(pk__in=subscription_ids).order_by("pk")
            )
            ids = list(locked_subscriptions.values_list("pk", flat=True))
            pending = ScheduledChange.objects.filter(subscription__in=ids, state=ChangeState.PENDING)
            started_changes = pending.filter(
                Q(moment__lte=at) | Q(splits_period=True, moment__lte=at + SPLIT_LEAD_TIME)
            )
            if started_change := started_changes.select_related("subscription", "version__plan").first():
                if started_change.moment <= at:
                    text = _("%(subscription)s is already billed with %(version)s. Change its plan instead.")
                else:
                    text = _(
                        "%(subscription)s is billed with %(version)s from %(time)s UTC, in a few minutes. Change its"
                        " plan instead."
                    )
                values = {
                    "subscription": started_change.subscription,
                    "version": started_change.version,
                    "time": f"{started_change.moment:%H:%M}",
                }
                raise RevocationRefused(text % values)
            periods = lock_last_periods(ids, at=at)
            pending_changes = read_pending_changes(ids, at=at)
            # A period with usage can't be deleted, so its change can't be revoked.
            if used := next((move.subscription_id for move in pending_changes if move.has_begun), None):
                subscription = Subscription.objects.get(pk=used)
                text = _("Usage of %(subscription)s is already counted at the new prices. Change its plan instead.")
                raise RevocationRefused(text % {"subscription": subscription})
            count = revoke_pending(ids, problem=reason, at=at)
            regenerate_periods({move.subscription_id: move.period_id for move in pending_changes}, periods, at=at)
            announce_for_each(
                "subscription.change_withdrawn", [move.subscription_id for move in pending_changes], at=at
            )
            return count
    # The former coverage is restored, and an exclusion constraint refuses overlaps.
    except IntegrityError as error:
        raise RevocationRefused(
            _("Another subscription covers features of one of these subscriptions from then on. End it first.")
        ) from error


def read_pending_changes(subscription_ids: Sequence[int], *, at: datetime) -> list[PendingChange]:
    """Return the scheduled changes of these subscriptions, whose last periods the caller has locked."""
    rows = sql.fetch_rows(_PENDING_CHANGES, {"ids": list(subscription_ids), "at": at})
    return [PendingChange(*row) for row in rows]


def revoke_pending(subscription_ids: Sequence[int], *, problem: str, at: datetime) -> int:
    """
    Mark the scheduled changes of these subscriptions, which the caller has locked, as revoked; return how many.

    Their coverage is restored; the caller regenerates the periods that were generated for the change.

    :raises IntegrityError: if another subscription covers in the meantime a feature that one of these gave up.
    """
    pending = ScheduledChange.objects.filter(subscription__in=subscription_ids, state=ChangeState.PENDING)
    ids = list(pending.values_list("pk", flat=True))
    if ids:
        for statement in _UNDO_COVERAGE:
            sql.execute(statement, {"ids": ids})
        ScheduledChange.objects.filter(pk__in=ids).update(state=ChangeState.REVOKED, problem=problem, decided_at=at)
    return len(ids)


def regenerate_periods(
    unused_period_ids: Mapping[int, int | None], last_period_ids: Sequence[int], *, at: datetime
) -> None:
    """
    Delete unused periods that were generated ahead, and generate them again under the present schedule.

    unused_period_ids: subscription → its unused period, None if there is none.
    last_period_ids: the last two periods of each subscription, locked; those that are not deleted are the last ones
        then.
    """
    deleted_ids = {subscription_id: id_ for subscription_id, id_ in unused_period_ids.items() if id_ is not None}
    if not deleted_ids:
        return
    sql.execute("DELETE FROM billing_period WHERE id = ANY(%s)", [list(deleted_ids.values())])
    remaining_ids = [id_ for id_ in last_period_ids if id_ not in deleted_ids.values()]
    append_periods(subscription_ids=list(deleted_ids), last_period_ids=remaining_ids, until=at + PERIOD_LEAD_TIME)


def revoke_changes_after_end(subscription: Subscription, *, at: datetime) -> None:
    """
    Mark the scheduled change of a subscription that ends before it as revoked; the end already shortened the
    coverage.
    """
    pending = ScheduledChange.objects.filter(subscription=subscription, state=ChangeState.PENDING)
    pending.filter(moment__gte=subscription.ends_at).update(
        state=ChangeState.REVOKED, problem="The subscription ends before then.", decided_at=at
    )
