"""The context of a migration's page, in a fixed number of queries."""

from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from billing.admin.jobs.job_display import facts_of
from billing.models import MigrationItem, PlanMigration
from billing.models.jobs import ENDED_STATES
from billing.models.plan_migrations import MigrationState, MoveState
from billing.plan_migrations.workflow import find_missing_step, read_jobs

MAX_SHOWN = 20


def migration_context(migration: PlanMigration, at: datetime) -> dict[str, Any]:
    """Return the context of a migration: its items, totals and latest jobs."""
    counts = dict(migration.moves.values_list("state").annotate(n=Count("pk")).order_by())
    jobs = read_jobs(migration.pk)
    return {
        "migration": migration,
        "states": [(label, counts[state]) for state, label in MoveState.choices if state in counts],
        "problems": _problems(migration),
        "with_warnings": migration.moves.exclude(warnings=[]).count(),
        "totals": _totals(migration),
        "increases": _increases(migration),
        "left_out": migration.left_out[:MAX_SHOWN],
        "jobs": jobs,
        "latest": facts_of(jobs[0], at=at) if jobs and jobs[0].state not in ENDED_STATES else None,
        "missing": find_missing_step(migration, at=at) if migration.state == MigrationState.PLANNED else "",
        "may": _allowed_steps(migration, counts, is_busy=bool(jobs) and jobs[0].state not in ENDED_STATES),
    }


def _problems(migration: PlanMigration) -> QuerySet[Any, Any]:
    """Return the most frequent problems, each with its count."""
    counts = migration.moves.exclude(problem="").values("problem").annotate(n=Count("pk"))
    return counts.order_by("-n", "problem")[:MAX_SHOWN]


def _totals(migration: PlanMigration) -> QuerySet[Any, Any]:
    """Return the previewed totals of each currency."""
    return (
        migration.moves.filter(previewed_at__isnull=False)
        .values(currency=F("subscription__currency"))
        .annotate(
            previewed=Count("pk"),
            more=Count("pk", filter=Q(after__gt=F("before"))),
            less=Count("pk", filter=Q(after__lt=F("before"))),
            all_before=Sum("before"),
            all_after=Sum("after"),
            all_switch=Sum("switch"),
        )
        .order_by("currency")
    )


def _increases(migration: PlanMigration) -> QuerySet[MigrationItem]:
    """Return the items whose bill rises the most, by amount."""
    rising = migration.moves.filter(after__gt=F("before")).annotate(more=F("after") - F("before"))
    return rising.select_related("subscription__customer").order_by("-more", "pk")[:MAX_SHOWN]


def _allowed_steps(migration: PlanMigration, counts: dict[str, int], *, is_busy: bool) -> set[str]:
    """Return the steps that the migration's state allows."""
    if is_busy:
        return set()
    state = migration.state
    is_open = state == MigrationState.PLANNED
    waiting = counts.get(MoveState.WAITING, 0) + counts.get(MoveState.REFUSED, 0)
    moved = counts.get(MoveState.MOVED, 0) + counts.get(MoveState.SCHEDULED, 0)
    is_allowed = {
        "preview": is_open,
        "announce": is_open and migration.notice_days is not None and migration.announced_at is None,
        "run": (is_open or state == MigrationState.BEGUN) and waiting > 0,
        "roll_back": state in (MigrationState.BEGUN, MigrationState.UNDONE) and moved > 0,
        "discard": is_open,
    }
    return {step for step, allowed in is_allowed.items() if allowed}
