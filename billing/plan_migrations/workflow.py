"""Workflow of a migration: preview, announce, run, roll back, discard."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from billing.jobs import start
from billing.models import Job, PlanMigration
from billing.models.jobs import ENDED_STATES, JobKind
from billing.models.plan_migrations import MigrationState, MoveState
from billing.plan_migrations.cohort import MigrationRefused
from billing.plan_migrations.notifications import announce_to_customers
from lib.audit_log import audited_transaction


def preview(*, migration_id: int, at: datetime, by: User | None) -> Job:
    """
    Start the job that previews the move of each subscription.

    :raises MigrationRefused: if the migration is running, or another of its jobs is.
    """
    with _lock_migration(migration_id, (MigrationState.PLANNED,), "preview a migration", at=at, by=by) as migration:
        return _start(migration, JobKind.MIGRATION_PREVIEW, f"Preview of {migration.title}", at=at, by=by)


def announce(*, migration_id: int, at: datetime, by: User | None) -> PlanMigration:
    """
    Announce the changes to the customers. The notice period of the run starts now.

    :raises MigrationRefused: if the migration has no announcement, or it was made already.
    """
    with _lock_migration(
        migration_id, (MigrationState.PLANNED,), "notify customers of a migration", at=at, by=by
    ) as migration:
        if migration.notice_days is None:
            raise MigrationRefused(_("This migration has no notice period, so no customer is notified."))
        if migration.announced_at is not None:
            raise MigrationRefused(
                _("Customers were already notified on %(date)s.") % {"date": f"{migration.announced_at:%Y-%m-%d}"}
            )
        migration.announced_at = at
        announce_to_customers(migration, at=at)
        return migration


def discard(*, migration_id: int, at: datetime, by: User | None) -> PlanMigration:
    """Discard the migration before it is run."""
    with _lock_migration(migration_id, (MigrationState.PLANNED,), "drop a migration", at=at, by=by) as migration:
        migration.state = MigrationState.DROPPED
    return migration


def run(*, migration_id: int, at: datetime, by: User | None) -> Job:
    """
    Start the job that moves every waiting subscription; a repeated run moves those that were refused, and no others.

    :raises MigrationRefused: if the notice period isn't over, or no subscription waits.
    """
    with _lock_migration(
        migration_id, (MigrationState.PLANNED, MigrationState.BEGUN), "run a migration", at=at, by=by
    ) as migration:
        if problem := find_missing_step(migration, at=at):
            raise MigrationRefused(problem)
        # A repeated run retries the refused moves.
        migration.moves.filter(state=MoveState.REFUSED).update(state=MoveState.WAITING)
        if not migration.moves.filter(state=MoveState.WAITING).exists():
            raise MigrationRefused(_("No subscription is waiting to move."))
        migration.state = MigrationState.BEGUN
        return _start(migration, JobKind.MIGRATION, migration.title, at=at, by=by)


def roll_back(*, migration_id: int, at: datetime, by: User | None) -> Job:
    """
    Start the job that rolls back every moved subscription; a repeated one retries those that couldn't be rolled back.

    :raises MigrationRefused: if no subscription was moved, or the run is still in progress.
    """
    states = (MigrationState.BEGUN, MigrationState.UNDONE)
    with _lock_migration(migration_id, states, "roll a migration back", at=at, by=by) as migration:
        if not migration.moves.filter(state__in=[MoveState.SCHEDULED, MoveState.MOVED]).exists():
            raise MigrationRefused(_("No moved subscription is left to roll back."))
        migration.state = MigrationState.UNDONE
        return _start(migration, JobKind.MIGRATION_UNDO, f"{migration.title}: rolled back", at=at, by=by)


def find_missing_step(migration: PlanMigration, *, at: datetime) -> str:
    """Return why the migration can't be run yet, with the remedy; empty if it can."""
    if migration.notice_days is None:
        return ""
    if migration.announced_at is None:
        return _("Customers must be notified %(days)s days before. Notify them first.") % {
            "days": migration.notice_days
        }
    begins_at = migration.announced_at + timedelta(days=migration.notice_days)
    if at < begins_at:
        return _("Customers were notified that it starts on %(time)s UTC at the earliest.") % {
            "time": f"{begins_at:%Y-%m-%d %H:%M}"
        }
    return ""


def read_jobs(migration_id: int) -> list[Job]:
    """Return the migration's jobs, the latest first."""
    kinds = [JobKind.MIGRATION_PREVIEW, JobKind.MIGRATION, JobKind.MIGRATION_UNDO]
    return list(Job.objects.filter(kind__in=kinds, parameters__migration=migration_id).order_by("-pk"))


def _start(migration: PlanMigration, kind: JobKind, title: str, *, at: datetime, by: User | None) -> Job:
    return start.start(kind=kind, title=title, parameters={"migration": migration.pk}, dry_run=False, by=by, at=at)


@contextmanager
def _lock_migration(
    migration_id: int, states: tuple[MigrationState, ...], action: str, *, at: datetime, by: User | None
) -> Iterator[PlanMigration]:
    """
    Lock a migration that is in one of `states` and has no running job, and store the changes that the block makes.
    """
    with audited_transaction(action, by=by, at=at):
        # Row lock: two operators' steps of one migration happen one after the other.
        migrations = PlanMigration.objects.select_for_update(of=("self",)).select_related("version__plan")
        migration = migrations.get(pk=migration_id)
        if migration.state not in states:
            raise MigrationRefused(
                _("The migration is already %(state)s.") % {"state": migration.get_state_display()}
            )
        if under_way := next((job for job in read_jobs(migration_id) if job.state not in ENDED_STATES), None):
            text = _("“%(job)s” is %(state)s. Wait for it to finish, or cancel it first.")
            raise MigrationRefused(text % {"job": under_way.title, "state": under_way.get_state_display()})
        yield migration
        migration.save(update_fields=["state", "announced_at"])
