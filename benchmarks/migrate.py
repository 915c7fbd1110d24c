"""Moving subscriptions in mid-period, with invoices of the change, compared with closing as many periods."""

import time
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from benchmarks import sample_books, scratch_server, usage_rows
from benchmarks.measurement import Outcome, Report, compare
from billing.closing import close_due
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import MigrationItem, Period
from billing.plan_migrations import workflow
from billing.plan_migrations.cohort import MigrationTerms, Selection, plan_migration
from billing.subscriptions import generate_periods
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME
from plans.models import Plan, PlanVersion
from plans.publishing.publication import new_version

DAYS = 20


def run(*, subscriptions: int, rounds: int, report: Report) -> list[Outcome]:
    """
    Move `subscriptions` in every round with one worker, and close the periods that the change ends; compare with
    closing as many.

    Both sides have the same usage of twenty days, and invoices with a fee and three features' usage.
    """
    at = timezone.now()
    with scratch_server.database():
        version = sample_books.catalog(at, levels=False)
        target = new_version(source=version, by=None, at=at)
        target.plan, target.number = Plan.objects.create(code="other", name="Other"), 1
        sample_books.release(target, at)
        sets = rounds + (rounds > 1)  # several rounds begin with a warm-up round
        # All moves are earlier than all closes, and the moved periods end after both, in the same month: what one
        # side closes is then never due on the other, whichever goes first.
        tenth = (at.replace(day=1) - timedelta(days=20)).replace(day=10, hour=0)
        moments = [tenth + number * timedelta(hours=3) for number in range(sets)]
        ends = [moment + timedelta(days=3) for moment in moments]
        moved = [
            _prepare(version, number, subscriptions, moment, moment + timedelta(days=10), report)
            for number, moment in enumerate(moments)
        ]
        closed = [
            _prepare(version, sets + number, subscriptions, end, end, report) for number, end in enumerate(ends)
        ]
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        ours, theirs = iter(moved), iter(closed)
        outcome = compare(
            lambda: subscriptions / _move(next(ours), target, subscriptions),
            lambda: subscriptions / _close(next(theirs)),
            rounds=rounds,
            report=report,
            name=f"migrate, {subscriptions:,} subscriptions, 1 process",
            unit="per second",
            measured="subscriptions moved, to documents of the change",
            against="as many periods closed",
            goal=0.5,
            more_is_better=True,
        )
        _assert_all_done(subscriptions * sets)
        return [outcome]


Prepared = tuple[int, datetime]
"""The number of the first customer of one side of a round, and the time at which it moves or ends."""


def _prepare(
    version: PlanVersion, number: int, count: int, moment: datetime, ends_at: datetime, report: Report
) -> Prepared:
    """Subscribe the customers of one side of a round, and store their usage of the days before `moment`."""
    report(f"storing the usage of {count:,} subscriptions …")
    first, starts_at = number * count, moment - timedelta(days=26)
    sample_books.subscribe(version, first=first, count=count, starts_at=starts_at, ends_at=ends_at)
    periods = Period.objects.filter(starts_at=starts_at).values_list("pk", flat=True)
    usage_rows.store_days(first_period=min(periods), last_period=max(periods), days=DAYS)
    generate_periods(until=ends_at + PERIOD_LEAD_TIME)
    return first, moment


def _move(prepared: Prepared, target: PlanVersion, subscriptions: int) -> float:
    first, at = prepared
    ids = tuple(f"s-c{number}" for number in range(first, first + subscriptions))
    migration = plan_migration(
        title="Benchmark", version=target, selection=Selection(ids=ids), terms=MigrationTerms(when="now"), at=at
    )
    started = time.perf_counter()
    job = workflow.run(migration_id=migration.pk, at=at, by=None)
    work(kinds=KINDS, clock=lambda: at, job_id=job.pk)
    close_due(at=at + timedelta(hours=2))
    return time.perf_counter() - started


def _close(prepared: Prepared) -> float:
    started = time.perf_counter()
    close_due(at=prepared[1] + timedelta(hours=2))
    return time.perf_counter() - started


def _assert_all_done(expected: int) -> None:
    moved = MigrationItem.objects.filter(state="moved", part__continues__invoice__isnull=False).count()
    if moved != expected:
        raise RuntimeError(
            f"{moved:,} were moved to a document where {expected:,} should be: the figures mean nothing"
        )
