"""A drop writes only new rows: other files stay, and replaced ones are deleted later."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from billing.models import DropPart, Job
from billing.revenue.data_drop import plan
from billing.revenue.data_drop.job import DropRefused, start_due_drops
from billing.revenue.ledger.books import read_books
from customers.models import Customer
from invoices.documents.locked_months import unlock_month
from invoices.models import Invoice
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice
from invoices.payments.manual_payments import record_payment
from plans.models import Plan
from tests.billing.revenue.book_setup import issue_invoice, line
from tests.billing.revenue.data_drop.drop_setup import DAY, NIGHT, Reader, drop, finish, folder_target, start
from tests.billing.revenue.frozen_months import freeze, posting
from tests.builders import make_customer, make_seller


@pytest.fixture
def reader(drop_directory):
    return Reader.of_folder(drop_directory / "warehouse")


def invoiced(customer: Customer, *amounts: str, at: str = "2026-04-01") -> Invoice:
    lines = [line(amount, at, "2026-05-01") for amount in amounts]
    with transaction.atomic():
        return issue_invoice(customer, lines, at=at, currency="USD")


@pytest.mark.django_db
def test_an_unchanged_table_keeps_its_files(reader):
    customer = make_customer("acme")
    invoiced(customer, "10.00")
    target = folder_target()
    drop(target)
    first = {file["path"]: file["sha256"] for file in reader.files()}
    invoiced(customer, "20.00")
    drop(target, at=NIGHT + DAY)
    second = {file["path"]: file["sha256"] for file in reader.files()}
    changed = {path.split("/")[0] for path in second.keys() - first.keys()}
    assert changed == {"invoices", "lines", "invoice_taxes", "postings"}
    assert len(reader.rows("lines")) == 2


@pytest.mark.django_db
def test_changed_rows_appear(reader):
    customer = make_customer("acme")
    invoice = invoiced(customer, "10.00")
    target = folder_target()
    drop(target)
    assert [row["paid"] for row in reader.rows("invoices")] == [0]
    facts = {"method": "manual", "reference": "r", "paid_at": NIGHT}
    record_payment(invoice_id=invoice.pk, amount=Decimal(10), at=NIGHT, **facts)
    drop(target, at=NIGHT + DAY)
    assert [row["paid"] for row in reader.rows("invoices")] == [10]
    assert [row["amount"] for row in reader.rows("payments")] == [10]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_full_ranges_are_not_read_again(reader):
    customer = make_customer("acme")
    invoice = invoiced(customer, *["1.00"] * 45)
    target = folder_target()
    for night in range(2):
        drop(target, at=NIGHT + night * DAY)
    # The second drop knows that the numbers of the first were all given before, and that nobody else holds one.
    ranges = {file["path"]: file["is_final"] for file in reader.files("lines")}
    last_range = max(ranges)
    assert [path for path, is_final in ranges.items() if not is_final] == [last_range]
    job = drop(target, at=NIGHT + 2 * DAY)
    read = job.items.filter(parameters__table="lines").values_list("parameters__number", flat=True)
    assert list(read) == [int(last_range.split("/")[1].split("-")[0])]
    assert set(ranges) == reader.paths("lines")
    assert len(reader.rows("lines")) == invoice.lines.count() == 45


@pytest.mark.django_db
def test_a_draft_keeps_its_range_open(reader, monkeypatch):
    monkeypatch.setattr(plan.DropPlan, "is_settled", lambda self, table, key: True)
    customer = make_customer("acme")
    invoiced(customer, *["1.00"] * 30)
    request = OneOffRequest([OneOffLine("Work", Decimal(2), NIGHT.date(), NIGHT.date())], net_days=14)
    draft = draft_invoice(customer=customer, request=request, at=NIGHT)
    target = folder_target()
    drop(target)
    own = draft.lines.get().pk // 10
    finality = {part.number: part.is_final for part in DropPart.objects.filter(table_name="lines")}
    assert finality.pop(own) is False
    assert any(finality.values())
    assert draft.pk not in {row["invoice_id"] for row in reader.rows("lines")}


@pytest.mark.django_db
def test_a_locked_month_is_written_once_and_taken_out_when_unlocked(reader):
    seller = make_seller()
    make_customer("acme", seller=seller)
    lock = freeze(seller, [posting("receivable", "revenue", "31.00")])
    target = folder_target()
    drop(target)
    frozen = [file for file in reader.files("postings") if "lock-" in file["path"]]
    assert [file["is_final"] for file in frozen] == [True]
    job = drop(target, at=NIGHT + DAY)
    assert not job.items.filter(parameters__section=f"lock-{lock.pk}").exists()
    assert frozen == [file for file in reader.files("postings") if "lock-" in file["path"]]
    unlock_month(lock_id=lock.pk, reason="forgot one", by=None, at=NIGHT + DAY)
    drop(target, at=NIGHT + 2 * DAY)
    assert not [row for row in reader.rows("postings") if row["lock_id"]]


@pytest.mark.django_db
def test_a_month_that_is_locked_meanwhile_is_in_the_drop_once(reader):
    """Open months follow the locks that were in force when the drop began."""
    seller = make_seller()
    customer = make_customer("acme", seller=seller)
    issue_invoice(customer, [line("31.00", "2026-01-01", "2026-02-01")], at="2026-01-01", currency="USD")
    january = freeze(seller, [posting("receivable", "revenue", "31.00", customer_id=customer.pk)])
    job = start(folder_target())
    unlock_month(lock_id=january.pk, reason="forgot one", by=None, at=NIGHT)
    finish(job)
    rows = [row for row in reader.rows("postings") if row["month"].month == 1]
    assert [(row["lock_id"], row["amount"]) for row in rows] == [(january.pk, 31)]
    assert read_books(seller, at=NIGHT).locks == {}


@pytest.mark.django_db
def test_replaced_files_are_deleted_when_their_readers_are_done(reader, drop_directory):
    customer = make_customer("acme")
    target = folder_target()
    drop(target)
    (first,) = reader.paths("customers")
    Customer.objects.filter(pk=customer.pk).update(legal_name="Renamed")
    drop(target, at=NIGHT + DAY)
    (second,) = reader.paths("customers")
    folder = drop_directory / "warehouse"
    assert (folder / first).exists()  # for those who still read by the earlier manifest
    job = drop(target, at=NIGHT + DAY + timedelta(hours=1))
    assert job.figures.get("files deleted") is None
    job = drop(target, at=NIGHT + 2 * DAY)
    assert job.figures["files deleted"] > 0
    assert not (folder / first).exists()
    assert (folder / second).exists()
    assert [row["legal_name"] for row in reader.rows("customers")] == ["Renamed"]
    on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    kept = set(DropPart.objects.exclude(path="").values_list("path", flat=True))
    assert on_disk == kept | {"manifest.json"}


@pytest.mark.django_db
def test_files_of_the_published_manifest_stay_while_later_drops_fail(reader, drop_directory):
    customer = make_customer("acme")
    target = folder_target()
    drop(target)
    published = reader.paths()
    blocked = drop_directory / "warehouse" / "plans"
    blocked.write_text("a file where the drop needs a folder")
    for night in (1, 2, 3):
        Customer.objects.filter(pk=customer.pk).update(legal_name=f"Name {night}")
        job = start(target, at=NIGHT + night * DAY)
        Plan.objects.create(code=f"plan-{night}", name="Plan", created_at=NIGHT)
        assert finish(job, at=NIGHT + night * DAY).state == "failed"
    assert reader.paths() == published
    assert [row["legal_name"] for row in reader.rows("customers")] == [customer.legal_name]
    blocked.unlink()
    drop(target, at=NIGHT + 4 * DAY)
    assert [row["legal_name"] for row in reader.rows("customers")] == ["Name 3"]


@pytest.mark.django_db
def test_another_format_writes_all_files_again(reader):
    make_customer("acme")
    target = folder_target()
    drop(target)
    target.format = "csv"
    target.save()
    drop(target, at=NIGHT + DAY)
    assert {path.rpartition(".")[2] for path in reader.paths()} == {"csv"}
    assert [row["external_id"] for row in reader.rows("customers")] == ["acme"]


@pytest.mark.django_db
def test_files_that_were_lost_are_written_again_on_request(reader, drop_directory):
    make_customer("acme")
    target = folder_target()
    drop(target)
    (path,) = reader.paths("customers")
    (drop_directory / "warehouse" / path).unlink()
    drop(target, at=NIGHT + DAY)
    with pytest.raises(FileNotFoundError):
        reader.rows("customers")
    drop(target, at=NIGHT + DAY, rewrites=True)
    assert len(reader.rows("customers")) == 1


@pytest.mark.django_db
def test_a_dry_run_lists_the_files_and_writes_none(drop_directory):
    make_customer("acme")
    target = folder_target()
    job = drop(target, dry_run=True)
    findings = [finding for item in job.items.all() for finding in item.findings]
    assert ("customers", 1, "would be written") in {(row["table"], row["rows"], row["outcome"]) for row in findings}
    assert list(drop_directory.iterdir()) == []
    assert not DropPart.objects.exists()


@pytest.mark.django_db
def test_a_target_is_dropped_once_a_night_and_again_an_hour_after_a_failure():
    target = folder_target(hour=2)
    folder_target("other", is_enabled=False)
    assert start_due_drops(at=NIGHT - timedelta(minutes=1)) == 1  # that of the night before was never made
    job = Job.objects.get()
    assert start_due_drops(at=NIGHT + timedelta(minutes=5)) == 0  # it still runs
    with pytest.raises(DropRefused, match=f"Job {job.pk} still drops to warehouse"):
        start(target)
    finish(job, at=NIGHT + timedelta(minutes=10))
    assert start_due_drops(at=NIGHT + timedelta(minutes=15)) == 1
    job = Job.objects.latest("pk")
    job.items.all().delete()
    Job.objects.filter(pk=job.pk).update(state="failed", error="no", finished_at=NIGHT + timedelta(minutes=30))
    assert start_due_drops(at=NIGHT + timedelta(minutes=60)) == 0
    assert start_due_drops(at=NIGHT + timedelta(minutes=91)) == 1
    finish(Job.objects.latest("pk"), at=NIGHT + timedelta(minutes=92))
    assert start_due_drops(at=NIGHT + timedelta(hours=20)) == 0
    assert start_due_drops(at=NIGHT + DAY) == 1
