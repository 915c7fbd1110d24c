"""Simulating a draft on everyone's last three periods, compared with reading the same rollups."""

import time
from datetime import datetime, timedelta
from itertools import pairwise

from django.db import connection
from django.utils import timezone

from benchmarks import sample_books, scratch_server, usage_rows
from benchmarks.measurement import Outcome, Report, compare
from billing.closing import close_due
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import Job, Period, SimulationResult
from billing.simulation.cohorts import Cohort
from billing.simulation.job import SUBSCRIPTIONS_PER_ITEM, start_simulation
from billing.subscriptions import generate_periods
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME
from plans.models import PlanVersion
from plans.publishing.publication import new_version

PERIODS = 3
DAYS = 28

_ROLLUPS = """
SELECT s.period_id, s.meter_id, s.dimensions, sum(h.events), sum(h.quantity)
FROM billing_series s JOIN billing_hourlyusage h ON h.series_id = s.id WHERE s.period_id = ANY(%s) GROUP BY s.id
"""


def run(*, subscriptions: int, rounds: int, report: Report) -> list[Outcome]:
    """
    Rate three closed periods of each subscription with a draft, and store the results, in every round.

    The other side reads the same usage, 28 rows for each of four lines and each period, summed by the database.
    """
    at = timezone.now()
    with scratch_server.database():
        version = sample_books.catalog(at)
        _prepare(version, subscriptions, at, report)
        draft = new_version(source=version, by=None, at=at)
        periods = list(Period.objects.filter(state="closed").order_by("subscription").values_list("pk", flat=True))
        if len(periods) != subscriptions * PERIODS:
            raise RuntimeError(f"{len(periods):,} periods are closed: the figures mean nothing")
        outcome = compare(
            lambda: _simulate(draft, subscriptions, at),
            lambda: _read(periods),
            rounds=rounds,
            report=report,
            name=f"simulate, {subscriptions:,} customers and {PERIODS} periods, 1 process",
            unit="ms",
            measured="bills by a draft, line by line, with their differences, stored",
            against="their rollups summed and read",
            goal=5,
            more_is_better=False,
        )
        return [outcome]


def _prepare(version: PlanVersion, count: int, at: datetime, report: Report) -> None:
    """Give every subscription three months of usage, all of them invoiced."""
    starts = [at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)]
    for _ in range(PERIODS):
        starts.insert(0, (starts[0] - timedelta(days=1)).replace(day=1))
    sample_books.subscribe(version, first=0, count=count, starts_at=starts[0], ends_at=starts[1])
    for begins, ends in pairwise(starts):
        report(f"storing and billing the usage of {count:,} subscriptions …")
        generate_periods(until=begins + PERIOD_LEAD_TIME)
        ids = Period.objects.filter(starts_at=begins).values_list("pk", flat=True)
        usage_rows.store_days(first_period=min(ids), last_period=max(ids), days=DAYS)
        close_due(at=ends + PERIOD_LEAD_TIME)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _simulate(draft: PlanVersion, expected: int, at: datetime) -> float:
    started = time.perf_counter()
    job = start_simulation(versions=[draft], cohort=Cohort(), periods=PERIODS, by=None, at=at)
    work(kinds=KINDS, clock=lambda: at, job_id=job.pk)
    milliseconds = (time.perf_counter() - started) * 1000
    result_count = SimulationResult.objects.filter(job=job, is_known=True).count()
    if Job.objects.get(pk=job.pk).state != "done" or result_count != expected:
        raise RuntimeError(f"{result_count:,} were simulated where {expected:,} should be: the figures mean nothing")
    return milliseconds


def _read(periods: list[int]) -> float:
    """Read the rollups in as many steps as the job takes."""
    started = time.perf_counter()
    with connection.cursor() as cursor:
        for first in range(0, len(periods), SUBSCRIPTIONS_PER_ITEM * PERIODS):
            cursor.execute(_ROLLUPS, [periods[first : first + SUBSCRIPTIONS_PER_ITEM * PERIODS]])
            cursor.fetchall()
    return (time.perf_counter() - started) * 1000
