"""Closing subscriptions by the thousand, compared with one GROUP BY over the same usage."""

import multiprocessing
import resource
import time
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from benchmarks import sample_books, scratch_server, usage_rows
from benchmarks.measurement import Outcome, Report, compare
from billing.closing import close_due
from billing.models import Period
from billing.subscriptions import generate_periods
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME
from plans.models import PlanVersion

DAYS = 30

_GROUP = (
    "SELECT series_id, sum(quantity) FROM billing_hourlyusage WHERE series_id BETWEEN %s AND %s GROUP BY series_id"
)


def run(*, subscriptions: int, workers: int, rounds: int, report: Report) -> list[Outcome]:
    """
    Close `subscriptions` in every round to issued invoices with a fee and four usage lines, one of them a weighted
    sum.

    The usage of a round is 30 rollup rows per line, which are the rows that the GROUP BY reads.
    """
    at = timezone.now()
    with scratch_server.database():
        version = sample_books.catalog(at)
        sets = rounds + (rounds > 1)  # several rounds begin with a warm-up round
        prepared = [_prepare(version, number, subscriptions, at, report) for number in range(sets)]
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        turns = iter(prepared)
        groups = iter([*prepared, *prepared])
        outcome = compare(
            lambda: _close(next(turns)[0], workers, report),
            lambda: _group(next(groups)[1]),
            rounds=rounds,
            report=report,
            name=f"close, {subscriptions:,} subscriptions, {workers} process{'es' if workers > 1 else ''}",
            unit="ms",
            measured="periods closed to issued invoices with numbers, tax, explanation and snapshot",
            against="one GROUP BY over their rollups",
            goal=15 if workers == 1 else 8,
            more_is_better=False,
        )
        _assert_all_closed(subscriptions * sets)
        return [outcome]


def _prepare(
    version: PlanVersion, number: int, subscriptions: int, at: datetime, report: Report
) -> tuple[datetime, tuple[int, int]]:
    """Subscribe a round's customers; their period ends a day after that of the previous round."""
    report(f"storing the usage of {subscriptions:,} subscriptions …")
    ends_at = at - timedelta(days=60 - number)
    sample_books.subscribe(
        version,
        first=number * subscriptions,
        count=subscriptions,
        starts_at=ends_at - timedelta(days=31),
        ends_at=ends_at,
    )
    periods = Period.objects.filter(ends_at=ends_at).values_list("pk", flat=True)
    first, last = min(periods), max(periods)
    usage_rows.store_days(first_period=first, last_period=last, days=DAYS)
    generate_periods(until=ends_at + PERIOD_LEAD_TIME)  # as the scheduled task does two hours before periods end
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(id), max(id) FROM billing_series WHERE period_id BETWEEN %s AND %s", [first, last])
        return ends_at, cursor.fetchone()


def _close(at: datetime, workers: int, report: Report) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    if workers == 1:
        close_due(at=at)
        report(f"  memory grew by {(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024:.0f} MiB")
    else:
        connection.close()
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            pool.map(_close_in_a_process, [at] * workers, chunksize=1)
    return (time.perf_counter() - started) * 1000


def _close_in_a_process(at: datetime) -> None:
    close_due(at=at)
    connection.close()


def _group(series: tuple[int, int]) -> float:
    with connection.cursor() as cursor:
        started = time.perf_counter()
        cursor.execute(_GROUP, series)
        cursor.fetchall()
        return (time.perf_counter() - started) * 1000


def _assert_all_closed(expected: int) -> None:
    closed = Period.objects.filter(invoice__isnull=False).count()
    if closed != expected:
        raise RuntimeError(f"{closed:,} periods were invoiced where {expected:,} should be: the figures mean nothing")
