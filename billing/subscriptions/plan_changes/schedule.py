"""
Schedule subscriptions to move to another version, at the end of a period or at a moment: docs/publishing.md#whom.

A chunk is one transaction and a fixed number of statements, whatever its size. Locks are taken in the order that
everybody keeps: subscriptions, then their periods. What a subscription covers follows the change at once, so that
whoever would be in its way is refused then and there, and not when the time has come.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, connection

from billing.models import Rollout, ScheduledChange, Subscription
from billing.models.plan_changes import ChangeState
from billing.models.subscriptions import RUNNING_STATES, SubscriptionState
from billing.subscriptions.notifications import VersionChange, announce_version_changes
from billing.subscriptions.periods.boundaries import period_anchor, period_intervals
from billing.subscriptions.periods.cutoff import UNUSED_PERIOD, lock_last_periods, split_blockers
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.plan_change import ChangeRefused, change_plan
from billing.subscriptions.plan_changes.revocation import (
    PendingChange,
    read_pending_changes,
    regenerate_periods,
    revoke_pending,
)
from billing.subscriptions.terms.bulk_feature_coverage import find_coverage_conflicts, move_coverage
from lib.audit_log import audited_transaction
from plans.catalog.stored_terms import list_currencies, load_terms
from plans.models import PlanVersion


@dataclass(slots=True)
class ScheduleCandidate:
    """
    A subscription that is to move, and its last regular period.

    is_unused: whether the last period was made ahead of its time and holds nothing, so that it can be made anew.
    splits: whether the period that the moment falls in is to be split there.
    problem: why it cannot move; empty if it can. note: why its period cannot be split.
    """

    subscription_id: int
    version_id: int
    plan_id: int
    version_name: str
    currency: str
    starts_at: datetime
    trial_ends_at: datetime | None
    anchor_at: datetime
    ends_at: datetime | None
    state: str
    time_zone: str
    period_id: int | None
    period_starts_at: datetime | None
    period_ends_at: datetime | None
    is_unused: bool
    is_paused: bool
    moment: datetime = field(init=False)
    splits_period: bool = False
    problem: str = ""
    split_problem: str = ""


_LOCK_SUBSCRIPTIONS = """
SELECT s.id FROM billing_subscription s
WHERE s.id = ANY(%(ids)s) AND NOT EXISTS (
    SELECT FROM billing_scheduledchange c WHERE c.rollout_id = %(rollout)s AND c.subscription_id = s.id)
ORDER BY s.id FOR NO KEY UPDATE
"""

_FACTS = f"""
SELECT s.id, s.version_id, v.plan_id, pl.name || ' v' || v.number, s.currency, s.starts_at, s.trial_ends_at,
    s.anchor_at, s.ends_at, s.state, c.time_zone, p.id, p.starts_at, p.ends_at,
    p.starts_at > %(at)s AND p.starts_at >= %(from)s AND p.starts_at > s.starts_at AND {UNUSED_PERIOD},
    EXISTS (SELECT FROM billing_pause z WHERE z.subscription_id = s.id AND z.state IN ('to_come', 'running'))
FROM billing_subscription s JOIN customers_customer c ON c.id = s.customer_id
JOIN plans_planversion v ON v.id = s.version_id JOIN plans_plan pl ON pl.id = v.plan_id
LEFT JOIN LATERAL (SELECT * FROM billing_period p
    WHERE p.subscription_id = s.id AND p.kind = 'regular' ORDER BY p.starts_at DESC LIMIT 1) p ON true
WHERE s.id = ANY(%(ids)s) ORDER BY s.id
"""  # noqa: S608


def schedule(*, rollout: Rollout, subscription_ids: Sequence[int], at: datetime) -> int:
    """
    Let these subscriptions move to the rollout's version, when it says; return how many were looked at anew.

    Each gets a row that says when, or why not. One that has a row of this rollout already is left alone, so this may
    run twice. A change that was to come before is revoked: the later publication counts.
    """
    try:
        with audited_transaction("schedule a move", by=None, at=at):
            return _schedule(rollout, subscription_ids, at)
    except IntegrityError as error:
        # Somebody covered a feature meanwhile; alone, each subscription shows whether it is the one.
        if len(subscription_ids) > 1:
            return sum(schedule(rollout=rollout, subscription_ids=[one], at=at) for one in subscription_ids)
        with audited_transaction("schedule a move", by=None, at=at):
            return _schedule(rollout, subscription_ids, at, problem=f"Another subscription is in the way: {error}")


def schedule_change(
    *,
    subscription: Subscription,
    version: PlanVersion,
    at: datetime,
    moment: datetime | None = None,
    by: AbstractBaseUser | None = None,
) -> ScheduledChange:
    """
    Let one subscription move to a version, of any plan, at a moment to come; return the row that may be revoked.

    moment: later than `at`, in mid-period if need be; where its next period begins when absent. Another change that
        was to come is revoked.

    :raises ChangeRefused: if it cannot move then; the text says why and what to do.
    """
    if moment is not None and moment <= at:
        raise ChangeRefused(f"{moment:%Y-%m-%d %H:%M} UTC is past: change {subscription} now or at a later moment.")
    begins = version.effective_from
    if begins is None or begins > (moment or at):
        raise ChangeRefused(f"{version} is not in force by then: choose another version or a later moment.")
    wanted = Rollout(version=version, effective_from=moment or at, splits_periods=moment is not None)
    try:
        with audited_transaction("schedule a change of plan", by=by, at=at):
            if not _schedule(wanted, [subscription.pk], at):
                raise ChangeRefused(f"{version} is not published any more: choose another version.")
            made = ScheduledChange.objects.filter(subscription=subscription).latest("pk")
            if made.state == ChangeState.REFUSED:
                raise ChangeRefused(f"{subscription} cannot move to {version}: {made.problem}")
            if made.problem:
                raise ChangeRefused(f"{made.problem.split(':')[0]}: change the plan at the period's end.")
            return made
    except IntegrityError as error:
        raise ChangeRefused(f"Another subscription is in the way: {error}") from error


def change_at(
    *,
    subscription: Subscription,
    version: PlanVersion,
    at: datetime,
    moment: datetime | None = None,
    at_period_end: bool = False,
    by: AbstractBaseUser | None = None,
) -> None:
    """
    Change the plan of a subscription: now, or at a moment to come, or at the end of its period.

    :raises SubscriptionRefused: as `change_plan` and `schedule_change` do.
    """
    if moment is None and not at_period_end:
        change_plan(subscription=subscription, version=version, at=at, by=by)
    else:
        schedule_change(subscription=subscription, version=version, at=at, moment=moment, by=by)


def _schedule(rollout: Rollout, subscription_ids: Sequence[int], at: datetime, problem: str = "") -> int:
    """Do it for a rollout; or, where that is not saved, as it would be done for one."""
    _execute("SELECT FROM plans_planversion WHERE id = %(version)s FOR SHARE", {"version": rollout.version_id})
    version = PlanVersion.objects.select_related("plan").get(pk=rollout.version_id)
    if not version.is_published:  # it was withdrawn meanwhile
        return 0
    ids = [id_ for (id_,) in _rows(_LOCK_SUBSCRIPTIONS, {"ids": list(subscription_ids), "rollout": rollout.pk})]
    if not ids:
        return 0
    held = lock_last_periods(ids, at=at)
    moves = read_pending_changes(ids, at=at)
    if begun := [one.subscription_id for one in moves if one.has_begun]:
        apply_due_changes(at=at, subscription_ids=begun)  # the state lags behind: they are billed by it already
        moves = read_pending_changes(ids, at=at)
    stay = {one.subscription_id: why for one in moves if (why := _stays(one, rollout))}
    if not problem:
        _take_back([one for one in moves if one.subscription_id not in stay], held, version, at=at)
    found = [ScheduleCandidate(*row) for row in _rows(_FACTS, {"ids": ids, "at": at, "from": rollout.effective_from})]
    offered = list_currencies(version)
    if rollout.splits_periods:
        _split_where_possible(found, rollout)
    for one in found:
        one.moment = rollout.effective_from if one.splits_period else _moment(one, max(at, rollout.effective_from))
        elsewhere = _other_plan(one, version) if rollout.pk else ""
        one.problem = problem or elsewhere or stay.get(one.subscription_id) or _problem(one, version, offered)
    moving = {one.subscription_id: one for one in found if not one.problem}
    for id_, why in find_coverage_conflicts({id_: one.moment for id_, one in moving.items()}, version).items():
        moving.pop(id_).problem = why
    move_coverage({id_: one.moment for id_, one in moving.items()}, version)
    ScheduledChange.objects.bulk_create([_row(one, rollout, at) for one in found])
    to_be_told = [VersionChange(id_, one.version_id, version.pk, one.moment) for id_, one in moving.items()]
    announce_version_changes(to_be_told, at=at, kind="subscription.change_scheduled")
    regenerate_periods({one.subscription_id: one.period_id for one in moving.values() if one.is_unused}, held, at=at)
    return len(found)


def _stays(move: PendingChange, rollout: Rollout) -> str:
    """Return why a change that is to come stays as it is, if it does."""
    if move.has_begun:
        return f"Its change to {move.version_name} has begun: wait until that is done."
    return "A change of plan was asked for by hand, which counts." if rollout.pk and move.is_manual else ""


def _take_back(moves: Sequence[PendingChange], held: Sequence[int], version: PlanVersion, *, at: datetime) -> None:
    """Revoke what another change takes the place of, with the periods that were made for it ahead of their time."""
    revoke_pending([one.subscription_id for one in moves], problem=f"{version} is to come instead.", at=at)
    regenerate_periods({one.subscription_id: one.period_id for one in moves}, held, at=at)


def _split_where_possible(found: Sequence[ScheduleCandidate], rollout: Rollout) -> None:
    """Let the periods be split that can be; say of the others why they end first."""
    whole = split_blockers({rollout.version_id, *(one.version_id for one in found)})
    for one in found:
        one.split_problem = whole.get(one.version_id) or whole.get(rollout.version_id, "")
        if one.starts_at >= rollout.effective_from:
            one.split_problem = "It starts only then"
        elif one.trial_ends_at is not None and one.trial_ends_at > rollout.effective_from:
            one.split_problem = "It is in its trial then"
        one.splits_period = not one.split_problem


def _moment(one: ScheduleCandidate, earliest: datetime) -> datetime:
    """Return where the first period begins that is not yet made, or can be made anew, at `earliest` or later."""
    if one.period_starts_at is None or one.period_ends_at is None:
        return earliest
    if one.is_unused:
        return one.period_starts_at
    if one.period_ends_at >= earliest:
        return one.period_ends_at
    anchor = period_anchor(load_terms(one.version_id, one.currency), anchor_at=one.anchor_at, time_zone=one.time_zone)
    return period_intervals(anchor, start=one.period_ends_at, until=earliest, end=None)[-1][1]


def _other_plan(one: ScheduleCandidate, version: PlanVersion) -> str:
    return f"It is on {one.version_name}, which is another plan." if one.plan_id != version.plan_id else ""


def _problem(one: ScheduleCandidate, version: PlanVersion, offered: Sequence[str]) -> str:
    if one.state not in RUNNING_STATES:
        return f"It is {SubscriptionState(one.state).label}."
    if one.is_paused:
        return "It is to be paused: change its plan once it goes on."
    if one.version_id == version.pk:
        return f"It is on {version} already."
    if offered and one.currency not in offered:
        return f"{version} has no prices in {one.currency}."
    if one.ends_at is not None and one.ends_at <= one.moment:
        return "It ends before that." if one.splits_period else "It ends before its next period."
    return ""


def _row(one: ScheduleCandidate, rollout: Rollout, at: datetime) -> ScheduledChange:
    return ScheduledChange(
        rollout=rollout if rollout.pk else None,
        subscription_id=one.subscription_id,
        from_version_id=one.version_id,
        version_id=rollout.version_id,
        moment=one.moment,
        splits_period=one.splits_period,
        state=ChangeState.REFUSED if one.problem else ChangeState.PENDING,
        problem=one.problem
        or (f"{one.split_problem}: it moves where its next period begins." if one.split_problem else ""),
        decided_at=at if one.problem else None,
    )


def _rows(statement: str, parameters: dict[str, object]) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def _execute(statement: str, parameters: dict[str, object]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
