"""A file imported by workers counts like the same file imported at once: a dry run first, then each row once."""

import io
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core.management import call_command

from billing.job_kinds import KINDS
from billing.jobs import controls
from billing.jobs.worker import work
from billing.metering.imports import ImportFileRefused, file_split
from billing.metering.imports.job import start_import
from billing.models import Counter, Event, JobItem, JobPart
from billing.models.jobs import JobState
from lib.task_clock import database_time
from tests.builders import make_customer, make_meter, make_plan, offer, publish, rate, subscribe
from tests.clean_books import assert_clean
from tests.killed_processes import kill_at
from tests.races import together

SUBJECTS = ("usage", "jobs")

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, tzinfo=UTC)
HEAD = "id,customer,event,timestamp,properties.n"


@pytest.fixture
def metered_customer(db):
    make_meter("tokens", aggregation="sum", value_property="n")
    subscribe(make_customer("acme"), publish(make_plan(offers=[offer("tokens", rates=[rate("1")])])))


def row(number, n="1", customer="acme", at="2026-11-05T10:00:00Z"):
    return f"e{number},{customer},tokens,{at},{n}"


def begin(rows, head=HEAD, at=NOW, **more):
    file = io.BytesIO("\n".join([head, *rows]).encode())
    options = {"file_name": "usage.csv", "format_": "csv", "names": {}, "id_from": [], "sandbox": False, "by": None}
    return start_import(file=file, at=at, **options | more)


def work_job(job, for_real=False):
    if for_real:
        controls.do_for_real(job_id=job.pk, by=None, at=NOW)
    work(kinds=KINDS, clock=lambda: NOW, job_id=job.pk)
    job.refresh_from_db()
    return job


def total():
    return sum(counter.quantity for counter in Counter.objects.all())


def test_a_dry_run_has_the_figures_of_the_import(metered_customer):
    rows = [row(1, "0.1"), row(2, "0.2"), row(2, "0.2"), row(3, customer="nobody"), row(4, "x"), row(1, "7"), "a,b"]
    job = work_job(begin(rows))
    figures = {
        "rows": 7, "accepted": 4, "duplicate": 1, "conflict": 1, "refused": 1, "floats": 0,
        "unmatched.unknown_customer": 1, "unmatched.bad_value": 1,
    }  # fmt: skip
    assert (job.state, job.dry_run, job.figures) == (JobState.DONE, True, figures)
    assert not Event.objects.exists()
    work_job(job, for_real=True)
    assert (job.state, job.dry_run, job.figures) == (JobState.DONE, False, figures)
    assert (Event.objects.count(), str(total())) == (4, "0.3")
    assert_clean(*SUBJECTS)


def test_only_rejected_rows_keep_their_content(metered_customer, monkeypatch):
    monkeypatch.setattr(file_split, "MAX_ROWS", 2)
    job = work_job(begin([row(1), row(2), row(3), row(4, at="yesterday"), row(5)]))
    assert job.items.filter(content__isnull=False).count() == 3
    work_job(job, for_real=True)
    rejected_item = job.items.get(content__isnull=False)
    assert [(finding["row"], finding["id"], finding["field"]) for finding in rejected_item.findings] == [
        (5, "", "timestamp")
    ]


def test_a_file_imported_twice_counts_once(metered_customer):
    for expected in ({"accepted": 2, "duplicate": 0}, {"accepted": 0, "duplicate": 2}):
        job = work_job(work_job(begin([row(1), row(2)])), for_real=True)
        assert expected.items() <= job.figures.items()
    assert (Event.objects.count(), total()) == (2, 2)


def test_the_file_is_deleted_once_it_is_split(metered_customer, monkeypatch):
    monkeypatch.setattr("billing.jobs.start.PART_BYTES", 100)
    monkeypatch.setattr("billing.jobs.file_reader.PART_BYTES", 100)
    job = begin([row(number) for number in range(50)])
    assert JobPart.objects.count() > 10
    assert work_job(job).figures["accepted"] == 50
    assert not JobPart.objects.exists()


WRONG = [
    # file                       options                     message
    ([],                         {"head": ""},               "empty"),
    (["x"],                      {"head": "id,when"},        "is not a field of an event"),
    ([row(1)],                   {"names": {"y": "id"}},     "has no column “y”"),
    ([row(1)],                   {"format_": "parquet"},     "not a readable Parquet file"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "options", "message"), WRONG)
def test_an_unreadable_file_is_rejected_at_once(db, rows, options, message):
    with pytest.raises(ImportFileRefused, match=message):
        begin(rows, **options)
    assert not JobPart.objects.exists()


def test_a_file_with_an_unreadable_end_fails_before_anything_is_stored(metered_customer):
    job = work_job(begin([row(1), '"' + "x" * 200_000 + '"']))
    assert (job.state, job.error[:24]) == (JobState.FAILED, "Row 3 can't be read: fie")
    assert not job.items.exists()
    assert not JobPart.objects.exists()


def test_a_canceled_job_deletes_its_file(metered_customer):
    job = begin([row(1)])
    controls.cancel(job_id=job.pk, by=None, at=NOW)
    assert not JobPart.objects.exists()
    assert_clean(*SUBJECTS)


@pytest.mark.django_db(transaction=True)
def test_workers_share_a_file(metered_customer, monkeypatch):
    monkeypatch.setattr(file_split, "MAX_ROWS", 5)
    job = work_job(begin([row(number) for number in range(100)]))
    controls.do_for_real(job_id=job.pk, by=None, at=NOW)
    together(*[lambda: work(kinds=KINDS, clock=lambda: NOW)] * 3)
    work_job(job)
    assert job.figures["accepted"] == 100
    assert (Event.objects.count(), total()) == (100, 100)
    assert_clean(*SUBJECTS)


PLACES = ["jobs.after_cut", "jobs.begun", "ingest.after_counters", "jobs.before_commit", "jobs.after_commit"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_killed_workers_lose_nothing_and_repeat_nothing(metered_customer, tmp_path):
    at = database_time()
    job = begin([row(number, at=(at - timedelta(hours=1)).isoformat()) for number in range(6_500)], at=at)
    for number, place in enumerate(PLACES):
        kill_at(place, lambda: call_command("run_jobs"), tmp_path)
        if number == 0:  # the file is split, and no item is tried yet
            work(kinds=KINDS, clock=database_time, job_id=job.pk)
            controls.do_for_real(job_id=job.pk, by=None, at=at)
    assert JobItem.objects.filter(job=job, state="done").count() == 1
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_jobs"]
    subprocess.run(command, env=os.environ, stdout=subprocess.DEVNULL, check=True, timeout=120)
    job.refresh_from_db()
    assert (job.state, job.figures["accepted"], job.figures["duplicate"]) == (JobState.DONE, 6_500, 0)
    assert (Event.objects.count(), total()) == (6_500, 6_500)
    assert_clean(*SUBJECTS)
