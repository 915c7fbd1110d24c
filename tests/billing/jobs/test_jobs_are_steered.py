"""People pause, resume, cancel, try again and do for real; each only where it makes sense."""

import pytest

from billing.jobs import controls
from billing.jobs.kinds import SplitFailed
from billing.jobs.worker import work
from billing.models.jobs import ItemState, JobState
from tests.billing.jobs.world import NOW, go_on, kinds, made, make_job, make_user, seen

pytestmark = pytest.mark.django_db


def steer(how, job):
    return getattr(controls, how)(job_id=job.pk, by=None, at=NOW)


def half_done(count=4):
    """Return a job of which two items are done."""
    job = make_job(count)
    assert go_on(most=2).done == 2
    return seen(job)


def test_a_paused_job_waits_and_goes_on():
    job = half_done()
    assert steer("pause", job).state == JobState.PAUSED
    assert go_on().done == 0
    steer("resume", job)
    assert go_on().done == 2
    assert (made(), seen(job).state) == (4, JobState.DONE)


def test_a_job_paused_before_it_began_is_queued_again():
    job = make_job(1)
    steer("pause", job)
    assert steer("resume", job).state == JobState.QUEUED


def test_a_canceled_job_keeps_what_is_done_and_does_no_more():
    job = half_done()
    steer("cancel", job)
    assert go_on().done == 0
    assert (made(), seen(job).state, job.finished_at) == (2, JobState.CANCELED, NOW)


def test_only_what_failed_is_tried_again(monkeypatch):
    monkeypatch.setattr("billing.jobs.worker.MAX_TRIES", 1)
    job, seen_by = make_job(3), []

    def fail_on_second(item, at):
        seen_by.append(item.number)
        if item.number == 2 and len(seen_by) < 4:
            raise ValueError("not yet")
        return make_user(item, at)

    go_on(fail_on_second)
    assert seen(job).state == JobState.FAILED
    steer("retry_failed", job)
    go_on(fail_on_second)
    assert seen_by == [1, 2, 3, 2]
    assert (seen(job).state, job.failed, job.figures, made()) == (JobState.DONE, 0, {"users": 3}, 3)


@pytest.mark.parametrize("count", [3, 0])
def test_what_was_tried_is_done_for_real_once(count):
    job = make_job(count, dry_run=True)
    go_on()
    assert (seen(job).state, made()) == (JobState.DONE, 0)
    steer("do_for_real", job)
    assert not job.items.exclude(state=ItemState.WAITING, figures={}, findings=[]).exists()
    go_on()
    assert (seen(job).state, job.dry_run, made()) == (JobState.DONE, False, count)
    with pytest.raises(controls.JobControlRefused, match="done for real already"):
        steer("do_for_real", job)


def test_what_cannot_be_cut_says_why_and_is_not_tried_again():
    def refuse(job, after):
        yield from ()
        raise SplitFailed("It is no table: save it as CSV.")

    job = make_job(3)
    work(kinds=kinds(split=refuse), clock=lambda: NOW)
    assert (seen(job).state, job.error, job.total) == (JobState.FAILED, "It is no table: save it as CSV.", None)
    for how in ("retry_failed", "do_for_real"):
        with pytest.raises(controls.JobControlRefused, match="It could not be begun: It is no table: save it as CSV"):
            steer(how, job)


@pytest.mark.parametrize("how", ["pause", "resume", "cancel", "retry_failed"])
def test_a_job_that_is_done_is_not_steered(how):
    job = make_job(1)
    go_on()
    with pytest.raises(controls.JobControlRefused, match="The job is done already"):
        steer(how, job)
    assert seen(job).state == JobState.DONE


def test_cutting_goes_on_where_it_was_left():
    calls = []

    def cut(job, after):
        calls.append(after.number if after else 0)
        return kinds()[job.kind].split(job, after)

    job = make_job(50)
    for _ in range(2):
        work(kinds=kinds(split=cut), clock=lambda: NOW, keep_going=iter([True, True, False, False, False]).__next__)
    work(kinds=kinds(split=cut), clock=lambda: NOW)
    assert calls == [0, 20, 40]
    assert (seen(job).total, made()) == (50, 50)


def test_who_steered_is_in_the_history(django_user_model):
    job = make_job(1)
    olga = django_user_model.objects.create(username="olga")
    controls.pause(job_id=job.pk, by=olga, at=NOW)
    event = job.events.latest("pgh_id")
    controls.resume(job_id=job.pk, by=olga, at=NOW)
    go_on()
    assert {event.pgh_context.metadata["action"] for event in job.events.all()} >= {"job cut into items", "job ended"}
    assert (event.state, event.pgh_context.metadata["action"]) == (JobState.PAUSED, "job paused")
    assert event.pgh_context.metadata["user"] == olga.pk
