"""Staff pause, resume, cancel and retry jobs and run dry runs for real, each only in the states that allow it."""

import pytest

from billing.jobs import controls
from billing.jobs.definitions import SplitFailed
from billing.jobs.worker import work
from billing.models.jobs import ItemState, JobState
from tests.billing.jobs.user_jobs import NOW, kinds, make_job, make_user, refreshed, user_count, work_all
from tests.deadlines import ScriptedDeadline

pytestmark = pytest.mark.django_db


def control(how, job):
    return getattr(controls, how)(job_id=job.pk, by=None, at=NOW)


def half_done(count=4):
    """Return a job with two items done."""
    job = make_job(count)
    assert work_all(most=2).done == 2
    return refreshed(job)


def test_a_paused_job_waits_and_resumes():
    job = half_done()
    assert control("pause", job).state == JobState.PAUSED
    assert work_all().done == 0
    control("resume", job)
    assert work_all().done == 2
    assert (user_count(), refreshed(job).state) == (4, JobState.DONE)


def test_a_job_paused_before_its_start_is_queued_when_resumed():
    job = make_job(1)
    control("pause", job)
    assert control("resume", job).state == JobState.QUEUED


def test_a_canceled_job_keeps_what_is_done_and_does_no_more():
    job = half_done()
    control("cancel", job)
    assert work_all().done == 0
    assert (user_count(), refreshed(job).state, job.finished_at) == (2, JobState.CANCELED, NOW)


def test_only_failed_items_are_retried(monkeypatch):
    monkeypatch.setattr("billing.jobs.worker.MAX_TRIES", 1)
    job, seen_by = make_job(3), []

    def fail_on_second(item, at):
        seen_by.append(item.number)
        if item.number == 2 and len(seen_by) < 4:
            raise ValueError("not yet")
        return make_user(item, at)

    work_all(fail_on_second)
    assert refreshed(job).state == JobState.FAILED
    control("retry_failed", job)
    work_all(fail_on_second)
    assert seen_by == [1, 2, 3, 2]
    assert (refreshed(job).state, job.failed, job.figures, user_count()) == (JobState.DONE, 0, {"users": 3}, 3)


@pytest.mark.parametrize("count", [3, 0])
def test_a_dry_run_is_done_for_real_once(count):
    job = make_job(count, dry_run=True)
    work_all()
    assert (refreshed(job).state, user_count()) == (JobState.DONE, 0)
    control("do_for_real", job)
    assert not job.items.exclude(state=ItemState.WAITING, figures={}, findings=[]).exists()
    work_all()
    assert (refreshed(job).state, job.dry_run, user_count()) == (JobState.DONE, False, count)
    with pytest.raises(controls.JobControlRefused, match="already run for real"):
        control("do_for_real", job)


def test_a_job_that_can_not_be_split_has_a_reason_and_is_not_retried():
    def refuse(job, after):
        yield from ()
        raise SplitFailed("It is no table: save it as CSV.")

    job = make_job(3)
    work(kinds=kinds(split=refuse), clock=lambda: NOW)
    assert (refreshed(job).state, job.error, job.total) == (JobState.FAILED, "It is no table: save it as CSV.", None)
    for how in ("retry_failed", "do_for_real"):
        with pytest.raises(
            controls.JobControlRefused, match="The job failed to start: It is no table: save it as CSV"
        ):
            control(how, job)


@pytest.mark.parametrize("how", ["pause", "resume", "cancel", "retry_failed"])
def test_a_finished_job_is_not_controlled(how):
    job = make_job(1)
    work_all()
    with pytest.raises(controls.JobControlRefused, match="The job is already done"):
        control(how, job)
    assert refreshed(job).state == JobState.DONE


def test_splitting_continues_after_the_last_item():
    calls = []

    def cut(job, after):
        calls.append(after.number if after else 0)
        return kinds()[job.kind].split(job, after)

    job = make_job(50)
    for _ in range(2):
        work(
            kinds=kinds(split=cut),
            clock=lambda: NOW,
            deadline=ScriptedDeadline(iter([True, True, False, False, False]).__next__),
        )
    work(kinds=kinds(split=cut), clock=lambda: NOW)
    assert calls == [0, 20, 40]
    assert (refreshed(job).total, user_count()) == (50, 50)


def test_the_user_is_in_the_history(django_user_model):
    job = make_job(1)
    olga = django_user_model.objects.create(username="olga")
    controls.pause(job_id=job.pk, by=olga, at=NOW)
    event = job.events.latest("pgh_id")
    controls.resume(job_id=job.pk, by=olga, at=NOW)
    work_all()
    actions = {event.pgh_context.metadata["action"] for event in job.events.all()}
    assert actions >= {"job split into items", "job ended"}
    assert (event.state, event.pgh_context.metadata["action"]) == (JobState.PAUSED, "job paused")
    assert event.pgh_context.metadata["user"] == olga.pk
