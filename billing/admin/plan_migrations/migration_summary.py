"""What the page of a migration tells, in a fixed number of questions whatever its size."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Count, F, Q, Sum

from billing.admin.jobs.job_display import facts_of
from billing.models import MigrationItem, PlanMigration
from billing.models.jobs import ENDED_STATES
from billing.models.plan_migrations import MigrationState, MoveState
from billing.plan_migrations.workflow import OPEN_STATES, find_missing_step, read_jobs
from lib.formats import format_money

MOST_SHOWN = 20


class Totals(NamedTuple):
    """What those of one currency come to; amounts as people read them."""

    currency: str
    previewed: int
    before: str
    after: str
    switch: str
    more: int
    less: int


class Increase(NamedTuple):
    move: MigrationItem
    before: str
    after: str
    more: str


def told_of(migration: PlanMigration, at: datetime) -> dict[str, Any]:
    """Return what the page shows of a migration, its moves and its latest job."""
    counts = dict(migration.moves.values_list("state").annotate(n=Count("pk")).order_by())
    jobs = read_jobs(migration.pk)
    return {
        "migration": migration,
        "states": [(label, counts[state]) for state, label in MoveState.choices if state in counts],
        "problems": _problems(migration),
        "with_warnings": migration.moves.exclude(warnings=[]).count(),
        "totals": _totals(migration),
        "increases": _increases(migration),
        "left_out": migration.left_out[:MOST_SHOWN],
        "jobs": jobs,
        "latest": facts_of(jobs[0], at=at) if jobs and jobs[0].state not in ENDED_STATES else None,
        "missing": find_missing_step(migration, at=at) if migration.state in OPEN_STATES else "",
        "may": _ways(migration, counts, is_busy=bool(jobs) and jobs[0].state not in ENDED_STATES),
    }


def _problems(migration: PlanMigration) -> list[dict[str, Any]]:
    """Return the most frequent problems, each with how many have it."""
    found = migration.moves.exclude(problem="").values("problem").annotate(n=Count("pk"))
    return list(found.order_by("-n", "problem")[:MOST_SHOWN])


def _totals(migration: PlanMigration) -> list[Totals]:
    rows = (
        migration.moves.filter(previewed_at__isnull=False)
        .values("subscription__currency")
        .annotate(
            previewed=Count("pk"),
            more=Count("pk", filter=Q(after__gt=F("before"))),
            less=Count("pk", filter=Q(after__lt=F("before"))),
            all_before=Sum("before"),
            all_after=Sum("after"),
            all_switch=Sum("switch"),
        )
        .order_by("subscription__currency")
    )
    return [
        Totals(
            row["subscription__currency"],
            row["previewed"],
            *(_shown(row[name], row["subscription__currency"]) for name in ("all_before", "all_after", "all_switch")),
            row["more"],
            row["less"],
        )
        for row in rows
    ]


def _increases(migration: PlanMigration) -> list[Increase]:
    """Return those whose bill rises the most, by amount."""
    rising = migration.moves.filter(after__gt=F("before")).annotate(more=F("after") - F("before"))
    found = rising.select_related("subscription__customer").order_by("-more", "pk")[:MOST_SHOWN]
    return [
        Increase(
            one,
            *(_shown(figure, str(one.subscription.currency)) for figure in (one.before, one.after, one.more)),
        )
        for one in found
    ]


def _shown(amount: Decimal | None, currency: str) -> str:
    return "" if amount is None else format_money(amount, currency)


def _ways(migration: PlanMigration, counts: dict[str, int], *, is_busy: bool) -> set[str]:
    """Return which steps fit the migration as it is."""
    if is_busy:
        return set()
    is_open, state = migration.state in OPEN_STATES, migration.state
    waits = counts.get(MoveState.WAITING, 0) + counts.get(MoveState.REFUSED, 0)
    moved = counts.get(MoveState.MOVED, 0) + counts.get(MoveState.SCHEDULED, 0)
    ways = {
        "preview": is_open,
        "announce": is_open and migration.notice_days is not None and migration.told_at is None,
        "request_approval": state == MigrationState.PLANNED,
        "approve": state == MigrationState.REVIEW,
        "reject": state in (MigrationState.REVIEW, MigrationState.APPROVED),
        "run": (is_open or state == MigrationState.BEGUN) and waits > 0,
        "roll_back": state in (MigrationState.BEGUN, MigrationState.UNDONE) and moved > 0,
        "discard": is_open,
    }
    return {way for way, fits in ways.items() if fits}
