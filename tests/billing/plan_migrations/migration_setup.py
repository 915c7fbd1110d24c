"""Subscriptions to migrate, with usage by events, and the steps of a migration run to their end."""

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
    """Return a version with calls at a price and a monthly fee in advance; an empty `monthly` means no fee."""
    calls = offer("calls", included=included, prices={currency: [rate(price)] for currency in currencies})
    fees = [fee(monthly, currency=currency) for currency in currencies if monthly]
    return publish(make_plan(code, fees=fees, offers=[calls, *more], **fields))


def use(subscription: Subscription, count: int, moment: datetime, *, event: str = "calls", tag: str = "") -> None:
    """Send this many events of a subscription's customer, all within an hour."""
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
    """Run the periodic tasks, day by day."""
    at = since
    while at <= until:
        generate_periods(until=at + 2 * HOUR)
        split_due_periods(at=at)
        apply_due_changes(at=at)
        grant_due(at=at)
        assert not close_due(at=at).failed
        end_finished(at=at)
        at += DAY


def remaining_invoices(subscription: Subscription) -> list[tuple[str, Decimal]]:
    """Return period and total of a customer's invoices, without void ones and credit notes."""
    invoices = Invoice.objects.filter(customer=subscription.customer_id, kind="invoice").exclude(state="void")
    return [
        (f"{invoice.period_start:%m-%d %H} {invoice.period_end:%m-%d %H}", invoice.total)
        for invoice in invoices.order_by("period_start", "id")
    ]


def net_total(subscription: Subscription) -> Decimal:
    """Return the total of a customer's invoices less that of their credit notes."""
    invoices = Invoice.objects.filter(customer=subscription.customer_id)
    return sum((invoice.total if invoice.kind == "invoice" else -invoice.total for invoice in invoices), Decimal(0))
