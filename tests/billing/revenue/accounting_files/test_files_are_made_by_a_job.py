"""The job and the command `export_books`: an item for each seller, target and currency."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.job_kinds import KINDS
from billing.jobs.controls import retry_failed
from billing.jobs.worker import work
from billing.models import AccountingTarget, ExportBatch, Job
from billing.revenue.accounting_files.job import ExportRefused, start_export
from tests.billing.revenue.accounting_files.account_builders import AT, JANUARY, make_account, map_all_roles, map_role
from tests.billing.revenue.frozen_months import freeze, posting
from tests.builders import make_seller

pytestmark = pytest.mark.django_db


def run(**arguments):
    job = start_export(month=JANUARY, by=None, at=AT, **arguments)
    work(kinds=KINDS, clock=lambda: AT, job_id=job.pk)
    job.refresh_from_db()
    return job


def outcomes(job):
    return [
        (row["target"], row["currency"], row["outcome"], row.get("batch", ""))
        for item in job.items.order_by("number")
        for row in item.findings
    ]


@pytest.fixture
def seller():
    seller = make_seller()
    map_all_roles()
    for target in ("hledger", "sie"):
        AccountingTarget.objects.create(seller=seller, target=target)
    freeze(
        seller,
        [posting("receivable", "revenue", 5), posting("receivable", "revenue", 7, currency="EUR", source_id=2)],
    )
    return seller


def test_a_job_makes_the_files_of_all_targets_and_lists_what_is_left_out(seller):
    job = run()
    assert job.state == "done"
    assert outcomes(job) == [
        ("hledger", "EUR", "made", "TB-2026-01-001"),
        ("sie", "EUR", "left out", ""),
        ("hledger", "USD", "made", "TB-2026-01-002"),
        ("sie", "USD", "made", "TB-2026-01-003"),
    ]
    assert job.figures == {"made": 3, "left out": 1, "unmapped": 0, "nothing to export": 0, "refused": 0}


def test_a_second_job_finds_nothing_to_export(seller):
    run(target="hledger")
    assert outcomes(run(target="hledger")) == [
        ("hledger", "EUR", "nothing to export", ""),
        ("hledger", "USD", "nothing to export", ""),
    ]
    assert ExportBatch.objects.count() == 2


def test_a_dry_run_stores_no_batch(seller):
    job = run(target="hledger", dry_run=True)
    assert [row[2] for row in outcomes(job)] == ["made", "made"]
    assert not ExportBatch.objects.exists()


def test_an_incomplete_mapping_fails_the_item_and_a_retry_makes_the_file():
    seller = make_seller()
    map_role("receivable", make_account(code="1200"))
    freeze(seller, [posting("receivable", "revenue", 5)])
    job = run(target="journal")
    (item,) = job.items.all()
    assert job.state == "failed"
    assert [(row["role"], row["amount"], row["postings"]) for row in item.findings] == [("revenue", "-5", 1)]
    map_role("revenue", make_account(code="4000"))
    retry_failed(job_id=job.pk, by=None, at=AT)
    work(kinds=KINDS, clock=lambda: AT, job_id=job.pk)
    assert ExportBatch.objects.get().label == "TB-2026-01-001"


def test_a_job_needs_a_target_and_a_month():
    make_seller()
    with pytest.raises(ExportRefused, match="No accounting target"):
        start_export(month=JANUARY, by=None, at=AT)
    with pytest.raises(ExportRefused, match="Choose one of journal, quickbooks"):
        start_export(month=JANUARY, target="sap", by=None, at=AT)
    with pytest.raises(ExportRefused, match="first day of a month"):
        start_export(month=JANUARY.replace(day=2), target="datev", by=None, at=AT)


def test_the_command_prints_each_file(seller):
    out = StringIO()
    call_command("export_books", "--target", "hledger", "--month", "2026-01", "--seller", seller.code, stdout=out)
    assert "hledger  USD  made  TB-2026-01-002" in out.getvalue()
    assert Job.objects.get().parameters["seller"] == seller.pk


def test_the_command_prints_unmapped_amounts_and_fails():
    seller = make_seller()
    map_role("receivable", make_account(code="1200"))
    freeze(seller, [posting("receivable", "revenue", 5)])
    out = StringIO()
    with pytest.raises(CommandError, match="1 jobs failed"):
        call_command("export_books", "--target", "journal", "--month", "2026-01", stdout=out)
    assert "unmapped  revenue  -5  1" in out.getvalue()


def test_the_command_names_the_sellers_there_are():
    make_seller()
    with pytest.raises(CommandError, match="Choose one of acme"):
        call_command("export_books", "--target", "datev", "--month", "2026-01", "--seller", "nobody")
