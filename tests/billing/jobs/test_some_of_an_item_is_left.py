"""An item of which some could not be done keeps the rest, and is tried again for what is left."""

import pytest

from billing.jobs import controls
from billing.jobs.kinds import ItemOutcome
from billing.models import JobItem
from billing.models.jobs import JobState
from tests.billing.jobs.world import NOW, go_on, made, make_job, make_user, seen

pytestmark = pytest.mark.django_db


def some_left(times, *, is_passing):
    """Return how an item is done that leaves something so many times, and does its part in the first one."""
    tried = []

    def do(item, at):
        tried.append(item.number)
        if len(tried) == 1:
            make_user(item, at)
        left = "1 is in use" if len(tried) <= times else ""
        return ItemOutcome(
            {"users": 1}, [{"name": item.parameters["name"]}], unfinished=left, is_transient=is_passing
        )

    return do


def test_what_will_not_pass_fails_at_once_and_keeps_what_is_done():
    job, do = make_job(1), some_left(1, is_passing=False)
    assert go_on(do).failed == 1
    item = job.items.get()
    assert (seen(job).state, job.failed, job.figures, made()) == (JobState.FAILED, 1, {"users": 1}, 1)
    assert (item.state, item.tries, item.error, item.findings) == (
        "failed",
        1,
        "1 is in use",
        [{"name": f"user-{job.pk}-1"}],
    )
    controls.retry_failed(job_id=job.pk, by=None, at=NOW)
    go_on(do)
    assert (seen(job).state, job.failed, job.figures, made()) == (JobState.DONE, 0, {"users": 1}, 1)


def test_what_may_pass_is_tried_again_by_itself_until_it_is_too_much():
    job, do = make_job(1), some_left(9, is_passing=True)
    for _ in range(7):
        go_on(do)
        JobItem.objects.update(begun_at=None)
    assert (job.items.get().tries, job.items.get().state, seen(job).state) == (5, "failed", JobState.FAILED)


def test_what_may_pass_is_done_once_it_has():
    job, do = make_job(1), some_left(1, is_passing=True)
    go_on(do)
    assert (job.items.get().state, seen(job).state) == ("waiting", JobState.RUNNING)
    JobItem.objects.update(begun_at=None)
    go_on(do)
    assert (job.items.get().error, seen(job).state, made()) == ("", JobState.DONE, 1)
