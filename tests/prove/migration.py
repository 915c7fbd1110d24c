"""
Migrate subscriptions with several workers, kill one after the other, and roll the migration back the same way.

Half of the plan's subscriptions are migrated in mid-period and rolled back; the other half is not. Killed workers are
replaced at once. At the end none was migrated twice or left on the new plan, and a year of invoices of the
rolled-back ones equals, to the cent, that of the others.
"""

import argparse
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from django.db import connection

from billing.closing import close_due
from billing.job_kinds import KINDS
from billing.jobs.controls import retry_failed
from billing.jobs.worker import work
from billing.metering.ingest import event_recorder, parser
from billing.models import Job, MigrationItem, PlanMigration, Subscription
from billing.models.jobs import JobState
from billing.plan_migrations import jobs, workflow
from billing.plan_migrations.cohort import MigrationTerms, Selection, plan_migration
from billing.subscriptions import generate_periods
from config.postgres import Cluster
from invoices.models import Invoice
from lib.task_clock import database_time
from tests.builders import fee, make_customer, make_plan, offer, publish, rate, subscribe
from tests.prove.final_check import books_are_sound
from tests.prove.imports import RANDOM, Campaign
from tests.prove.verdict import Verdict, say, table

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SUBSCRIPTIONS_OF_A_PIECE = 25
SOME = 17
"""The greatest number of events per customer, and so the number of different customers."""
MOVING = ("jobs.begun", "migration.moved", "jobs.before_commit", "jobs.after_commit", RANDOM)
GOING_BACK = ("jobs.begun", "migration.moved_back", "jobs.before_commit", "jobs.after_commit", RANDOM)


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove migration", description=__doc__)
    parser.add_argument("--subscriptions", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    verdict = Verdict(f"{options.subscriptions:,} subscriptions, {options.kills} kills", seed=options.seed)
    jobs.SUBSCRIPTIONS_PER_ITEM = SUBSCRIPTIONS_OF_A_PIECE
    began, migration = _begin(options.subscriptions)
    chance, half = random.Random(options.seed), options.kills // 2
    killed = _run_with_kills(workflow.run, migration, chance, half, MOVING)
    verdict.require(_states() == {"moved": options.subscriptions}, f"moved: {_states()}")
    _use("m", options.subscriptions, database_time() - timedelta(minutes=1))
    _use("s", SOME, database_time() - timedelta(minutes=1))
    killed += _run_with_kills(workflow.roll_back, migration, chance, options.kills - half, GOING_BACK)
    verdict.require(_states() == {"undone": options.subscriptions}, f"rolled back: {_states()}")
    struck = sum(killed.values())
    verdict.require(struck == options.kills, f"the migration ended after {struck} of {options.kills} kills")
    say("\nKills")
    table(["killed", "times"], sorted(killed.items()))
    _bill(began, options.months)
    _compare(options.subscriptions, verdict)
    books_are_sound(verdict)
    return verdict.conclude()


def _begin(count: int) -> tuple[datetime, PlanMigration]:
    at = database_time()
    began = at - 10 * DAY
    old = _version("old", "31", "0.10", included=5, since=began - DAY)
    new = _version("new", "62", "0.25", included=2, since=began - DAY)
    for name, many in (("m", count), ("s", SOME)):
        for number in range(many):
            subscribe(make_customer(f"{name}{number}"), old, began, external_id=f"{name}{number}")
        _use(name, many, began + DAY)
    generate_periods(until=at + 2 * HOUR)
    close_due(at=at)
    say(f"  {count:,} are selected, {SOME} are not")
    who = tuple(f"m{number}" for number in range(count))
    parts = Selection(plan="old", began_until=at) if count > 20_000 else Selection(ids=who)
    terms = MigrationTerms(when="now")
    return began, plan_migration(title="Prove it", version=new, selection=parts, terms=terms, at=at)


def _version(code: str, monthly: str, price: str, *, included: int, since: datetime):  # type: ignore[no-untyped-def]
    calls = offer("calls", included=included, rates=[rate(price)])
    return publish(make_plan(code, fees=[fee(monthly)], offers=[calls], anchor="anniversary"), since)


def _use(name: str, many: int, moment: datetime) -> None:
    """Send events for each customer, as many as its number says."""
    events = [
        {
            "id": f"{name}{number}-{moment:%d%H%M%S}-{count}",
            "customer": f"{name}{number}",
            "event": "calls",
            "timestamp": moment.isoformat(),
        }
        for number in range(many)
        for count in range(number % SOME)
    ]
    for start in range(0, len(events), 1_000):
        body = msgspec.json.encode(events[start : start + 1_000])
        at = moment + timedelta(seconds=5)
        received, _, _ = parser.parse_events(body, sandbox=False, at=at, oldest=moment - DAY, newest=at)
        event_recorder.record_events(events=received, sandbox=False, at=at)


def _run_with_kills(
    step, migration: PlanMigration, chance: random.Random, times: int, places: Sequence[str]
) -> Counter[str]:  # type: ignore[no-untyped-def]
    """Run a step with workers that are killed this often, and return the places of the kills."""
    job: Job = step(migration_id=migration.pk, at=database_time(), by=None)
    campaign = Campaign(job, chance)
    campaign.kill(times, places)
    _resume(job)
    return Counter(campaign.killed)


def _resume(job: Job) -> None:
    """Retry job items that failed because their workers were killed every time, as staff would do."""
    job.refresh_from_db()
    if job.state == JobState.FAILED:
        say(f"  {job.failed} items failed, each after its worker was killed five times; they are retried")
        retry_failed(job_id=job.pk, by=None, at=database_time())
        work(kinds=KINDS, clock=database_time, job_id=job.pk)


def _states() -> dict[str, int]:
    connection.close()
    return dict(Counter(MigrationItem.objects.values_list("state", flat=True)))


def _bill(began: datetime, months: int) -> None:
    at = database_time()
    close_due(at=at + 2 * HOUR)
    for month in range(1, months + 1):
        at = began + month * 31 * DAY
        generate_periods(until=at + 2 * HOUR)
        close_due(at=at)
    say(f"  {months} months are billed")


def _compare(count: int, verdict: Verdict) -> None:
    """
    Compare the total of each rolled-back customer with that of customers with equal usage who were not migrated.
    """
    owed: Counter[str] = Counter()
    rows = Invoice.objects.values_list("customer__external_id", "kind", "total")
    for customer, kind, total in rows.iterator():
        owed[customer] += total if kind == "invoice" else -total
    wrong = [number for number in range(count) if owed[f"m{number}"] != owed[f"s{number % SOME}"]]
    verdict.require(
        not wrong, f"{len(wrong):,} owe different amounts from unmigrated customers, such as m{wrong[:5]}"
    )
    remaining = Subscription.objects.exclude(version__plan__code="old").count()
    verdict.require(not remaining, f"{remaining:,} are still on the new plan")
