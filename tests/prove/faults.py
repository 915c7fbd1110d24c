"""
Kill web, worker, beat and PostgreSQL during their work, a thousand times, and check that nothing is lost or doubled.

Clients send usage all the time and keep their own record. For each fault a process is led into a window (a named
failpoint, or a time at which work is in progress), reports that it is there, and is killed. Killed processes are
restarted, as a supervisor does. At the end all due work is billed, and the books are compared with the record.
"""

import argparse
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import psycopg
from celery import Task
from django.db import connection
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from billing.models import Period
from billing.tasks import close_due_periods
from config import celery_app
from config.postgres import Cluster
from invoices.models import Invoice
from invoices.models.pdf_files import unrendered
from invoices.tasks import render_due
from lib.task_clock import database_time
from tests.prove import processes
from tests.prove.due_work import Work, are_closed
from tests.prove.event_senders import Client, Record, Sender
from tests.prove.final_check import books_are_sound, check_books
from tests.prove.handshake import Arrival, Handshake
from tests.prove.processes import Deployment, until
from tests.prove.verdict import Verdict, say, table

CLIENTS = 3
LEAST_INSIDE = 0.8
RECOVERY_SECONDS = 60
ARRIVAL_SECONDS = 30
DATABASE_STAYS_SECONDS = 5.0
AUDIT_EVERY = 100
TELL_EVERY = 10

INGEST = ("ingest.after_gate", "ingest.after_append", "ingest.after_counters", "ingest.after_commit")
CLOSE = (
    "close.claimed",
    "close.after_reads",
    "close.after_lines",
    "close.after_snapshots",
    "issue.before_numbers",
    "issue.after_numbers",
    "close.before_commit",
    "close.after_commit",
)
RENDER = ("render.claimed", "render.before_storing")
RANDOM = "at random"


@dataclass(frozen=True)
class Fault:
    """
    A victim and a window. strike: lead the victim there, kill it, and return whether it was inside, None if it never
    arrived.
    """

    victim: str
    window: str
    strike: Callable[["Campaign", str], bool | None]


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove faults", description=__doc__)
    parser.add_argument("--faults", type=int, default=1_000)
    parser.add_argument("--victims", nargs="+", choices=sorted({fault.victim for _, fault in FAULTS}), default=[])
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    verdict = Verdict(f"{options.faults:,} faults", seed=options.seed)
    campaign = Campaign(cluster, options.seed, verdict)
    try:
        campaign.begin()
        campaign.strike_faults(options.faults, options.victims)
        campaign.settle()
    finally:
        campaign.house.stop()
    say("\nWindows")
    campaign.report_windows()
    say("\nBooks")
    check_books(campaign.work, campaign.record, verdict)
    return verdict.conclude()


class Campaign:
    """The shared state of the faults: the processes, the clients, the due work, and the counts."""

    def __init__(self, cluster: Cluster, seed: int, verdict: Verdict) -> None:
        self.chance, self.seed, self.verdict = random.Random(seed), seed, verdict
        self.handshake = Handshake()
        self.house = Deployment(cluster)
        self.record = Record()
        self.work = Work.begin()
        self.sender = self._sender()
        self.ordered: Counter[tuple[str, str]] = Counter()
        self.announced: Counter[tuple[str, str]] = Counter()
        self.inside: Counter[tuple[str, str]] = Counter()
        self.recoveries: dict[str, list[float]] = {"closing": [], "rendering": []}

    def _sender(self) -> Sender:
        return Sender(self.house.port, self.work.secret, self.record, self.verdict)

    def begin(self) -> None:
        self.house.start()
        since = self.work.began - timedelta(days=1)
        self.clients = [
            Client(self._sender(), self.work.pool_customers, since=since, seed=self.seed + number)
            for number in range(CLIENTS)
        ]
        for client in self.clients:
            client.start()

    def strike_faults(self, faults: int, victims: Sequence[str]) -> None:
        began = time.monotonic()
        deck = _deck(self.chance, victims)
        before = "nothing"
        for number in range(1, faults + 1):
            fault = next(deck)
            where = (fault.victim, fault.window)
            self.ordered[where] += 1
            inside = fault.strike(self, fault.window)
            self.house.revive()
            self.announced[where] += inside is not None
            self.inside[where] += inside is True
            if inside is not True:
                say(f"  missed: {fault.victim}, {fault.window}; before it: {before}")
            before = f"{fault.victim}, {fault.window}"
            if number % TELL_EVERY == 0:
                self._report_progress(number, faults, time.monotonic() - began)
            if number % AUDIT_EVERY == 0:
                books_are_sound(self.verdict)

    def _report_progress(self, number: int, faults: int, passed: float) -> None:
        say(
            f"  {number:,}/{faults:,} faults, {self.inside.total() / number:.0%} inside,"
            f" {len(self.record.acknowledged):,} events acknowledged, {self.record.unanswered:,} tries without a"
            f" response, {len(self.verdict.broken)} violations, {passed:,.0f} s"
        )

    def settle(self) -> None:
        """Let the clients finish, empty the broker, and wait until nothing is due: beat alone completes the work."""
        for client in self.clients:
            client.finish()
        self.work.end()
        self.empty_the_broker()
        began = time.monotonic()
        done = until(_nothing_is_due, seconds=2 * RECOVERY_SECONDS, look=1)
        self.verdict.require(done, "after the broker was emptied, not everything was billed")
        say(f"  after the broker was emptied, everything was billed within {time.monotonic() - began:.0f} s")
        left = 300 + Invoice.objects.filter(rendering__content__isnull=True).count()
        until(_nothing_is_unrendered, seconds=left, look=1)

    def report_windows(self) -> None:
        rows = [
            [
                *where,
                self.ordered[where],
                self.announced[where],
                self.inside[where],
                _share(self.inside, self.ordered, where),
            ]
            for where in sorted(self.ordered)
        ]
        total = [self.ordered.total(), self.announced.total(), self.inside.total()]
        share = total[2] / total[0]
        table(
            ["killed", "window", "faults", "announced", "inside", "share"],
            [*rows, ["all", "", *total, f"{share:.0%}"]],
        )
        self.verdict.require(share >= LEAST_INSIDE, f"only {share:.0%} of the kills were inside their window")
        for work, seconds in self.recoveries.items():
            if seconds:
                say(f"{work}, abandoned with an emptied broker, resumed after {_in_words(seconds)} s")
        if self.house.died:
            say(f"exited while PostgreSQL was down: {dict(Counter(self.house.died))}")
        say(f"{self.record.unanswered:,} tries got no response, {self.record.repeated:,} events were sent again")

    # Leading the victim into its window

    def at_ingest(self, place: str, *, stays: float | None = None) -> Arrival | None:
        """Wait until a web worker is at this place; the clients' traffic brings it there."""
        self._order(place, stays)
        return self.handshake.arrival(seconds=ARRIVAL_SECONDS)

    def at_close(self, place: str, *, stays: float | None = None) -> tuple[Arrival | None, Sequence[int]]:
        """
        Make periods due and wake a worker up; return its arrival at this place, and the periods.

        A place with a long stay is ordered first: a worker may process due periods before it is woken.
        """
        if stays is None:
            self._order(place, None)
        periods = self.work.fall_due(self.sender, self.chance)
        if stays is not None:
            self._order(place, stays)
        wake(close_due_periods)
        return self.handshake.arrival(seconds=ARRIVAL_SECONDS), periods

    def at_render(self, place: str) -> Arrival | None:
        """Make sure that an invoice has no file, and wake a worker up."""
        self.work.fall_due(self.sender, self.chance)
        self._order(place, None)
        wake(close_due_periods)
        until(lambda: not _nothing_is_unrendered(), seconds=ARRIVAL_SECONDS, look=0.1)
        wake(render_due)
        return self.handshake.arrival(seconds=ARRIVAL_SECONDS)

    def _order(self, place: str, stays: float | None) -> None:
        self.handshake.order(place) if stays is None else self.handshake.order(place, seconds=stays)

    def empty_the_broker(self) -> None:
        """Kill the worker, drop every message, including those that it had received, and start another worker."""
        self.house.kill("worker")
        with psycopg.connect(self.house.cluster.url(), autocommit=True) as direct:
            for (queue,) in direct.execute("SELECT queue_name FROM pgmq.meta").fetchall():
                direct.execute(psycopg.sql.SQL("DELETE FROM pgmq.{}").format(psycopg.sql.Identifier(f"q_{queue}")))
        self.house.start("worker")


# Strikes ------------------------------------------------------------------------------------------------------------


def kill_web_worker(campaign: Campaign, place: str) -> bool | None:
    """Kill the web worker that is at this place of an ingest; gunicorn starts another one."""
    arrival = campaign.at_ingest(place)
    return arrival and _kill_at(arrival)


def kill_web_worker_at_random(campaign: Campaign, _: str) -> bool | None:
    """Kill a web worker some time after it began an ingest; it was inside if a client got no response."""
    arrival = campaign.at_ingest(INGEST[0], stays=0.001)
    if arrival is None:
        return None
    before = campaign.record.unanswered
    time.sleep(campaign.chance.uniform(0, 0.01))
    processes.kill(arrival.pid)
    return until(lambda: campaign.record.unanswered > before, seconds=1)


def kill_web(campaign: Campaign, _: str) -> bool:
    """Kill the whole web process while requests are in progress; it was inside if a client got no response."""
    until(lambda: campaign.record.waiting, seconds=ARRIVAL_SECONDS, look=0.0005)
    before = campaign.record.unanswered
    time.sleep(campaign.chance.uniform(0, 0.003))
    is_inside = campaign.record.waiting > 0
    campaign.house.kill("web")
    return is_inside and until(lambda: campaign.record.unanswered > before, seconds=1)


def kill_task(campaign: Campaign, place: str) -> bool | None:
    """Kill the worker's child that is at this place of a close; the worker starts another one."""
    arrival, _ = campaign.at_close(place)
    return arrival and _kill_at(arrival)


def kill_rendering(campaign: Campaign, place: str) -> bool | None:
    arrival = campaign.at_render(place)
    return arrival and _kill_at(arrival)


def kill_task_at_random(campaign: Campaign, _: str) -> bool | None:
    """Kill the worker's child some time after it claimed periods; it was inside if they are not closed."""
    arrival, periods = campaign.at_close(CLOSE[0], stays=0.001)
    if arrival is None:
        return None
    time.sleep(campaign.chance.uniform(0, 0.01))
    processes.kill(arrival.pid)
    return not are_closed(periods)


def kill_worker(campaign: Campaign, _: str) -> bool | None:
    """Kill the whole worker while it is at a place of a close."""
    arrival, _ = campaign.at_close(campaign.chance.choice(CLOSE))
    campaign.house.kill("worker")
    return arrival and arrival.is_still_there


def abandon_closing(campaign: Campaign, _: str) -> bool | None:
    """Kill the worker at a close and empty the broker: beat's next run finds the work, within a minute."""
    arrival, periods = campaign.at_close(campaign.chance.choice(CLOSE[:-1]))
    began = time.monotonic()
    campaign.empty_the_broker()
    is_inside = arrival and arrival.is_still_there
    if until(lambda: are_closed(periods), seconds=2 * RECOVERY_SECONDS, look=0.2):
        campaign.recoveries["closing"].append(time.monotonic() - began)
    passed = time.monotonic() - began
    campaign.verdict.require(passed <= RECOVERY_SECONDS, f"an abandoned close resumed after {passed:.1f} s")
    return is_inside


def abandon_rendering(campaign: Campaign, _: str) -> bool | None:
    """Kill the worker at a rendering and empty the broker: the claim expires, and beat's next run finds the work."""
    arrival = campaign.at_render(campaign.chance.choice(RENDER))
    began = time.monotonic()
    campaign.empty_the_broker()
    is_inside = arrival and arrival.is_still_there
    under_way = Invoice.objects.filter(rendering__isnull=False, rendering__content__isnull=True)
    abandoned = list(under_way.values_list("pk", flat=True))
    rendered = Invoice.objects.filter(pk__in=abandoned, rendering__content__isnull=False)
    if until(lambda: rendered.count() == len(abandoned), seconds=4 * RECOVERY_SECONDS, look=0.2):
        campaign.recoveries["rendering"].append(time.monotonic() - began)
    passed = time.monotonic() - began
    campaign.verdict.require(passed <= RECOVERY_SECONDS, f"an abandoned rendering resumed after {passed:.1f} s")
    return is_inside


def kill_beat(campaign: Campaign, _: str) -> bool:
    """Kill beat when it should wake a worker up; it was inside if the wake-up was not recorded."""
    connection.close()
    task = PeriodicTask.objects.get(name="billing.close_due_periods")
    long_ago = database_time() - timedelta(minutes=5)
    PeriodicTask.objects.filter(pk=task.pk).update(last_run_at=long_ago)
    PeriodicTasks.update_changed()
    time.sleep(campaign.chance.uniform(0, 0.2))
    campaign.house.kill("beat")
    task.refresh_from_db()
    return task.last_run_at == long_ago


def kill_backend_at_ingest(campaign: Campaign, place: str) -> bool | None:
    """Kill PostgreSQL's backend of an ingest; all others are stopped with it, and the log is replayed."""
    return _kill_backend(campaign, campaign.at_ingest(place, stays=DATABASE_STAYS_SECONDS))


def kill_backend_at_close(campaign: Campaign, place: str) -> bool | None:
    return _kill_backend(campaign, campaign.at_close(place, stays=DATABASE_STAYS_SECONDS)[0])


def kill_postgres_at_ingest(campaign: Campaign, place: str) -> bool | None:
    """Kill all of PostgreSQL while an ingest is at this place, and restart it."""
    return _kill_postgres(campaign, campaign.at_ingest(place, stays=DATABASE_STAYS_SECONDS))


def kill_postgres_at_close(campaign: Campaign, place: str) -> bool | None:
    return _kill_postgres(campaign, campaign.at_close(place, stays=DATABASE_STAYS_SECONDS)[0])


def kill_postgres_at_random(campaign: Campaign, _: str) -> bool:
    """Kill all of PostgreSQL while requests are in progress; it was inside if a client got no response."""
    until(lambda: campaign.record.waiting, seconds=ARRIVAL_SECONDS, look=0.0005)
    before = campaign.record.unanswered
    processes.kill_postgres(campaign.house.cluster)
    return until(lambda: campaign.record.unanswered > before, seconds=2)


def _kill_at(arrival: Arrival) -> bool:
    processes.kill(arrival.pid)
    return arrival.is_still_there


def _kill_backend(campaign: Campaign, arrival: Arrival | None) -> bool | None:
    backends = processes.backends_at_work(campaign.house.cluster)
    if arrival is None or not backends:
        return None
    processes.kill(backends[0])
    is_inside = arrival.is_still_there
    processes.await_recovery(campaign.house.cluster)
    return is_inside


def _kill_postgres(campaign: Campaign, arrival: Arrival | None) -> bool | None:
    if arrival is None:
        return None
    processes.kill_postgres(campaign.house.cluster)
    return arrival.is_still_there


# The deck of faults -------------------------------------------------------------------------------------------------

FAULTS: tuple[tuple[int, Fault], ...] = (
    *((6, Fault("web worker", place, kill_web_worker)) for place in INGEST),
    (6, Fault("web worker", RANDOM, kill_web_worker_at_random)),
    (6, Fault("web", RANDOM, kill_web)),
    *((4, Fault("task", place, kill_task)) for place in CLOSE),
    (5, Fault("task", RANDOM, kill_task_at_random)),
    (3, Fault("worker", "any of a close", kill_worker)),
    *((2, Fault("task", place, kill_rendering)) for place in RENDER),
    (2, Fault("worker, broker emptied", "any of a close", abandon_closing)),
    (1, Fault("worker, broker emptied", "any of a rendering", abandon_rendering)),
    (3, Fault("beat", "waking a worker", kill_beat)),
    *((1, Fault("backend", place, kill_backend_at_ingest)) for place in INGEST[:3]),
    *((1, Fault("backend", place, kill_backend_at_close)) for place in CLOSE[1:-1:2]),
    *((1, Fault("PostgreSQL", place, kill_postgres_at_ingest)) for place in INGEST),
    *((1, Fault("PostgreSQL", place, kill_postgres_at_close)) for place in CLOSE[2:-1:2]),
    (2, Fault("PostgreSQL", RANDOM, kill_postgres_at_random)),
)


def _deck(chance: random.Random, victims: Sequence[str]) -> Iterator[Fault]:
    """Yield faults without end: those of the victims, or all, by their weight, shuffled, repeatedly."""
    while True:
        cards = [fault for weight, fault in FAULTS for _ in range(weight) if not victims or fault.victim in victims]
        chance.shuffle(cards)
        yield from cards


def wake(task: Task) -> None:
    """
    Send a task's message now, over a new connection: an older one may have died with PostgreSQL.

    A message that can't be sent is no loss: beat sends the same soon.
    """
    for _ in range(3):
        with contextlib.suppress(Exception), celery_app.connection_for_write() as fresh:
            task.apply_async(connection=fresh)  # type: ignore[call-arg]  # one of the options that Celery passes on
            return
        time.sleep(0.5)


def _nothing_is_due() -> bool:
    connection.close()
    late = Period.objects.filter(late_since__isnull=False)
    return not (Period.objects.filter(state="open").exists() or late.exists())


def _nothing_is_unrendered() -> bool:
    connection.close()
    return (
        not unrendered(database_time()).exists()
        and not Invoice.objects.filter(rendering__content__isnull=True).exists()
    )


def _share(inside: Counter[tuple[str, str]], ordered: Counter[tuple[str, str]], where: tuple[str, str]) -> str:
    return f"{inside[where] / ordered[where]:.0%}"


def _in_words(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.1f} to {max(seconds):.1f}"
