"""A close run is tried first, then done; its page says what came of it, and leads to the files of its invoices."""

import io
import zipfile

import pytest
from django.urls import reverse

from billing.admin.jobs import worker_wakeup
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import Counter, Job
from billing.models.jobs import JobState
from invoices.models import Invoice, Rendering
from invoices.rendering import renderer
from lib.task_clock import database_time
from tests.builders import fee, make_customer, make_plan, make_seller, offer, publish, rate, subscribe, use

RUN = "/admin/billing/job/close_due/"


@pytest.fixture(autouse=True)
def over(db, monkeypatch):
    """Return the periods of January of two customers."""
    monkeypatch.setattr(worker_wakeup.run_jobs, "delay", lambda: None)
    version = publish(make_plan(fees=[fee("10", billed="arrears")], offers=[offer("calls", rates=[rate("0.05")])]))
    return [use(subscribe(make_customer(), version), "calls", 100) for _ in range(2)]


def go_on():
    work(kinds=KINDS, clock=database_time)


def page(client, job):
    return client.get(reverse("admin:billing_job_change", args=[job.pk])).content.decode()


def ask(client, **fields):
    answer = client.post(RUN, {"until_0": "2026-02-01", "until_1": "02:00", **fields})
    return Job.objects.order_by("pk").last() if answer.status_code == 302 else answer.content.decode()


def test_it_is_tried_then_done(member, over):
    client = member("finance")
    job = ask(client, _try="")
    go_on()
    text = page(client, job)
    for words in ("Invoices that would be issued", "$30.00", "Close, and issue 2 invoices"):
        assert words in text, words
    assert not Invoice.objects.exists()
    client.post(reverse("admin:billing_job_steer", args=[job.pk, "do_for_real"]))
    go_on()
    assert "Invoices issued" in page(client, job)
    assert Invoice.objects.count() == 2
    assert str(job) in client.get("/admin/billing/period/closing/").content.decode()


def test_what_is_left_says_why(member, over):
    Counter.objects.filter(period=over[0]).update(plan_feature_id=10**9)
    client = member("operations")
    job = ask(client, seller=make_seller().pk)
    go_on()
    text = page(client, job)
    assert "Ended, and some of it failed" in text
    assert "has no price in USD" in text


def test_a_moment_to_come_is_told(member):
    assert "is to come: choose a moment that is past" in ask(member("finance"), until_0="2099-01-01")


@pytest.mark.parametrize("group", ["support", "engineer"])
def test_is_not_for(member, group):
    assert member(group).get(RUN).status_code == 403


def test_files_of_a_run_are_made_and_sent_as_one(member, over, monkeypatch):
    made = iter([b"%PDF-1", renderer.MissingFont("no font has ☃"), b"%PDF-2"])

    def render(facts, usage, wallets):
        if isinstance(found := next(made), Exception):
            raise found
        return found

    monkeypatch.setattr(renderer, "render", render)
    client = member("finance")
    run = ask(client)
    go_on()
    assert "PDFs of these invoices" in page(client, run)
    client.post(reverse("admin:billing_job_print", args=[run.pk]))
    job = Job.objects.order_by("pk").last()
    go_on()
    assert "no font has ☃" in page(client, job)
    client.post(reverse("admin:billing_job_steer", args=[job.pk, "retry_failed"]))
    go_on()
    job.refresh_from_db()
    assert (job.state, Rendering.objects.filter(content__isnull=False).count()) == (JobState.DONE, 2)
    answer = client.get(reverse("admin:billing_job_files", args=[job.pk, 1]))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert {name: archive.read(name) for name in archive.namelist()} == {
        "acme/INV-000001.pdf": b"%PDF-1",
        "acme/INV-000002.pdf": b"%PDF-2",
    }
    assert client.get(reverse("admin:billing_job_files", args=[job.pk, 2])).status_code == 404
    assert member("support").post(reverse("admin:billing_job_print", args=[run.pk])).status_code == 403


def test_files_of_chosen_invoices_are_made(member, over):
    client = member("finance")
    ask(client)
    go_on()
    chosen = list(Invoice.objects.values_list("pk", flat=True))
    arguments = {"action": "make_files", "_selected_action": chosen}
    assert client.post("/admin/invoices/invoice/", arguments).status_code == 302
    assert Job.objects.order_by("pk").last().parameters == {"invoices": sorted(chosen)}
