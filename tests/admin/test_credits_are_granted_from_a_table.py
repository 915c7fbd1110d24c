"""A table of grants is checked in a dry run and then granted; importing the same table again grants nothing twice."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from access.models import ApprovalLimit, ApprovalRequest, ApprovalRule
from billing.admin.jobs import worker_wakeup
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import Job
from billing.subscriptions.bulk_grants import job as granting
from customers.models import Notification
from lib.tabular_files import as_xlsx
from lib.task_clock import database_time
from tests.builders import make_customer, make_feature
from wallets.models import Lot, Transaction, Wallet

PAGE = "/admin/billing/job/grant_promotions/"
NEXT_YEAR = datetime.now(UTC) + timedelta(days=365)
HEAD = "customer,units,unit,expires,features,reason,key"


@pytest.fixture(autouse=True)
def environment(db, monkeypatch):
    monkeypatch.setattr(worker_wakeup.run_jobs, "delay", lambda: None)
    for name in ("acme", "beta"):
        make_customer(name)
    make_feature("runs")


def send(client, *lines, name="gifts.csv", head=HEAD, **fields):
    content = "\n".join([head, *lines]).encode()
    answer = client.post(PAGE, {"file": SimpleUploadedFile(name, content), **fields})
    return Job.objects.order_by("pk").last() if answer.status_code == 302 else None, answer


def run_job(job):
    work(kinds=KINDS, clock=database_time)
    job.refresh_from_db()
    return job.figures


def run_for_real(client, job):
    client.post(f"/admin/billing/job/{job.pk}/steer/do_for_real/")
    return run_job(job)


def shown(client, job):
    return client.get(f"/admin/billing/job/{job.pk}/change/").content.decode()


def test_a_dry_run_precedes_the_grants(member):
    client = member("finance")
    job, _ = send(client, "acme,50,,,,Sorry,a", f"beta,2.5,USD,{NEXT_YEAR:%Y-%m-%d},runs,,b")
    assert run_job(job) == {"rows": 2, "granted": 2, "before": 0, "refused": 0}
    assert not Lot.objects.exists()
    assert "Create 2 grants" in shown(client, job)
    assert run_for_real(client, job) == {"rows": 2, "granted": 2, "before": 0, "refused": 0}
    credits, money = Lot.objects.select_related("wallet__customer").order_by("wallet__customer__external_id")
    assert (credits.wallet.unit, credits.amount, credits.kind, credits.source) == (
        "credits",
        50,
        "promotional",
        "promo:a",
    )
    assert (money.wallet.unit, money.amount, money.expires_at.date()) == ("USD", 2.5, NEXT_YEAR.date())
    assert money.features == [make_feature("runs").pk]
    assert Transaction.objects.get(wallet=credits.wallet).reason == "Sorry"
    assert Transaction.objects.get(wallet=credits.wallet).by.username == job.by.username
    assert sorted(Notification.objects.values_list("kind", "customer__external_id")) == [
        ("wallet.granted", "acme"),
        ("wallet.granted", "beta"),
    ]


def test_the_same_table_twice_grants_nothing_twice(member):
    client = member("finance")
    lines = ["acme,50,,,,Sorry,", "acme,50,,,,Thanks,", "beta,5,,,,,x"]
    for expected in (3, 0):
        job, _ = send(client, *lines)
        run_job(job)
        assert run_for_real(client, job)["granted"] == expected
    assert job.figures["before"] == 3
    assert Lot.objects.count() == 3
    assert Notification.objects.count() == 3


WRONG = [
    # row                        field       message
    ("nobody,5,,,,,", "customer", "Unknown customer “nobody”"),
    ("acme,five,,,,,", "units", "“five” is not a number"),
    ("acme,0,,,,,", "units", "must be above zero"),
    ("acme,0.0000000000001,,,,,", "units", "more than 12 decimal places"),
    ("acme,5,coins,,,,", "unit", "Enter “credits” or a currency"),
    ("acme,5,,soon,,,", "expires", "“soon” is not a date"),
    ("acme,5,,2020-01-01,,,", "expires", "is in the past"),
    ("acme,5,,,runs walks,,", "features", "Unknown feature “walks”"),
    (f"acme,5,,,,{'x' * 301},", "reason", "at most 300 characters"),
    (f"acme,5,,,,,{'x' * 81}", "key", "at most 80 characters"),
]


@pytest.mark.parametrize(("line", "field", "message"), WRONG)
def test_an_invalid_row_is_reported_by_field_and_stops_no_other_row(member, line, field, message):
    client = member("finance")
    job, _ = send(client, line, "beta,5,,,,,")
    assert run_job(job)["refused"] == 1
    text = shown(client, job)
    assert message in text
    assert f"<td>{field}</td>" in text
    assert run_for_real(client, job)["granted"] == 1
    assert message in b"".join(client.get(f"/admin/billing/job/{job.pk}/result/").streaming_content).decode()


def test_two_identical_rows_need_different_keys(member):
    client = member("finance")
    job, _ = send(client, "acme,5,,,,,", "acme,5,,,,,")
    assert run_job(job) == {"rows": 2, "granted": 1, "before": 0, "refused": 1}
    assert "Row 2 has the same content" in shown(client, job)


def test_a_key_grants_one_amount(member):
    client = member("finance")
    for amount in (5, 6):
        job, _ = send(client, f"acme,{amount},,,,,k")
        run_job(job)
        run_for_real(client, job)
    assert job.figures["refused"] == 1
    assert "This key already granted 5 credits" in shown(client, job)


NO_TABLES = [
    ("customer,amount", "The column “units” is missing"),
    ("customer,units,color", "“color” is not a column"),
    ("customer,units", "The file has no rows below its header"),
]


@pytest.mark.parametrize(("head", "message"), NO_TABLES)
def test_a_file_that_is_no_grant_table_is_rejected_on_upload(member, head, message):
    job, answer = send(member("finance"), head=head)
    assert job is None
    assert message in answer.content.decode()


def test_a_workbook_is_accepted(member):
    client = member("finance")
    book = SimpleUploadedFile("gifts.xlsx", as_xlsx(["customer", "units"], [["acme", "7"]]))
    client.post(PAGE, {"file": book})
    job = Job.objects.get()
    run_job(job)
    assert run_for_real(client, job)["granted"] == 1


def test_sandbox_customers_are_looked_up_separately(member):
    make_customer("acme", sandbox=True)
    client = member("finance")
    job, _ = send(client, "acme,5,,,,,", sandbox="on")
    run_job(job)
    run_for_real(client, job)
    assert Wallet.objects.get().customer.sandbox


def test_a_table_is_granted_in_separate_job_items(member, monkeypatch):
    monkeypatch.setattr(granting, "ROWS_PER_ITEM", 2)
    client = member("finance")
    job, _ = send(client, *(f"acme,{number},,,,," for number in range(1, 6)))
    run_job(job)
    assert (job.total, job.figures["granted"]) == (3, 5)
    run_for_real(client, job)
    assert sum(Lot.objects.values_list("amount", flat=True)) == 15


def test_many_rows_take_as_many_queries_as_few(member, django_assert_max_num_queries):
    for number in range(20):
        make_customer(f"c{number}")
    job, _ = send(member("finance"), *(f"c{number},5,,,,," for number in range(20)))
    run_job(job)
    item = job.items.get()
    item.job.dry_run = False
    with django_assert_max_num_queries(25):
        granting.PROMOTION.process(item, database_time())
    assert Lot.objects.count() == 20


@pytest.mark.parametrize("group", ["support", "engineer", "operations"])
def test_other_groups_are_refused(member, group):
    assert member(group).get(PAGE).status_code == 403


def require_approval(unit, limit):
    rule = ApprovalRule.objects.get(kind="grants")
    ApprovalRule.objects.filter(pk=rule.pk).update(is_required=True)
    ApprovalLimit.objects.create(rule=rule, unit=unit, amount=limit)


def test_a_file_above_the_limit_is_approved_by_a_second_person(member):
    require_approval("credits", 100)
    client = member("finance")
    job, _ = send(client, "acme,60,,,,Sorry,a", "beta,50,,,,Sorry,b")
    run_job(job)
    answer = client.post(f"/admin/billing/job/{job.pk}/steer/do_for_real/", follow=True)
    assert "A second person must approve this" in answer.content.decode()
    request = ApprovalRequest.objects.get()
    assert (request.amount, request.unit, request.facts[-1]) == (110, "credits", ["Total", "110 credits"])
    assert run_job(job) == {"rows": 2, "granted": 2, "before": 0, "refused": 0}
    assert not Lot.objects.exists()
    member("finance approver").post(f"/admin/access/approvalrequest/{request.pk}/approve/")
    run_job(job)
    assert Lot.objects.count() == 2


def test_files_of_a_day_count_together(member):
    require_approval("credits", 100)
    client = member("finance")
    for key, amount, state in (("a", 60, "run"), ("b", 40, "run"), ("c", 1, "waiting")):
        job, _ = send(client, f"acme,{amount},,,,Sorry,{key}")
        run_job(job)
        run_for_real(client, job)
        assert ApprovalRequest.objects.count() == (state == "waiting")
    assert Lot.objects.count() == 2
