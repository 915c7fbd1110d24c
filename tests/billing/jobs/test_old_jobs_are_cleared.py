"""The contents of items are cleared long after their job's end; figures stay, and cleared jobs can't be resumed."""

from datetime import timedelta

import pytest

from billing.jobs import controls, retention
from billing.jobs.retention import clear_old_jobs
from billing.models import JobItem
from tests.billing.jobs.user_jobs import NOW, make_job, refreshed, work_all

pytestmark = pytest.mark.django_db
KEPT = timedelta(days=90)
LATER = NOW + KEPT + timedelta(seconds=1)


@pytest.mark.parametrize(("at", "cleared"), [(NOW + KEPT, 0), (LATER, 1)])
def test_a_job_is_cleared_ninety_days_after_its_end(at, cleared):
    job, waiting = make_job(2), make_job(1)
    work_all(most=2)
    controls.pause(job_id=waiting.pk, by=None, at=NOW)
    work_all()
    JobItem.objects.update(content=b"x")
    assert clear_old_jobs(at=at) == cleared
    assert job.items.filter(content=None, findings=[]).count() == 2 * cleared
    assert (refreshed(job).figures, refreshed(waiting).cleared_at) == ({"users": 2}, None)
    assert clear_old_jobs(at=at) == 0


def test_a_few_jobs_at_a_time(monkeypatch):
    monkeypatch.setattr(retention, "BATCH_SIZE", 2)
    for _ in range(3):
        make_job(1)
    work_all()
    assert [clear_old_jobs(at=LATER) for _ in range(3)] == [2, 1, 0]


def test_a_cleared_dry_run_is_not_done_for_real():
    job = make_job(1, dry_run=True)
    work_all()
    clear_old_jobs(at=LATER)
    with pytest.raises(controls.JobControlRefused, match="Start a new job"):
        controls.do_for_real(job_id=job.pk, by=None, at=LATER)


def test_a_cleared_job_is_not_retried(monkeypatch):
    monkeypatch.setattr("billing.jobs.worker.MAX_TRIES", 1)
    job = make_job(1)
    work_all(lambda item, at: 1 / 0)
    clear_old_jobs(at=LATER)
    with pytest.raises(controls.JobControlRefused, match="Start a new job"):
        controls.retry_failed(job_id=job.pk, by=None, at=LATER)
