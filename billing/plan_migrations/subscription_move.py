"""Move one subscription of a migration, and take it back: in the transaction of whoever calls."""

from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q

from billing.models import MigrationItem, Override, Period, PlanMigration, ScheduledChange, Subscription
from billing.models.periods import PeriodKind
from billing.models.plan_changes import ChangeState
from billing.models.plan_migrations import MigrationTiming, MoveState
from billing.plan_migrations.rollback import RollbackRefused, roll_back_change
from billing.plan_migrations.wallet_conversion import convert_wallets, convert_wallets_back
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.plan_change import change_plan
from billing.subscriptions.plan_changes.revocation import revoke
from billing.subscriptions.plan_changes.schedule import schedule_change
from billing.subscriptions.terms.price_overrides import check_not_billed, lock_open_periods
from lib.audit_log import audited_transaction

By = AbstractBaseUser | None


class MoveResult(NamedTuple):
    """What moving came to: the period that begins with it, or the row that schedules it; and when it begins."""

    begins_at: datetime
    part: Period | None = None
    scheduled: ScheduledChange | None = None


def move_subscription(one: MigrationItem, *, at: datetime, by: By) -> MoveResult:
    """
    Move a subscription as its migration says, which is not done before.

    :raises SubscriptionRefused, RevocationRefused, OverrideRefused, CannotConvert: if that is not possible.
    """
    migration = one.migration
    with audited_transaction("migrate", by=by, at=at, migration=migration.pk):
        one.from_version_id = Subscription.objects.values_list("version", flat=True).get(pk=one.subscription_id)
        found = _change(one, migration, at=at, by=by)
        one.part, one.change = found.part, found.scheduled
        if migration.ends_overrides:
            one.ended = _end_overrides(one.subscription, since=found.begins_at)
        if migration.converts:
            convert_wallets(one, at=at, by=by)
        one.state, one.problem, one.moved_at = (MoveState.MOVED if found.part else MoveState.SCHEDULED), "", at
        one.save()
        return found


def _change(one: MigrationItem, migration: PlanMigration, *, at: datetime, by: By) -> MoveResult:
    asked = {"subscription": one.subscription, "version": migration.version, "at": at, "by": by}
    if migration.when == MigrationTiming.NOW or (migration.moment is not None and migration.moment <= at):
        part = change_plan(**asked)
        return MoveResult(part.starts_at, part)
    scheduled = schedule_change(**asked, moment=migration.moment)
    return MoveResult(scheduled.moment, scheduled=scheduled)


def _end_overrides(subscription: Subscription, *, since: datetime) -> list[tuple[int, str | None]]:
    """End what was agreed beside the price list, and return when each would have ended."""
    lock_open_periods(subscription)
    agreed = Override.objects.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=since), subscription=subscription)
    ended = []
    for found in agreed.order_by("pk"):
        ended.append((found.pk, found.ends_at and found.ends_at.isoformat()))
        found.ends_at = max(since, found.starts_at)
        found.save(update_fields=["ends_at"])
    return ended


def roll_back_subscription(one: MigrationItem, *, at: datetime, by: By) -> None:
    """
    Let a subscription be on its former version as if it had never moved.

    :raises CannotUndo, RevocationRefused, CannotConvert: if that is not possible.
    """
    with audited_transaction("roll a migration back", by=by, at=at, migration=one.migration_id):
        _restore(one, at=at, by=by)
        one.state, one.problem, one.undone_at = MoveState.UNDONE, "", at
        one.save()


def _restore(one: MigrationItem, *, at: datetime, by: By) -> None:
    subscription = one.subscription
    if one.change is not None:
        apply_due_changes(at=at, subscription_ids=[subscription.pk])
        one.change.refresh_from_db()
        if one.change.state == ChangeState.PENDING:
            revoke(subscription_ids=[subscription.pk], at=at, by=by, reason=f"{one.migration} was rolled back.")
        if one.change.state in (ChangeState.PENDING, ChangeState.REVOKED):
            _restore_overrides(one)
            return
        one.part = _begun_by(one.change)
    if one.part is None:
        raise RollbackRefused("The period that it begins with is not there any more.")

    def restore() -> None:
        if one.migration.converts:
            convert_wallets_back(one, at=at, by=by)
        _restore_overrides(one)

    roll_back_change(
        subscription=subscription, part=one.part, former_version=one.from_version, restore=restore, at=at, by=by
    )


def _begun_by(done: ScheduledChange) -> Period | None:
    made = Period.objects.filter(subscription=done.subscription_id, kind=PeriodKind.REGULAR, version=done.version_id)
    return made.filter(starts_at=done.moment).first()


def _restore_overrides(one: MigrationItem) -> None:
    """Let what ended with the move hold for as long as it was agreed."""
    if not one.ended:
        return
    lock_open_periods(one.subscription)
    found = Override.objects.in_bulk([id_ for id_, _ in one.ended])
    for id_, ends_at in one.ended:
        agreed = found[id_]
        if agreed.ends_at is not None:
            check_not_billed(one.subscription, agreed.ends_at)
        agreed.ends_at = ends_at and datetime.fromisoformat(ends_at)
        agreed.save(update_fields=["ends_at"])
