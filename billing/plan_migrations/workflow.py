"""What people do with a migration, step by step: preview, tell, ask, approve, run, roll back, drop."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser

from billing.jobs import start
from billing.models import Job, PlanMigration
from billing.models.jobs import ENDED_STATES, JobKind
from billing.models.plan_migrations import MigrationState, MoveState
from billing.plan_migrations.cohort import MigrationRefused
from billing.plan_migrations.notifications import announce_to_customers
from lib.audit_log import audited_transaction
from plans.models import PublishingRule

By = AbstractBaseUser | None
OPEN_STATES = (MigrationState.PLANNED, MigrationState.REVIEW, MigrationState.APPROVED)
"""States in which nothing has been moved yet."""


def preview(*, migration_id: int, at: datetime, by: By) -> Job:
    """
    Start the job that says of each subscription what moving it would come to.

    :raises MigrationRefused: if it is begun, or another of its jobs is under way.
    """
    with _held(migration_id, OPEN_STATES, "preview a migration", at=at, by=by) as migration:
        return _start(migration, JobKind.MIGRATION_PREVIEW, f"Preview of {migration.title}", at=at, by=by)


def announce(*, migration_id: int, at: datetime, by: By) -> int:
    """
    Tell the customers what will change; return how many are told. The run waits for the days agreed from now on.

    :raises MigrationRefused: if nobody is to be told, or everybody was already.
    """
    with _held(migration_id, OPEN_STATES, "tell customers of a migration", at=at, by=by) as migration:
        if migration.notice_days is None:
            raise MigrationRefused("Nobody is to be told of this migration.")
        if migration.told_at is not None:
            raise MigrationRefused(f"Customers were told on {migration.told_at:%Y-%m-%d}.")
        migration.told_at = at
        return announce_to_customers(migration, at=at)


def request_approval(*, migration_id: int, at: datetime, by: AbstractBaseUser) -> PlanMigration:
    """
    Ask somebody else to approve it.

    :raises MigrationRefused: if that was done already.
    """
    with _held(migration_id, (MigrationState.PLANNED,), "ask for approval", at=at, by=by) as migration:
        migration.state, migration.asked_by = MigrationState.REVIEW, by
    return migration


def approve(*, migration_id: int, at: datetime, by: AbstractBaseUser) -> PlanMigration:
    """
    Agree to it; it may be run then.

    :raises MigrationRefused: if it was not asked for, or by the same person.
    """
    with _held(migration_id, (MigrationState.REVIEW,), "approve a migration", at=at, by=by) as migration:
        if migration.asked_by_id == by.pk:
            raise MigrationRefused("Who asked for it cannot approve it: somebody else has to.")
        migration.state, migration.approved_by, migration.approved_at = MigrationState.APPROVED, by, at
    return migration


def reject(*, migration_id: int, at: datetime, by: AbstractBaseUser) -> PlanMigration:
    """Say no to it, or take back what was asked or approved; it may be asked for again."""
    states = (MigrationState.REVIEW, MigrationState.APPROVED)
    with _held(migration_id, states, "decline a migration", at=at, by=by) as migration:
        migration.state, migration.approved_by, migration.approved_at = MigrationState.PLANNED, None, None
    return migration


def discard(*, migration_id: int, at: datetime, by: By) -> PlanMigration:
    """Give it up before it is begun."""
    with _held(migration_id, OPEN_STATES, "drop a migration", at=at, by=by) as migration:
        migration.state = MigrationState.DROPPED
    return migration


def run(*, migration_id: int, at: datetime, by: By) -> Job:
    """
    Start the job that moves everybody who waits; again for those who were refused, and for nobody else.

    :raises MigrationRefused: if an approval is missing, customers are not told for long enough, or nobody waits.
    """
    with _held(migration_id, (*OPEN_STATES, MigrationState.BEGUN), "run a migration", at=at, by=by) as migration:
        if problem := find_missing_step(migration, at=at):
            raise MigrationRefused(problem)
        migration.moves.filter(state=MoveState.REFUSED).update(state=MoveState.WAITING)
        if not migration.moves.filter(state=MoveState.WAITING).exists():
            raise MigrationRefused("Nobody waits to be moved.")
        migration.state = MigrationState.BEGUN
        return _start(migration, JobKind.MIGRATION, migration.title, at=at, by=by)


def roll_back(*, migration_id: int, at: datetime, by: By) -> Job:
    """
    Start the job that takes everybody back who was moved; again for those who could not go back.

    :raises MigrationRefused: if nobody was moved, or the run is under way.
    """
    states = (MigrationState.BEGUN, MigrationState.UNDONE)
    with _held(migration_id, states, "roll a migration back", at=at, by=by) as migration:
        if not migration.moves.filter(state__in=[MoveState.SCHEDULED, MoveState.MOVED]).exists():
            raise MigrationRefused("Nobody is left who was moved by it.")
        migration.state = MigrationState.UNDONE
        return _start(migration, JobKind.MIGRATION_UNDO, f"{migration.title}: rolled back", at=at, by=by)


def find_missing_step(migration: PlanMigration, *, at: datetime) -> str:
    """Return why it cannot be run yet, and what to do; empty if nothing is missing."""
    rule = PublishingRule.objects.get()
    if rule.migrations_need_approval and migration.approved_at is None:
        return "It needs the approval of a second person: ask for it, or wait until it is given."
    if migration.notice_days is None:
        return ""
    if migration.told_at is None:
        return f"Customers are to be told {migration.notice_days} days ahead: tell them first."
    begins_at = migration.told_at + timedelta(days=migration.notice_days)
    if at < begins_at:
        return f"Customers were told that it begins on {begins_at:%Y-%m-%d %H:%M} UTC at the earliest."
    return ""


def read_jobs(migration_id: int) -> list[Job]:
    """Return its jobs, the latest first."""
    kinds = [JobKind.MIGRATION_PREVIEW, JobKind.MIGRATION, JobKind.MIGRATION_UNDO]
    return list(Job.objects.filter(kind__in=kinds, parameters__migration=migration_id).order_by("-pk"))


def _start(migration: PlanMigration, kind: JobKind, title: str, *, at: datetime, by: By) -> Job:
    return start.start(kind=kind, title=title, parameters={"migration": migration.pk}, dry_run=False, by=by, at=at)


@contextmanager
def _held(
    migration_id: int, states: tuple[MigrationState, ...], action: str, *, at: datetime, by: By
) -> Iterator[PlanMigration]:
    """Lock a migration that is in one of these states, and none of whose jobs is under way; store what it becomes."""
    with audited_transaction(action, by=by, at=at):
        held = PlanMigration.objects.select_for_update(of=("self",)).select_related("version__plan")
        migration = held.get(pk=migration_id)
        if migration.state not in states:
            raise MigrationRefused(f"It is {migration.get_state_display()} already.")
        if under_way := next((job for job in read_jobs(migration_id) if job.state not in ENDED_STATES), None):
            told = f"“{under_way.title}” is {under_way.get_state_display()}"
            raise MigrationRefused(f"{told}: wait for its end, or cancel it first.")
        yield migration
        migration.save(update_fields=["state", "told_at", "asked_by", "approved_by", "approved_at"])
