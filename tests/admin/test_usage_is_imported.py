"""A usage file is checked in a dry run, imported, and its rejected rows are downloaded to be corrected."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.admin.jobs import worker_wakeup
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.metering.imports import file_split
from billing.models import Event, Job
from billing.models.jobs import JobState
from lib.task_clock import database_time
from tests.admin.conftest import add_import
from tests.builders import make_customer, make_meter, make_plan, offer, publish, rate, subscribe
from tests.deadlines import ScriptedDeadline

IMPORT = "/admin/billing/job/import_usage/"
NOW = datetime.now(UTC)
HEAD = "id,customer,event,timestamp,properties.n"


@pytest.fixture(autouse=True)
def environment(db, monkeypatch):
    monkeypatch.setattr(worker_wakeup.run_jobs, "delay", lambda: None)
    make_meter("tokens", aggregation="sum", value_property="n")
    subscribe(make_customer("acme"), publish(make_plan(offers=[offer("tokens", rates=[rate("1")])])))


def row(number, n="1", customer="acme", at=None):
    return f"e{number},{customer},tokens,{at or (NOW - timedelta(days=1)).isoformat()},{n}"


def send(client, text, name="usage.csv", **fields):
    """Upload a file; return its job, if one was created, and the response."""
    content = text if isinstance(text, bytes) else text.encode()
    answer = client.post(IMPORT, {"file": SimpleUploadedFile(name, content), **fields})
    return Job.objects.order_by("pk").last() if answer.status_code == 302 else None, answer


def run_jobs_now():
    work(kinds=KINDS, clock=database_time)


def page(client, job):
    return client.get(reverse("admin:billing_job_change", args=[job.pk])).content.decode()


def steer(client, job, how):
    return client.post(reverse("admin:billing_job_steer", args=[job.pk, how]), follow=True).content.decode()


def rejected_rows_of(client, job):
    answer = client.get(reverse("admin:billing_job_refused", args=[job.pk]))
    return b"".join(answer.streaming_content).decode()


def test_a_dry_run_precedes_the_import(member):
    client = member("finance")
    job, _ = send(client, "\n".join([HEAD, row(1), row(2, customer="nobody"), row(3, at="yesterday")]))
    assert (job.dry_run, job.by.first_name) == (True, "Finance")
    assert "Waiting for a worker" in page(client, job)
    run_jobs_now()
    page_text = page(client, job)
    for text in (
        "Dry run finished: nothing is stored yet",
        "Import 2 events",
        "Unknown customer",
        "encoded datetime",
    ):
        assert text in page_text, text
    assert not Event.objects.exists()
    assert "Started. This page shows the progress." in steer(client, job, "do_for_real")
    run_jobs_now()
    assert "Import 2 events" not in page(client, job)
    assert Event.objects.count() == 2


MENDED = [
    ("csv", [HEAD, row(1), row(2, at="yesterday"), "e3,acme,tokens", "=e4,,tokens,,'=1", row(5) + ",more"]),
    ("jsonl", ['{"id": "1", "customer": "acme", "event": "tokens", "timestamp": "yesterday"}', '{"id"', "[1]"]),
]


@pytest.mark.parametrize(("format_", "lines"), MENDED)
def test_rejected_rows_are_downloaded_with_their_reasons(member, format_, lines):
    client = member("operations")
    job, _ = send(client, "\n".join(lines), name=f"usage.{format_}")
    run_jobs_now()
    text = rejected_rows_of(client, job)
    repeated, _ = send(client, text, name=f"mend.{format_}")
    run_jobs_now()
    assert own_cells(rejected_rows_of(client, repeated)) == own_cells(
        text
    )  # uncorrected rows are rejected again, unchanged
    assert len(own_cells(text)) == (5 if format_ == "csv" else 3)


def own_cells(text):
    """Return the rows of a file of rejected rows, without their reasons."""
    if text.startswith("{"):
        events = [json.loads(line) for line in text.splitlines()]
        return [{name: cell for name, cell in event.items() if not name.startswith("refused")} for event in events]
    return [cells[2:] for cells in csv.reader(io.StringIO(text))]


def test_a_corrected_table_is_imported(member):
    client = member("finance")
    job, _ = send(client, "\n".join([HEAD, row(1), row("=2", at="yesterday", n="'5"), row(3, at="x", n="-7")]))
    run_jobs_now()
    rows = list(csv.DictReader(io.StringIO(rejected_rows_of(client, job))))
    assert [(row["id"], row["refused_field"], row["properties.n"]) for row in rows] == [
        ("e=2", "timestamp", "''5"),
        ("e3", "timestamp", "'-7"),
    ]
    text = rejected_rows_of(client, job).replace("yesterday", NOW.isoformat()).replace(",x,", f",{NOW.isoformat()},")
    job, _ = send(client, text)
    run_jobs_now()
    steer(client, job, "do_for_real")
    run_jobs_now()
    assert {event.sender_id: event.properties["n"] for event in Event.objects.all()} == {"e=2": "'5", "e3": -7}


def test_a_corrected_jsonl_file_is_imported(member):
    client = member("finance")
    job, _ = send(client, '{"id": "1", "customer": "acme", "event": "tokens", "timestamp": "x"}', name="u.jsonl")
    run_jobs_now()
    payload = json.loads(rejected_rows_of(client, job))
    assert list(payload)[:2] == ["refused_field", "refused_because"]
    job, _ = send(client, json.dumps(payload | {"timestamp": NOW.isoformat()}), name="u.jsonl")
    run_jobs_now()
    steer(client, job, "do_for_real")
    run_jobs_now()
    assert Event.objects.get().sender_id == "1"


REFUSED = [
    # file                name         fields                        message
    ("",                  "u.csv",     {},                           "The submitted file is empty"),
    ("id,when\n",         "u.csv",     {},                           "is not a field of an event"),
    (HEAD + "\n",         "u.xlsx",    {},                           "is not a known format"),
    (HEAD + "\n",         "u.csv",     {"columns": "account"},       "enter “column = field”"),
    (HEAD + "\n",         "u.csv",     {"columns": "account = id"},  "has no column “account”"),
    (HEAD + "\n",         "u.csv",     {"format": "parquet"},        "not a readable Parquet file"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "fields", "message"), REFUSED)
def test_a_file_that_cannot_be_read_is_refused_on_the_form(member, text, name, fields, message):
    job, answer = send(member("finance"), text, name=name, **fields)
    assert job is None
    assert message in answer.content.decode()
    assert not Job.objects.exists()


def test_columns_are_mapped_and_ids_made(member):
    lines = ["account,event,timestamp,tokens,note", f"acme,tokens,{NOW.isoformat()},5,x"]
    fields = {"columns": "account = customer\ntokens = properties.n\nnote = -", "id_from": "account, timestamp"}
    job, _ = send(member("finance"), "\n".join(lines), **fields)
    run_jobs_now()
    job.refresh_from_db()
    assert (job.figures["accepted"], job.figures["refused"]) == (1, 0)


def test_a_job_is_paused_resumed_and_canceled(member):
    client = member("operations")
    job, _ = send(client, "\n".join([HEAD, row(1)]))
    assert "Paused. Items in progress are finished." in steer(client, job, "pause")
    assert "Resume" in page(client, job)
    steer(client, job, "resume")
    page_text = client.get(reverse("admin:billing_job_steer", args=[job.pk, "cancel"])).content.decode()
    assert "The other items are not started" in page_text
    assert "Canceled. Finished items stay" in steer(client, job, "cancel")
    assert "The job is already canceled" in steer(client, job, "pause")
    run_jobs_now()
    job.refresh_from_db()
    assert (job.state, job.total) == (JobState.CANCELED, None)


def test_failed_items_are_shown_downloaded_and_retried(member, monkeypatch):
    client = member("finance")
    job, _ = send(client, "\n".join([HEAD, row(1)]))
    with monkeypatch.context() as patched:
        patched.setattr("billing.jobs.worker.MAX_TRIES", 1)
        patched.setattr("billing.metering.imports.job.import_usage", lambda **given: 1 / 0)
        run_jobs_now()
    assert "ZeroDivisionError" in page(client, job)
    page_text = b"".join(client.get(reverse("admin:billing_job_result", args=[job.pk])).streaming_content).decode()
    assert page_text.splitlines() == [
        "item,row,id,field,detail,error",
        "1,,,,,ZeroDivisionError: division by zero",
    ]
    steer(client, job, "retry_failed")
    run_jobs_now()
    job.refresh_from_db()
    assert (job.state, job.figures["accepted"]) == (JobState.DONE, 1)


def test_the_page_follows_the_job_without_being_loaded_again(member):
    client = member("finance")
    job, _ = send(client, "\n".join([HEAD, row(1)]))
    address = reverse("admin:billing_job_progress", args=[job.pk])
    answer = client.get(address, {"state": "queued"})
    assert ("HX-Refresh" in answer, b"<html" in answer.content) == (False, False)
    run_jobs_now()
    assert client.get(address, {"state": "queued"})["HX-Refresh"] == "true"


def test_an_import_of_the_same_file_is_pointed_out(member):
    client = member("finance")
    for _ in range(2):
        job, _ = send(client, "\n".join([HEAD, row(1)]))
        run_jobs_now()
        page_text = page(client, job)
        steer(client, job, "do_for_real")
        run_jobs_now()
    assert "imported the same file on" in page_text
    job.refresh_from_db()
    assert (job.figures["accepted"], job.figures["duplicate"]) == (0, 1)


def test_a_job_kind_without_its_own_display_shows_its_figures(member, monkeypatch):
    monkeypatch.setattr("billing.admin.jobs.job_display.CONTEXT_BY_KIND", {})
    client, job = member("finance"), add_import("usage.csv", at=NOW)
    run_jobs_now()
    page_text = page(client, job)
    for text in ("Accepted", "Run for real"):
        assert text in page_text, text


@pytest.mark.parametrize("group", ["support", "engineer", "finance approver"])
def test_other_groups_see_jobs_and_can_not_start_or_control_them(member, group):
    client, job = member(group), add_import("usage.csv")
    assert client.get(IMPORT).status_code in (302, 403)
    page_text = page(client, job)
    assert "Waiting for a worker" in page_text
    assert "/steer/" not in page_text
    assert client.post(reverse("admin:billing_job_steer", args=[job.pk, "pause"])).status_code == 403
    assert client.get(reverse("admin:billing_job_refused", args=[job.pk])).status_code == 403


def test_a_page_runs_as_many_queries_for_a_thousand_items_as_for_one(member, monkeypatch):
    monkeypatch.setattr(file_split, "MAX_ROWS", 1)
    client, query_counts = member("finance"), []
    for count in (1, 1_000):
        job = add_import(f"of-{count}.csv", "".join(f"{n},nobody,api.call\n" for n in range(count)), at=NOW)
        work(
            kinds=KINDS,
            clock=database_time,
            deadline=ScriptedDeadline(iter([True] * (count // 20 + 2) + [False] * 9).__next__),
        )
        with CaptureQueriesContext(connection) as captured:
            page(client, job)
        query_counts.append(len(captured))
    assert query_counts[1] <= query_counts[0]
