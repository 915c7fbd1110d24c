"""Subscriptions to migrate, with usage by events, and the steps of a migration done at once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.closing import close_due
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import Job, PlanMigration, Subscription
from billing.plan_migrations import workflow
from billing.plan_migrations.cohort import MigrationTerms, Selection, plan_migration
from billing.subscriptions import end_finished, generate_periods
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.mid_period_split import split_due_periods
from billing.subscriptions.terms.credit_grants import grant_due
from invoices.models import Invoice
from plans.models import PlanVersion
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import JAN, fee, make_plan, offer, publish, rate

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TENTH = JAN + 9 * DAY
FIFTEENTH = JAN + 14 * DAY


def make_version(
    code: str,
    price: str = "0.10",
    *,
    monthly: str = "31",
    included: int = 0,
    currencies: Sequence[str] = ("USD",),
    more: Sequence[Any] = (),
    **fields: Any,
) -> PlanVersion:
    """Return a version with a monthly fee in advance, which is none if empty, and calls at a price."""
    calls = offer("calls", included=included, prices={currency: [rate(price)] for currency in currencies})
    fees = [fee(monthly, currency=currency) for currency in currencies if monthly]
    return publish(make_plan(code, fees=fees, offers=[calls, *more], **fields))


def use(subscription: Subscription, count: int, moment: datetime, *, event: str = "calls", tag: str = "") -> None:
    """Send that many events of a subscription's customer, all within an hour."""
    customer = subscription.customer.external_id
    events = [
        {
            "id": f"{customer}-{event}-{moment:%m%d%H}-{tag}{number}",
            "customer": customer,
            "event": event,
            "timestamp": (moment + number * timedelta(seconds=1)).isoformat(),
        }
        for number in range(count)
    ]
    send(*events, at=moment + HOUR)


def planned(
    version: PlanVersion, *, at: datetime = FIFTEENTH, plan: str = "old", ids: Sequence[str] = (), **terms: Any
) -> PlanMigration:
    return plan_migration(
        title="To the new plan",
        version=version,
        selection=Selection(plan=plan, ids=tuple(ids)),
        terms=MigrationTerms(**{"when": "now", **terms}),
        at=at,
    )


def worked(job: Job, *, at: datetime) -> Job:
    work(kinds=KINDS, clock=lambda: at, job_id=job.pk)
    job.refresh_from_db()
    return job


def run(migration: PlanMigration, *, at: datetime = FIFTEENTH) -> Job:
    return worked(workflow.run(migration_id=migration.pk, at=at, by=None), at=at)


def roll_back(migration: PlanMigration, *, at: datetime) -> Job:
    return worked(workflow.roll_back(migration_id=migration.pk, at=at, by=None), at=at)


def pass_time(until: datetime, *, since: datetime = JAN) -> None:
    """Let the tasks do what they do, day by day."""
    at = since
    while at <= until:
        generate_periods(until=at + 2 * HOUR)
        split_due_periods(at=at)
        apply_due_changes(at=at)
        grant_due(at=at)
        assert not close_due(at=at).failed
        end_finished(at=at)
        at += DAY


def documents(subscription: Subscription) -> list[tuple[str, Decimal]]:
    """Return what a customer's documents claim, without those that were taken back and what takes them back."""
    mine = Invoice.objects.filter(customer=subscription.customer_id, kind="invoice").exclude(state="void")
    return [
        (f"{one.period_start:%m-%d %H} {one.period_end:%m-%d %H}", one.total)
        for one in mine.order_by("period_start", "id")
    ]


def owed(subscription: Subscription) -> Decimal:
    """Return what a customer's documents come to, less what credit notes give back."""
    mine = Invoice.objects.filter(customer=subscription.customer_id)
    return sum((one.total if one.kind == "invoice" else -one.total for one in mine), Decimal(0))
