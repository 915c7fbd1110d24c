"""
Import a file with several workers, and kill one after the other: at named places, and at random.

A dry run comes first and then the import, each under half of the kills. Killed workers are replaced at once. At the
end each row is an event that was counted once, and the job's figures agree.
"""

import argparse
import io
import random
import time
from collections.abc import Sequence
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess

from django.db import connection

from billing.job_kinds import KINDS
from billing.jobs import controls
from billing.jobs.worker import work
from billing.metering.imports import file_split
from billing.metering.imports.job import start_import
from billing.models import Counter, Event, Job
from billing.models.jobs import OPEN_STATES, JobState
from config.postgres import Cluster
from lib.task_clock import database_time
from tests.builders import make_customer, make_meter, make_plan, offer, publish, rate, subscribe
from tests.prove.final_check import books_are_sound
from tests.prove.handshake import Handshake
from tests.prove.processes import until
from tests.prove.verdict import Verdict, say, table

WORKERS = 3
ROWS_OF_A_PIECE = 50
PLACES = (
    "jobs.begun",
    "ingest.after_gate",
    "ingest.after_append",
    "ingest.after_counters",
    "jobs.before_commit",
    "jobs.after_commit",
)
TRIED = ("jobs.begun", "jobs.before_commit", "jobs.after_commit")
RANDOM = "at random"
ARRIVAL_SECONDS = 20
PATIENCE_SECONDS = 600
CUSTOMERS = 20


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove imports", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    verdict = Verdict(f"{options.rows:,} rows, {WORKERS} workers, {options.kills} kills", seed=options.seed)
    file_split.MAX_ROWS = ROWS_OF_A_PIECE
    job, units = _begin(options.rows)
    campaign = Campaign(job, random.Random(options.seed))
    campaign.kill(options.kills // 2, (*TRIED, RANDOM))
    verdict.require(not Event.objects.exists(), "the dry run stored events")
    controls.do_for_real(job_id=job.pk, by=None, at=database_time())
    campaign.kill(options.kills - options.kills // 2, (*PLACES, RANDOM))
    say("\nKills")
    table(["killed", "times"], sorted(campaign.killed.items()))
    verdict.require(sum(campaign.killed.values()) == options.kills, "the import ended before all kills")
    _compare(Job.objects.get(pk=job.pk), options.rows, units, verdict)
    books_are_sound(verdict)
    return verdict.conclude()


def _begin(rows: int) -> tuple[Job, int]:
    """Upload the file; return its job, and the sum of its rows in units."""
    at = database_time()
    meter = make_meter("units", aggregation="sum", value_property="n")
    version = publish(make_plan(offers=[offer(meter.code, rates=[rate("0.01")])]), at - timedelta(days=30))
    for number in range(CUSTOMERS):
        subscribe(make_customer(f"c{number}"), version, at - timedelta(days=2), at=at)
    stamp = (at - timedelta(hours=1)).isoformat()
    text = io.StringIO()
    text.write("id,customer,event,timestamp,properties.n\n")
    for number in range(rows):
        text.write(f"e{number},c{number % CUSTOMERS},units,{stamp},{number % 7}\n")
    job = start_import(
        file=io.BytesIO(text.getvalue().encode()),
        file_name="usage.csv",
        format_="csv",
        names={},
        id_from=[],
        sandbox=False,
        by=None,
        at=at,
    )
    return job, sum(number % 7 for number in range(rows))


class Campaign:
    """The workers, and the places where they were killed."""

    def __init__(self, job: Job, chance: random.Random) -> None:
        self.job_id, self.chance = job.pk, chance
        self.handshake = Handshake()
        self.killed: dict[str, int] = {}

    def kill(self, times: int, places: Sequence[str]) -> None:
        """Kill this many workers while the job is in progress, then let the others end it."""
        connection.close()  # the workers must not share it
        workers = [_start(self.job_id) for _ in range(WORKERS)]
        for number in range(times):
            place = self.chance.choice(places)
            victim = self._at_random(workers) if place == RANDOM else self._at(place, workers)
            if victim is None:
                break
            victim.kill()
            victim.join()
            workers[workers.index(victim)] = _start(self.job_id)
            self.killed[place] = self.killed.get(place, 0) + 1
            if (number + 1) % 20 == 0:
                say(f"  {number + 1:,}/{times:,} kills")
        for worker in workers:
            worker.join(PATIENCE_SECONDS)

    def _at(self, place: str, workers: Sequence[BaseProcess]) -> BaseProcess | None:
        """Return the worker that reached this place and sleeps there."""
        self.handshake.order(place)
        arrival = self.handshake.arrival(seconds=ARRIVAL_SECONDS)
        return next((worker for worker in workers if arrival and worker.pid == arrival.pid), None)

    def _at_random(self, workers: Sequence[BaseProcess]) -> BaseProcess | None:
        time.sleep(self.chance.uniform(0, 0.2))
        return self.chance.choice(workers) if _is_open(self.job_id) else None


def _start(job_id: int) -> BaseProcess:
    connection.close()
    process = get_context("fork").Process(target=_work, args=(job_id,))
    process.start()
    return process


def _work(job_id: int) -> None:
    """Work as a worker does, repeatedly until the job is no longer open."""
    until(lambda: _worked(job_id), seconds=PATIENCE_SECONDS, look=0.1)
    connection.close()


def _worked(job_id: int) -> bool:
    work(kinds=KINDS, clock=database_time, job_id=job_id)
    return not _is_open(job_id)


def _is_open(job_id: int) -> bool:
    return Job.objects.filter(pk=job_id, state__in=OPEN_STATES).exists()


def _compare(job: Job, rows: int, units: int, verdict: Verdict) -> None:
    events, counted = Event.objects.count(), sum(counter.quantity for counter in Counter.objects.all())
    job_figures = {name: job.figures.get(name) for name in ("rows", "accepted", "duplicate", "refused")}
    say(f"  {events:,} events of {rows:,} rows, {counted:,} units of {units:,}; the job reports {job_figures}")
    verdict.require(job.state == JobState.DONE, f"the job is {job.get_state_display()}")
    expected = {"rows": rows, "accepted": rows, "duplicate": 0, "refused": 0}
    verdict.require(job_figures == expected, f"the job reports {job_figures}")
    verdict.require(events == rows, f"{events:,} events are stored")
    verdict.require(counted == units, f"{counted:,} units are counted")
