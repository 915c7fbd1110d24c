"""Acts on selected invoices preview their effect, run as a job, and do each invoice once."""

import csv
import io
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.models import ApprovalLimit, ApprovalRequest, ApprovalRule
from billing.admin.jobs import worker_wakeup
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import Job
from customers.models import Contact, Notification, StaffSeller
from invoices.models import Invoice, PayerAccount, PaymentAttempt, PaymentMethod, WriteOff
from lib.task_clock import database_time
from tests.api.invoice_rows import make_invoice
from tests.builders import JAN, make_customer, make_seller

LIST = "/admin/invoices/invoice/"


@pytest.fixture(autouse=True)
def invoices(db, monkeypatch):
    """Two open invoices of Acme, who has a contact and a card; an open one and a draft of Beta, who has neither."""
    monkeypatch.setattr(worker_wakeup.run_jobs, "delay", lambda: None)
    acme, beta = make_customer("acme"), make_customer("beta")
    Contact.objects.create(customer=acme, name="Bea", email="bea@acme.example")
    account = PayerAccount.objects.create(customer=acme, provider="stripe", ref="cus_1", created_at=JAN)
    PaymentMethod.objects.create(account=account, ref="pm_1", label="Visa 4242", is_default=True, created_at=JAN)
    return [
        make_invoice(acme),
        make_invoice(acme, net="10.00", tax="1.90"),
        make_invoice(beta),
        make_invoice(beta, issue=False),
    ]


def post(client, action, *, agreed=True, chosen=None, **fields):
    ids = [invoice.pk for invoice in (Invoice.objects.all() if chosen is None else chosen)]
    body = {"action": action, "_selected_action": ids, "index": "0", **fields}
    return client.post(LIST, {**body, **({"_agreed": "1"} if agreed else {})})


def run_job():
    work(kinds=KINDS, clock=database_time)
    job = Job.objects.latest("pk")
    assert job.state == "done", [item.error for item in job.items.all()]
    return job


@pytest.mark.parametrize(
    ("action", "texts"),
    [
        (
            "send_many",
            [
                "Send 2 invoices again",
                "2 invoices: €29.75.",
                "1 invoice: no contact who receives invoices.",
                "1 invoice: draft.",
            ],
        ),
        (
            "charge_many",
            [
                "Charge 2 invoices",
                "2 invoices: €29.75.",
                "1 invoice: no card or bank account stored.",
                "1 invoice: nothing due.",
            ],
        ),
        (
            "write_off_many",
            ["Write off 3 invoices", "3 invoices: €47.60.", "1 invoice: nothing to write off."],
        ),
        ("make_files", ["Create PDFs of 3 invoices"]),
        ("export_selection", ["Export 4 rows"]),
    ],
)
def test_each_previews_its_effect(member, action, texts):
    page = post(member("finance"), action, agreed=False).content.decode()
    for text in texts:
        assert text in page
    assert not Job.objects.exists()


def test_selected_invoices_are_sent_again(member):
    client = member("finance")
    answer = post(client, "send_many")
    job = run_job()
    assert answer.url == f"/admin/billing/job/{job.pk}/change/"
    assert job.figures == {"sent": 2}
    assert Notification.objects.filter(kind="invoice.resent").count() == 2
    assert "Emails on their way" in client.get(answer.url).content.decode()


def test_selected_invoices_are_charged_by_the_workers_of_attempts(member):
    post(member("finance"), "charge_many")
    assert run_job().figures == {"started": 2}
    assert set(PaymentAttempt.objects.values_list("state", "amount")) == {
        ("pending", Decimal("17.85")),
        ("pending", Decimal("11.90")),
    }


def test_selected_invoices_are_written_off_with_a_reason(member):
    client = member("finance")
    assert post(client, "write_off_many").status_code == 200, "the reason is missing"
    post(client, "write_off_many", _reason="insolvent")
    job = run_job()
    assert job.figures == {"written off": 3}
    assert set(WriteOff.objects.values_list("reason", "by")) == {("insolvent", job.by_id)}


def test_write_offs_above_the_limit_wait_for_a_second_person(member):
    rule = ApprovalRule.objects.get(kind="write_offs")
    ApprovalRule.objects.filter(pk=rule.pk).update(is_required=True)
    ApprovalLimit.objects.create(rule=rule, unit="EUR", amount=18)
    client = member("finance")
    assert "once a second person agrees" in post(client, "write_off_many", agreed=False).content.decode()
    post(client, "write_off_many", _reason="insolvent")
    job = run_job()
    # 17.85 of Acme are within the limit, 11.90 more are not; Beta is another customer.
    assert job.figures == {"written off": 2, "requested": 1}
    request = ApprovalRequest.objects.get()
    assert (request.act, request.requested_by_id) == ("write_off", job.by_id)
    assert "Waiting for approval" in client.get(f"/admin/billing/job/{job.pk}/change/").content.decode()


def test_an_invoice_that_changed_meanwhile_is_listed_with_the_reason(member, invoices):
    client = member("finance")
    post(client, "write_off_many", _reason="insolvent")
    Invoice.objects.filter(pk=invoices[2].pk).update(state="uncollectible")
    job = run_job()
    assert job.figures == {"written off": 2, "refused": 1}
    text = client.get(f"/admin/billing/job/{job.pk}/change/").content.decode()
    assert "Not possible for" in text
    assert "Nothing can be written off" in text
    answer = client.get(f"/admin/billing/job/{job.pk}/result/")
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert rows[0] == ["item", "invoice", "reason", "error"]
    assert rows[1][1] == str(invoices[2])


def test_a_repeated_item_sends_and_charges_nothing_more(member):
    client = member("finance")
    post(client, "send_many")
    first = run_job()
    # As if the worker's commit had been lost for the item alone, which can't happen: its key stops the second email.
    item = first.items.earliest("number")
    KINDS[first.kind].process(item, database_time())
    assert Notification.objects.filter(kind="invoice.resent").count() == 2


def test_the_preview_runs_as_many_queries_for_many_invoices(member, invoices):
    client = member("finance")
    client.get(LIST)  # reads what is cached from then on
    post(client, "send_many", agreed=False)
    counts = []
    for _ in range(2):
        for action in ("send_many", "charge_many", "write_off_many"):
            with CaptureQueriesContext(connection) as queries:
                post(client, action, agreed=False)
            counts.append(len(queries))
        for _more in range(5):
            make_invoice(invoices[0].customer)
    assert counts[:3] == counts[3:]


@pytest.mark.parametrize("action", ["charge_many", "write_off_many", "make_files"])
def test_support_is_offered_the_sending_alone(member, action):
    client = member("support")
    post(client, action, _reason="x")
    assert not Job.objects.exists()
    page = client.get(LIST).content.decode()
    assert action not in page
    assert "send_many" in page


def test_restricted_staff_act_on_invoices_of_their_sellers(member):
    own = make_seller("own")
    mine = make_invoice(make_customer("mine", seller=own))
    client = member("finance")
    StaffSeller.objects.create(user_id=int(client.session["_auth_user_id"]), seller=own)
    assert post(client, "write_off_many", _reason="insolvent").url == LIST
    run_job()
    assert list(WriteOff.objects.values_list("invoice", flat=True)) == [mine.pk]
