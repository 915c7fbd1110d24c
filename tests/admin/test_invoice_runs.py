"""An invoice run is a dry run first, then a real one; its page shows the results and leads to its invoices' files."""

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
def ended_periods(db, monkeypatch):
    """Return the January periods of two customers. Both have ended."""
    monkeypatch.setattr(worker_wakeup.run_jobs, "delay", lambda: None)
    version = publish(make_plan(fees=[fee("10", billed="arrears")], offers=[offer("calls", rates=[rate("0.05")])]))
    return [use(subscribe(make_customer(), version), "calls", 100) for _ in range(2)]


def run_jobs_now():
    work(kinds=KINDS, clock=database_time)


def page(client, job):
    return client.get(reverse("admin:billing_job_change", args=[job.pk])).content.decode()


def start_run(client, **fields):
    answer = client.post(RUN, {"until_0": "2026-02-01", "until_1": "02:00", **fields})
    return Job.objects.order_by("pk").last() if answer.status_code == 302 else answer.content.decode()


def test_a_run_is_a_dry_run_then_runs_for_real(member, ended_periods):
    client = member("finance")
    job = start_run(client, _try="")
    run_jobs_now()
    text = page(client, job)
    for words in ("Invoices to issue", "$30.00", "Issue 2 invoices"):
        assert words in text, words
    assert not Invoice.objects.exists()
    client.post(reverse("admin:billing_job_steer", args=[job.pk, "do_for_real"]))
    run_jobs_now()
    assert "Invoices issued" in page(client, job)
    assert Invoice.objects.count() == 2
    assert str(job) in client.get("/admin/billing/period/closing/").content.decode()


def test_a_period_that_fails_shows_its_reason(member, ended_periods):
    Counter.objects.filter(period=ended_periods[0]).update(plan_feature_id=10**9)
    client = member("operations")
    job = start_run(client, seller=make_seller().pk)
    run_jobs_now()
    text = page(client, job)
    assert "Finished with failures" in text
    assert "has no price in USD" in text


def test_a_future_date_is_rejected(member):
    assert "is in the future. Choose a past time" in start_run(member("finance"), until_0="2099-01-01")


@pytest.mark.parametrize("group", ["support", "engineer"])
def test_is_refused_to_other_groups(member, group):
    assert member(group).get(RUN).status_code == 403


def test_the_pdfs_of_a_run_are_rendered_and_downloaded_as_one_file(member, ended_periods, monkeypatch):
    outcomes = iter([b"%PDF-1", renderer.MissingFont("no font has ☃"), b"%PDF-2"])

    def render(facts, usage, wallets):
        if isinstance(content := next(outcomes), Exception):
            raise content
        return content

    monkeypatch.setattr(renderer, "render", render)
    client = member("finance")
    run = start_run(client)
    run_jobs_now()
    assert "PDFs of these invoices" in page(client, run)
    client.post(reverse("admin:billing_job_print", args=[run.pk]))
    job = Job.objects.order_by("pk").last()
    run_jobs_now()
    assert "no font has ☃" in page(client, job)
    client.post(reverse("admin:billing_job_steer", args=[job.pk, "retry_failed"]))
    run_jobs_now()
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


def test_the_pdfs_of_chosen_invoices_are_rendered(member, ended_periods):
    client = member("finance")
    start_run(client)
    run_jobs_now()
    chosen = list(Invoice.objects.values_list("pk", flat=True))
    arguments = {"action": "make_files", "_selected_action": chosen, "_agreed": "1"}
    assert client.post("/admin/invoices/invoice/", arguments).status_code == 302
    assert Job.objects.order_by("pk").last().parameters == {"invoices": sorted(chosen)}
