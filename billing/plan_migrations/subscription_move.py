"""Move one subscription of a migration, or roll it back, in the caller's transaction."""

from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

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
from billing.subscriptions.terms.price_overrides import check_not_billed, in_force_after, lock_open_periods
from lib.audit_log import audited_transaction


class MoveResult(NamedTuple):
    """The result of a move: the period that starts with it, or the scheduled change; and when it takes effect."""

    begins_at: datetime
    part: Period | None = None
    scheduled: ScheduledChange | None = None


def move_subscription(move: MigrationItem, *, at: datetime, by: User | None) -> MoveResult:
    """
    Move a subscription by its migration's terms; the caller makes sure that it wasn't moved before.

    :raises SubscriptionRefused: if the plan can't be changed.
    :raises RevocationRefused: if another scheduled change can't be revoked.
    :raises OverrideRefused: if an override can't be ended.
    :raises ConversionRefused: if a wallet can't be converted.
    """
    migration = move.migration
    with audited_transaction("migrate", by=by, at=at, migration=migration.pk):
        # The version may have changed since the selection.
        move.from_version_id = Subscription.objects.values_list("version", flat=True).get(pk=move.subscription_id)
        result = _change_plan(move, migration, at=at, by=by)
        move.part, move.change = result.part, result.scheduled
        if migration.ends_overrides:
            move.ended = _end_overrides(move.subscription, since=result.begins_at)
        if migration.converts:
            convert_wallets(move, at=at, by=by)
        move.state, move.problem, move.moved_at = (MoveState.MOVED if result.part else MoveState.SCHEDULED), "", at
        move.save()
        return result


def _change_plan(move: MigrationItem, migration: PlanMigration, *, at: datetime, by: User | None) -> MoveResult:
    subscription, version = move.subscription, migration.version
    if migration.when == MigrationTiming.NOW or (migration.moment is not None and migration.moment <= at):
        part = change_plan(subscription=subscription, version=version, at=at, by=by)
        return MoveResult(part.starts_at, part)
    scheduled = schedule_change(subscription=subscription, version=version, at=at, by=by, moment=migration.moment)
    return MoveResult(scheduled.moment, scheduled=scheduled)


def _end_overrides(subscription: Subscription, *, since: datetime) -> list[tuple[int, str | None]]:
    """End the subscription's overrides, and return when each would have ended."""
    lock_open_periods(subscription)
    overrides = in_force_after(since, Override.objects.filter(subscription=subscription))
    ended: list[tuple[int, str | None]] = []
    for override in overrides.order_by("pk"):
        ended.append((override.pk, override.ends_at.isoformat() if override.ends_at else None))
        # An override that would start later ends as it starts, so that a rollback can restore it.
        override.ends_at = max(since, override.starts_at)
        override.save(update_fields=["ends_at"])
    return ended


def roll_back_subscription(move: MigrationItem, *, at: datetime, by: User | None) -> None:
    """
    Return a subscription to its former version as if it had never moved.

    :raises RollbackRefused: if the plan change can't be undone.
    :raises RevocationRefused: if the scheduled change can't be revoked.
    :raises ConversionRefused: if a wallet can't be converted back.
    """
    with audited_transaction("roll a migration back", by=by, at=at, migration=move.migration_id):
        _restore(move, at=at, by=by)
        move.state, move.problem, move.undone_at = MoveState.UNDONE, "", at
        move.save()


def _restore(move: MigrationItem, *, at: datetime, by: User | None) -> None:
    subscription = move.subscription
    if move.change is not None:
        # The change may have become due in the meantime; then a period has to be rolled back.
        apply_due_changes(at=at, subscription_ids=[subscription.pk])
        move.change.refresh_from_db()
        if move.change.state == ChangeState.PENDING:
            revoke(subscription_ids=[subscription.pk], at=at, by=by, reason=f"{move.migration} was rolled back.")
        if move.change.state in (ChangeState.PENDING, ChangeState.REVOKED):
            _restore_overrides(move)
            return
        move.part = _find_new_part(move.change)
    if move.part is None:
        raise RollbackRefused(_("The period of the change no longer exists."))

    def restore() -> None:
        if move.migration.converts:
            convert_wallets_back(move, at=at, by=by)
        _restore_overrides(move)

    roll_back_change(
        subscription=subscription, part=move.part, former_version=move.from_version, restore=restore, at=at, by=by
    )


def _find_new_part(change: ScheduledChange) -> Period | None:
    periods = Period.objects.filter(
        subscription=change.subscription_id, kind=PeriodKind.REGULAR, version=change.version_id
    )
    return periods.filter(starts_at=change.moment).first()


def _restore_overrides(move: MigrationItem) -> None:
    """Restore the former ends of the overrides that the move ended."""
    if not move.ended:
        return
    lock_open_periods(move.subscription)
    overrides = Override.objects.in_bulk([id_ for id_, _ in move.ended])
    for id_, ends_at in move.ended:
        override = overrides[id_]
        # Extending an override must not change a billed period.
        if override.ends_at is not None:
            check_not_billed(move.subscription, override.ends_at)
        override.ends_at = ends_at and datetime.fromisoformat(ends_at)
        override.save(update_fields=["ends_at"])
