"""
Schedule plan changes, at the end of a period or at a time: docs/publishing.md#audience.

A batch is one transaction and a fixed number of statements of any size. Locks are acquired in the usual order:
subscriptions, then their periods. Coverage changes at once for the future, so that a conflicting subscription is
refused when it is requested, not when the change takes effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError
from django.utils.translation import gettext as _

from billing.models import Rollout, ScheduledChange, Subscription
from billing.models.plan_changes import ChangeState
from billing.models.subscriptions import RUNNING_STATES, SubscriptionState
from billing.subscriptions.notifications import VersionChange, announce_version_changes
from billing.subscriptions.periods.boundaries import period_anchor, period_intervals
from billing.subscriptions.periods.cutoff import UNUSED_PERIOD, lock_last_periods, split_blockers
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.plan_change import (
    BillingPeriodChoice,
    ChangeRefused,
    change_plan,
    check_restart,
)
from billing.subscriptions.plan_changes.revocation import (
    PendingChange,
    read_pending_changes,
    regenerate_periods,
    revoke_pending,
)
from billing.subscriptions.terms.bulk_feature_coverage import find_coverage_conflicts, move_coverage
from lib import sql
from lib.audit_log import audited_transaction
from plans.catalog.stored_terms import list_currencies, load_terms
from plans.models import PlanVersion


@dataclass(slots=True)
class ScheduleCandidate:
    """
    A subscription to schedule, and its last regular period.

    is_unused: whether the last period was generated ahead and holds nothing, so that it can be generated again.
    splits_period: whether the period of the change is to be split.
    problem: why it can't change; empty if it can.
    split_problem: why its period can't be split.
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


# Skips subscriptions that this rollout has handled; the row lock makes two workers handle each of them once.
_LOCK_SUBSCRIPTIONS = """
SELECT s.id FROM billing_subscription s
WHERE s.id = ANY(%(ids)s) AND NOT EXISTS (
    SELECT FROM billing_scheduledchange c WHERE c.rollout_id = %(rollout)s AND c.subscription_id = s.id)
ORDER BY s.id FOR NO KEY UPDATE
"""

# One statement for the whole batch: each subscription with its last regular period, and whether that one can go.
_READ_CANDIDATES = f"""
SELECT s.id, s.version_id, v.plan_id, pl.name || ' v' || v.number, s.currency, s.starts_at, s.trial_ends_at,
    coalesce(p.anchor_at, s.anchor_at), s.ends_at, s.state, c.time_zone, p.id, p.starts_at, p.ends_at,
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
    Schedule these subscriptions for the rollout's version; return how many were newly handled.

    Each gets a row with the time of its change, or the reason why it can't change. A subscription with a row of this
    rollout is skipped, so this may run twice. An earlier scheduled change is revoked: the later publication counts.
    """
    try:
        with audited_transaction("schedule a plan change", by=None, at=at):
            return _schedule(rollout, subscription_ids, at)
    except IntegrityError as error:
        # Another transaction covered a feature in between; handled one by one, each subscription shows whether it
        # conflicts.
        if len(subscription_ids) > 1:
            return sum(
                schedule(rollout=rollout, subscription_ids=[subscription_id], at=at)
                for subscription_id in subscription_ids
            )
        with audited_transaction("schedule a plan change", by=None, at=at):
            problem = f"Another subscription conflicts with this change: {error}"
            return _schedule(rollout, subscription_ids, at, problem=problem)


def schedule_change(
    *,
    subscription: Subscription,
    version: PlanVersion,
    at: datetime,
    moment: datetime | None = None,
    billing_period: BillingPeriodChoice = "keep",
    by: User | None = None,
) -> ScheduledChange:
    """
    Schedule one subscription for a version of any plan at a future time; return the row, which can be revoked.

    moment: later than `at`, in mid-period if needed; default: the start of its next period. Another scheduled change
        is revoked.
    billing_period: as in `change_plan`.

    :raises ChangeRefused: if it can't change then; the text gives the reason and the remedy.
    """
    if moment is not None and moment <= at:
        raise ChangeRefused(
            _("%(time)s UTC is in the past. Change %(subscription)s now or at a later time.")
            % {"time": f"{moment:%Y-%m-%d %H:%M}", "subscription": subscription}
        )
    in_force_from = version.effective_from
    if in_force_from is None or in_force_from > (moment or at):
        raise ChangeRefused(
            _("%(version)s is not in force by then. Choose another version or a later time.") % {"version": version}
        )
    if billing_period == "restart":
        check_restart(version, subscription.currency)
    rollout = Rollout(version=version, effective_from=moment or at, splits_periods=moment is not None)
    try:
        with audited_transaction("schedule a plan change", by=by, at=at):
            if not _schedule(rollout, [subscription.pk], at, restarts=billing_period == "restart"):
                raise ChangeRefused(
                    _("%(version)s is no longer published. Choose another version.") % {"version": version}
                )
            change = ScheduledChange.objects.filter(subscription=subscription).latest("pk")
            if change.state == ChangeState.REFUSED:
                raise ChangeRefused(
                    _("%(subscription)s can't move to %(version)s: %(problem)s")
                    % {"subscription": subscription, "version": version, "problem": change.problem}
                )
            if change.problem:
                raise ChangeRefused(
                    _("%(subscription)s can't change in mid-period. %(problem)s")
                    % {"subscription": subscription, "problem": change.problem}
                )
            return change
    except IntegrityError as error:
        raise ChangeRefused(
            _("Another subscription conflicts with this change: %(error)s") % {"error": error}
        ) from error


def change_at(
    *,
    subscription: Subscription,
    version: PlanVersion,
    at: datetime,
    moment: datetime | None = None,
    at_period_end: bool = False,
    billing_period: BillingPeriodChoice = "keep",
    by: User | None = None,
) -> None:
    """
    Change the plan of a subscription now, at a future time, or at the end of its period.

    :raises SubscriptionRefused: as `change_plan` and `schedule_change` do.
    """
    if moment is None and not at_period_end:
        change_plan(subscription=subscription, version=version, at=at, billing_period=billing_period, by=by)
    else:
        schedule_change(
            subscription=subscription, version=version, at=at, moment=moment, billing_period=billing_period, by=by
        )


def _schedule(
    rollout: Rollout, subscription_ids: Sequence[int], at: datetime, problem: str = "", *, restarts: bool = False
) -> int:
    """Schedule subscriptions for a rollout, or for an unsaved one that represents a single change."""
    # FOR SHARE: the version can't be withdrawn until this transaction ends.
    sql.execute("SELECT FROM plans_planversion WHERE id = %(version)s FOR SHARE", {"version": rollout.version_id})
    version = PlanVersion.objects.select_related("plan").get(pk=rollout.version_id)
    if not version.is_published:  # withdrawn in between
        return 0
    ids = sql.fetch_column(_LOCK_SUBSCRIPTIONS, {"ids": list(subscription_ids), "rollout": rollout.pk})
    if not ids:
        return 0
    last_period_ids = lock_last_periods(ids, at=at)
    pending_changes = read_pending_changes(ids, at=at)
    if started_ids := [change.subscription_id for change in pending_changes if change.has_begun]:
        apply_due_changes(at=at, subscription_ids=started_ids)  # they are billed by the new version already
        pending_changes = read_pending_changes(ids, at=at)
    reasons_to_stay = {
        change.subscription_id: why for change in pending_changes if (why := _reason_to_stay(change, rollout))
    }
    # A subscription that can't change keeps the change that was scheduled for it.
    if not problem:
        _revoke_replaced(
            [change for change in pending_changes if change.subscription_id not in reasons_to_stay],
            last_period_ids,
            version,
            at=at,
        )
    candidates = [
        ScheduleCandidate(*row)
        for row in sql.fetch_rows(_READ_CANDIDATES, {"ids": ids, "at": at, "from": rollout.effective_from})
    ]
    offered = list_currencies(version)
    if rollout.splits_periods:
        _split_where_possible(candidates, rollout, restarts=restarts)
    for candidate in candidates:
        candidate.moment = (
            rollout.effective_from
            if candidate.splits_period
            else _change_time(candidate, max(at, rollout.effective_from))
        )
        # A rollout stays within its plan; a single change may lead to any plan.
        plan_problem = _find_plan_problem(candidate, version) if rollout.pk else ""
        candidate.problem = (
            problem
            or plan_problem
            or reasons_to_stay.get(candidate.subscription_id)
            or _find_problem(candidate, version, offered)
        )
    moving = {candidate.subscription_id: candidate for candidate in candidates if not candidate.problem}
    # Checked for all at once, after the cheaper problems.
    for id_, conflict in find_coverage_conflicts(
        {id_: candidate.moment for id_, candidate in moving.items()}, version
    ).items():
        moving.pop(id_).problem = conflict
    move_coverage({id_: candidate.moment for id_, candidate in moving.items()}, version)
    ScheduledChange.objects.bulk_create(
        [_build_change(candidate, rollout, at, restarts=restarts) for candidate in candidates]
    )
    version_changes = [
        VersionChange(id_, candidate.version_id, version.pk, candidate.moment) for id_, candidate in moving.items()
    ]
    announce_version_changes(version_changes, at=at, kind="subscription.change_scheduled")
    regenerate_periods(
        {candidate.subscription_id: candidate.period_id for candidate in moving.values() if candidate.is_unused},
        last_period_ids,
        at=at,
    )
    return len(candidates)


def _reason_to_stay(change: PendingChange, rollout: Rollout) -> str:
    """Return why a scheduled change is kept, or an empty text if it is replaced."""
    if change.has_begun:
        return f"Its change to {change.version_name} has started. Wait until it is complete."
    return "A plan change scheduled by a user takes precedence." if rollout.pk and change.is_manual else ""


def _revoke_replaced(
    changes: Sequence[PendingChange], last_period_ids: Sequence[int], version: PlanVersion, *, at: datetime
) -> None:
    """Revoke changes that another change replaces, and their unused periods."""
    subscription_ids = [change.subscription_id for change in changes]
    revoke_pending(subscription_ids, problem=f"Replaced by a scheduled change to {version}.", at=at)
    regenerate_periods({change.subscription_id: change.period_id for change in changes}, last_period_ids, at=at)


def _split_where_possible(candidates: Sequence[ScheduleCandidate], rollout: Rollout, *, restarts: bool) -> None:
    """Mark the candidates whose periods can be split; note for the others why not."""
    new_version_ids = set() if restarts else {rollout.version_id}  # a restarted period is a whole one
    split_problems = split_blockers({*new_version_ids, *(candidate.version_id for candidate in candidates)})
    for candidate in candidates:
        candidate.split_problem = split_problems.get(candidate.version_id) or split_problems.get(
            rollout.version_id, ""
        )
        if candidate.starts_at >= rollout.effective_from:
            candidate.split_problem = "It starts only at that time."
        elif candidate.trial_ends_at is not None and candidate.trial_ends_at > rollout.effective_from:
            candidate.split_problem = "It is in its trial at that time."
        candidate.splits_period = not candidate.split_problem


def _change_time(candidate: ScheduleCandidate, earliest: datetime) -> datetime:
    """
    Return the start, at `earliest` or later, of the first period that isn't generated yet or can be generated again.
    """
    if candidate.period_starts_at is None or candidate.period_ends_at is None:
        return earliest
    if candidate.is_unused:
        return candidate.period_starts_at
    if candidate.period_ends_at >= earliest:
        return candidate.period_ends_at
    anchor = period_anchor(
        load_terms(candidate.version_id, candidate.currency),
        anchor_at=candidate.anchor_at,
        time_zone=candidate.time_zone,
    )
    return period_intervals(anchor, start=candidate.period_ends_at, until=earliest, end=None)[-1][1]


def _find_plan_problem(candidate: ScheduleCandidate, version: PlanVersion) -> str:
    return f"It is on {candidate.version_name}, a different plan." if candidate.plan_id != version.plan_id else ""


def _find_problem(candidate: ScheduleCandidate, version: PlanVersion, offered: Sequence[str]) -> str:
    if candidate.state not in RUNNING_STATES:
        return f"It is {SubscriptionState(candidate.state).label}."
    if candidate.is_paused:
        return "It has a scheduled pause. Change its plan after it resumes."
    if candidate.version_id == version.pk:
        return f"It is already on {version}."
    if offered and candidate.currency not in offered:
        return f"{version} has no prices in {candidate.currency}."
    if candidate.ends_at is not None and candidate.ends_at <= candidate.moment:
        return "It ends before then." if candidate.splits_period else "It ends before its next period."
    return ""


def _build_change(candidate: ScheduleCandidate, rollout: Rollout, at: datetime, *, restarts: bool) -> ScheduledChange:
    return ScheduledChange(
        rollout=rollout if rollout.pk else None,
        subscription_id=candidate.subscription_id,
        from_version_id=candidate.version_id,
        version_id=rollout.version_id,
        moment=candidate.moment,
        splits_period=candidate.splits_period,
        restarts_period=restarts,
        state=ChangeState.REFUSED if candidate.problem else ChangeState.PENDING,
        problem=candidate.problem
        or (f"{candidate.split_problem} It changes when its next period begins." if candidate.split_problem else ""),
        decided_at=at if candidate.problem else None,
    )
