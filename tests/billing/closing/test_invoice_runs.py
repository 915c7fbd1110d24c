"""An invoice run closes due periods as a job, chunk by chunk, and records the outcome of each period."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due, invoice_run_job
from billing.closing.invoice_run_job import InvoiceRunRefused, amounts_by_currency, start_invoice_run
from billing.job_kinds import KINDS
from billing.jobs import controls
from billing.jobs.results import job_result_rows
from billing.jobs.worker import work
from billing.models import Counter, Job, JobItem, Period
from billing.models.jobs import JobState
from invoices.models import Invoice
from tests.builders import FEB, MAR, fee, make_customer, make_plan, make_seller, offer, publish, rate, subscribe, use
from tests.deadlines import ScriptedDeadline

pytestmark = pytest.mark.django_db
AT = FEB + timedelta(hours=1)


@pytest.fixture(autouse=True)
def chunks_of_two(monkeypatch):
    monkeypatch.setattr(invoice_run_job, "CHUNK_SIZE", 2)


@pytest.fixture
def version():
    offers = [offer("api.calls", rates=[rate("0.05")])]
    return publish(make_plan(fees=[fee("20", billed="arrears")], offers=offers))


@pytest.fixture
def over(version):
    """Return the periods of January of three customers: 20.00 and usage of 5.00 each."""
    return [use(subscribe(make_customer(f"c{number}"), version), "api.calls", 100) for number in range(3)]


def run(*, until=AT, at=AT, **options) -> Job:
    job = start_invoice_run(until=until, at=at, by=None, **options)
    retry_waiting_items(at=at)
    return refreshed(job)


def retry_waiting_items(*, at=AT):
    JobItem.objects.update(begun_at=None)  # a test does not wait for the next retry
    work(kinds=KINDS, clock=lambda: at)


def refreshed(job: Job) -> Job:
    job.refresh_from_db()
    return job


def add_usage_without_a_price(period: Period):
    """Add usage to a period that its version has no price for."""
    Counter.objects.filter(period=period).update(plan_feature_id=10**9)


def test_it_closes_due_periods_by_chunks_of_the_queue(over):
    job = run()
    assert (job.state, job.total) == (JobState.DONE, 2)
    assert job.figures == {
        "periods": 3, "invoices": 3, "nothing due": 0, "credit notes": 0, "left": 0, "total.USD": 7500
    }  # fmt: skip
    assert amounts_by_currency(job.figures) == {"USD": Decimal("75.00")}
    assert Invoice.objects.count() == 3
    assert run().total == 0


def test_a_dry_run_has_the_same_totals_and_issues_nothing(over):
    dry_run = run(dry_run=True)
    assert not Invoice.objects.exists()
    done = dry_run.figures
    controls.do_for_real(job_id=dry_run.pk, by=None, at=AT)
    retry_waiting_items()
    assert refreshed(dry_run).figures == done
    assert Invoice.objects.count() == 3


def test_its_result_lists_every_period_and_its_invoice(over):
    (head, *rows) = job_result_rows(run(), KINDS["close_run"])
    assert head == ["item", *invoice_run_job.COLUMNS, "error"]
    numbers = list(Invoice.objects.order_by("sequence").values_list("number", flat=True))
    assert [row[2] for row in rows] == ["c0", "c1", "c2"]
    assert [row[4] for row in rows] == numbers
    assert {(row[1], row[5], row[6]) for row in rows} == {("2026-01-01 to 2026-02-01", "USD", "25.0000")}


def test_a_period_that_can_not_be_rated_stops_no_other_and_is_retried_alone(over):
    plan_feature_id = Counter.objects.get(period=over[0]).plan_feature_id
    add_usage_without_a_price(over[0])
    job = run()
    assert (job.state, job.failed, job.figures["invoices"], job.figures["left"]) == (JobState.FAILED, 1, 2, 1)
    assert [row for row in job_result_rows(job, KINDS["close_run"]) if "has no price" in row[-2]]
    Counter.objects.filter(period=over[0]).update(plan_feature_id=plan_feature_id)
    numbers = set(Invoice.objects.values_list("number", flat=True))
    controls.retry_failed(job_id=job.pk, by=None, at=AT)
    retry_waiting_items()
    assert (refreshed(job).state, job.figures["invoices"], job.figures["total.USD"]) == (JobState.DONE, 3, 7500)
    assert numbers < set(Invoice.objects.values_list("number", flat=True))


def test_a_period_that_the_database_rejects_stops_no_other(over, monkeypatch):
    monkeypatch.setattr(invoice_run_job, "CHUNK_SIZE", 3)
    Counter.objects.filter(period=over[1]).update(quantity=10**30)  # more than the greatest amount of a line
    job = run()
    assert (job.state, job.figures["invoices"], job.figures["left"]) == (JobState.FAILED, 2, 1)
    over[1].refresh_from_db()
    assert (over[1].state, over[1].attempts) == ("open", 1)


def test_it_runs_concurrently_with_the_periodic_close(over):
    job = start_invoice_run(until=AT, at=AT, by=None)
    work(
        kinds=KINDS, clock=lambda: AT, deadline=ScriptedDeadline(iter([True, True, False, False]).__next__)
    )  # split, no item begun
    close_due(at=AT)
    retry_waiting_items()
    assert (refreshed(job).state, job.figures["invoices"]) == (JobState.DONE, 3)
    assert Invoice.objects.count() == 3


def test_a_run_for_a_seller_bills_no_other_seller(over, version):
    other = make_seller("other", legal_name="Other Inc.")
    subscription = subscribe(make_customer("mine", seller=other), version)
    job = run(seller=other)
    assert job.figures["periods"] == 1
    assert Invoice.objects.get().customer == subscription.customer


def test_periods_due_later_are_skipped(over):
    assert run(until=FEB).figures == {}


def test_a_time_in_the_future_is_rejected():
    with pytest.raises(InvoiceRunRefused, match=r"2026-03-01 00:00 UTC is in the future"):
        start_invoice_run(until=MAR, at=AT, by=None)


@pytest.mark.parametrize("chunk", [2, 1])
def test_a_shared_invoice_is_counted_once(version, monkeypatch, chunk):
    monkeypatch.setattr(invoice_run_job, "CHUNK_SIZE", chunk)
    customer = make_customer("both", one_document=True)
    for name in ("alpha", "beta"):
        use(subscribe(customer, version, external_id=name, named=True), "api.calls", 100)
    job = run()
    assert (job.state, amounts_by_currency(job.figures)) == (JobState.DONE, {"USD": Decimal(50)})
    assert (job.figures["periods"], job.figures["invoices"], job.figures["left"]) == (2, 1, 0)
    _, *rows = job_result_rows(job, KINDS["close_run"])
    assert sorted((row[4], row[6]) for row in rows) == [("INV-000001", ""), ("INV-000001", "50.0000")]


def test_a_dry_run_joins_subscriptions_that_share_an_invoice(version):
    customer = make_customer("both", one_document=True)
    for name in ("alpha", "beta"):
        use(subscribe(customer, version, external_id=name, named=True), "api.calls", 100)
    job = run(dry_run=True)
    assert (job.figures["invoices"], amounts_by_currency(job.figures)) == (1, {"USD": Decimal(50)})
    _, *rows = job_result_rows(job, KINDS["close_run"])
    assert sorted(row[6] for row in rows) == ["", "50.00"]
    assert not Invoice.objects.exists()
