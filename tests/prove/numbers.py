"""
Issue invoices from many concurrent writers, some of which roll back, and kill their PostgreSQL backends.

Each writer closes its own periods by the product's own operation, with its own clock some seconds off; a tenth of the
transactions is rolled back after the number was assigned. Every other kill ends one writer's session, the others kill
its backend, which stops all sessions. Each kill is led to a place where a number is assigned and not committed.
"""

import argparse
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

import psycopg
from django.db import DatabaseError, InterfaceError, connection, transaction

from benchmarks import sample_books
from billing.closing import ClosingFailed, close_period
from billing.models import Period
from config.postgres import Cluster
from invoices.models import Invoice
from lib.task_clock import database_time
from tests.builders import make_seller
from tests.prove import processes
from tests.prove.final_check import books_are_sound, numbers_have_no_gap
from tests.prove.handshake import Arrival, Handshake
from tests.prove.verdict import Verdict, say

WRITERS = 16
ROLLED_BACK = 0.1
CLOCK_IS_OFF_SECONDS = 5
WINDOW = "issue.after_numbers"
STAYS_SECONDS = 5.0
ARRIVAL_SECONDS = 10
LEAST_INSIDE = 0.8
PATIENCE_SECONDS = 120


@dataclass
class WriterResult:
    """The knowledge of one writer. numbers: period → the number of its invoice, once committed."""

    numbers: dict[int, str]
    rolled_back: int = 0
    broken_off: int = 0


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove numbers", description=__doc__)
    parser.add_argument("--numbers", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    verdict = Verdict(f"{options.numbers:,} numbers, {WRITERS} writers, {options.kills} kills", seed=options.seed)
    periods = _due_periods(options.numbers)
    at = database_time()
    connection.close()
    # SIGTERM must end them at once: the handler inherited from this process could wait for a lock of the pool.
    at_once = {"initializer": signal.signal, "initargs": (signal.SIGTERM, signal.SIG_DFL)}
    with get_context("fork").Pool(WRITERS, **at_once) as pool:
        hands = [(periods[number::WRITERS], at, options.seed + number) for number in range(WRITERS)]
        writing = pool.starmap_async(_write, hands, chunksize=1)
        ordered, inside = _kill(cluster, options.kills, is_over=writing.ready)
        written = writing.get()
    rolled_back, broken_off = (
        sum(getattr(result_, name) for result_ in written) for name in ("rolled_back", "broken_off")
    )
    say(f"  {inside} of {ordered} kills came between taking a number and its commit")
    say(f"  {rolled_back:,} transactions were rolled back, {broken_off:,} tries were aborted by a kill")
    verdict.require(ordered == options.kills, f"the writers ended after {ordered} of {options.kills} kills")
    verdict.require(inside >= LEAST_INSIDE * ordered, f"only {inside} of {ordered} kills were inside the window")
    _compare(periods, written, verdict)
    numbers_have_no_gap(verdict)
    books_are_sound(verdict)
    return verdict.conclude()


def _due_periods(count: int) -> list[int]:
    """Subscribe this many customers, each with one completed month and a fee to bill for it."""
    at = database_time()
    make_seller("bench", grace=timedelta(0))
    version = sample_books.catalog(at)
    ends_at = datetime(at.year, at.month, 1, tzinfo=UTC)
    starts_at = (ends_at - timedelta(days=1)).replace(day=1)
    sample_books.subscribe(version, first=0, count=count, starts_at=starts_at, ends_at=ends_at)
    sample_books.analyze()
    return list(Period.objects.order_by("pk").values_list("pk", flat=True))


# A writer -----------------------------------------------------------------------------------------------------------


def _write(periods: Sequence[int], at: datetime, seed: int) -> WriterResult:
    chance, written, began = random.Random(seed), WriterResult({}), time.monotonic()
    for period_id in periods:
        is_off = timedelta(seconds=chance.uniform(-CLOCK_IS_OFF_SECONDS, CLOCK_IS_OFF_SECONDS))
        now = at + timedelta(seconds=time.monotonic() - began) + is_off
        if chance.random() < ROLLED_BACK:
            _close_with_retries(period_id, now, written, is_kept=False)
            written.rolled_back += 1
        written.numbers[period_id] = _close_with_retries(period_id, now, written, is_kept=True)
    connection.close()
    return written


def _close_with_retries(period_id: int, at: datetime, written: WriterResult, *, is_kept: bool) -> str:
    """Close a period, retried while PostgreSQL interrupts it, and return its invoice's number."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with transaction.atomic():
                invoice = close_period(period_id=period_id, at=at)
                transaction.set_rollback(not is_kept)
            return invoice.number
        except (DatabaseError, InterfaceError, psycopg.Error, ClosingFailed):
            written.broken_off += 1
            connection.close()
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)


# The kills ----------------------------------------------------------------------------------------------------------


def _kill(cluster: Cluster, kills: int, *, is_over: object) -> tuple[int, int]:
    """
    Kill this many times while the writers write; return how many kills were tried, and how many were inside the
    window.
    """
    handshake, inside = Handshake(), 0
    for number in range(kills):
        handshake.order(WINDOW, seconds=STAYS_SECONDS)
        arrival = handshake.arrival(seconds=ARRIVAL_SECONDS)
        if arrival is None:
            return number, inside
        inside += _strike(cluster, arrival, is_gentle=number % 2 == 0)
        if (number + 1) % 20 == 0:
            say(f"  {number + 1:,}/{kills:,} kills")
    return kills, inside


def _strike(cluster: Cluster, arrival: Arrival, *, is_gentle: bool) -> bool:
    """Kill the session that locks the number series: the idle one, because its writer sleeps."""
    with psycopg.connect(cluster.url()) as direct:
        row = direct.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'tollbook' AND state = 'idle in transaction'"
            " ORDER BY state_change LIMIT 1"
        ).fetchone()
        if row is None:
            return False
        if is_gentle:
            direct.execute("SELECT pg_terminate_backend(%s, 5000)", row)
    if not is_gentle:
        processes.kill(row[0])
    is_inside = arrival.is_still_there  # read at the kill: on a slow machine, the recovery alone outlasts the window
    if not is_gentle:
        processes.await_recovery(cluster)
    return is_inside


def _compare(periods: Sequence[int], written: Sequence[WriterResult], verdict: Verdict) -> None:
    """Require that every number known to a writer is that of its period's invoice, and that there is no other."""
    connection.close()
    acknowledged = {period_id: number for result_ in written for period_id, number in result_.numbers.items()}
    stored = dict(Period.objects.filter(invoice__isnull=False).values_list("pk", "invoice__number"))
    wrong = [period_id for period_id in periods if acknowledged.get(period_id) != stored.get(period_id)]
    verdict.require(
        not wrong, f"{len(wrong)} periods have a different number than their writer received: {wrong[:3]}"
    )
    verdict.require(len(stored) == len(periods), f"{len(stored)} of {len(periods)} periods are billed")
    documents = Invoice.objects.count()
    verdict.require(documents == len(periods), f"{documents} invoices were issued for {len(periods)} periods")
