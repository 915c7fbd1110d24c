"""A worker that is killed while it writes invoices off leaves each of them written off once, with its item done."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User

from billing.closing.invoice_batches import start_invoice_batch
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import Job
from billing.models.jobs import JobKind
from customers.models import Contact, Notification
from invoices.models import Invoice, WriteOff
from lib.task_clock import database_time
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, make_customer
from tests.killed_processes import kill_at

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

SIZE = 3


@pytest.fixture
def user():
    return User.objects.create_user("fiona", is_staff=True, is_superuser=True)


@pytest.fixture
def invoice_ids():
    customer = make_customer("acme")
    Contact.objects.create(customer=customer, name="Bea", email="bea@acme.example")
    return [make_invoice(customer).pk for _ in range(SIZE)]


def start(kind, invoice_ids, user):
    return start_invoice_batch(kind=kind, invoice_ids=invoice_ids, reason="insolvent", title="x", by=user, at=FEB)


def work_now():
    work(kinds=KINDS, clock=database_time)


@pytest.mark.parametrize("place", ["jobs.begun", "jobs.before_commit", "jobs.after_commit"])
@pytest.mark.parametrize("kind", [JobKind.WRITE_OFFS, JobKind.INVOICE_EMAILS])
def test_each_invoice_is_done_once(place: str, kind: JobKind, invoice_ids, user, tmp_path: Path):
    start(kind, invoice_ids, user)
    kill_at(place, work_now, tmp_path)
    done = int(place == "jobs.after_commit")
    assert WriteOff.objects.count() == (done if kind == JobKind.WRITE_OFFS else 0)
    assert Notification.objects.filter(kind="invoice.resent").count() == (0 if kind == JobKind.WRITE_OFFS else done)

    Job.objects.get().items.update(begun_at=None)  # no other worker waits for the killed one
    work_now()
    job = Job.objects.get()
    assert (job.state, sum(job.figures.values())) == ("done", SIZE)
    if kind == JobKind.WRITE_OFFS:
        assert set(Invoice.objects.values_list("state", flat=True)) == {"uncollectible"}
        assert WriteOff.objects.count() == SIZE
    else:
        assert Notification.objects.filter(kind="invoice.resent").count() == SIZE
