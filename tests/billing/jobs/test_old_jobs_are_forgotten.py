"""What items hold is let go long after their job's end; what was counted stays, and nobody goes on by mistake."""

from datetime import timedelta

import pytest

from billing.jobs import controls, retention
from billing.jobs.retention import clear_old_jobs
from billing.models import JobItem
from tests.billing.jobs.world import NOW, go_on, make_job, seen

pytestmark = pytest.mark.django_db
KEPT = timedelta(days=90)
LATER = NOW + KEPT + timedelta(seconds=1)


@pytest.mark.parametrize(("at", "forgotten"), [(NOW + KEPT, 0), (LATER, 1)])
def test_after_ninety_days_from_its_end(at, forgotten):
    job, waiting = make_job(2), make_job(1)
    go_on(most=2)
    controls.pause(job_id=waiting.pk, by=None, at=NOW)
    go_on()
    JobItem.objects.update(content=b"x")
    assert clear_old_jobs(at=at) == forgotten
    assert job.items.filter(content=None, findings=[]).count() == 2 * forgotten
    assert (seen(job).figures, seen(waiting).forgotten_at) == ({"users": 2}, None)
    assert clear_old_jobs(at=at) == 0


def test_a_few_jobs_at_a_time(monkeypatch):
    monkeypatch.setattr(retention, "BATCH_SIZE", 2)
    for _ in range(3):
        make_job(1)
    go_on()
    assert [clear_old_jobs(at=LATER) for _ in range(3)] == [2, 1, 0]


def test_what_is_forgotten_is_not_done_for_real():
    job = make_job(1, dry_run=True)
    go_on()
    clear_old_jobs(at=LATER)
    with pytest.raises(controls.JobControlRefused, match="forgotten: start it anew"):
        controls.do_for_real(job_id=job.pk, by=None, at=LATER)


def test_what_is_forgotten_is_not_tried_again(monkeypatch):
    monkeypatch.setattr("billing.jobs.worker.MAX_TRIES", 1)
    job = make_job(1)
    go_on(lambda item, at: 1 / 0)
    clear_old_jobs(at=LATER)
    with pytest.raises(controls.JobControlRefused, match="forgotten: start it anew"):
        controls.retry_failed(job_id=job.pk, by=None, at=LATER)
