"""An item that is partly done keeps its results, and is retried for the unfinished part."""

import pytest

from billing.jobs import controls
from billing.jobs.definitions import ItemOutcome
from billing.models import JobItem
from billing.models.jobs import JobState
from tests.billing.jobs.user_jobs import NOW, make_job, make_user, refreshed, user_count, work_all

pytestmark = pytest.mark.django_db


def leaving_some(times, *, is_passing):
    """
    Return a function that does its part of an item at the first try, and leaves some unfinished this many times.
    """
    tries = []

    def do(item, at):
        tries.append(item.number)
        if len(tries) == 1:
            make_user(item, at)
        unfinished = "1 is in use" if len(tries) <= times else ""
        return ItemOutcome(
            {"users": 1}, [{"name": item.parameters["name"]}], unfinished=unfinished, is_transient=is_passing
        )

    return do


def test_a_permanent_problem_fails_at_once_and_keeps_the_results():
    job, do = make_job(1), leaving_some(1, is_passing=False)
    assert work_all(do).failed == 1
    item = job.items.get()
    assert (refreshed(job).state, job.failed, job.figures, user_count()) == (JobState.FAILED, 1, {"users": 1}, 1)
    assert (item.state, item.tries, item.error, item.findings) == (
        "failed",
        1,
        "1 is in use",
        [{"name": f"user-{job.pk}-1"}],
    )
    controls.retry_failed(job_id=job.pk, by=None, at=NOW)
    work_all(do)
    assert (refreshed(job).state, job.failed, job.figures, user_count()) == (JobState.DONE, 0, {"users": 1}, 1)


def test_a_transient_problem_is_retried_up_to_the_limit():
    job, do = make_job(1), leaving_some(9, is_passing=True)
    for _ in range(7):
        work_all(do)
        JobItem.objects.update(begun_at=None)
    assert (job.items.get().tries, job.items.get().state, refreshed(job).state) == (5, "failed", JobState.FAILED)


def test_a_transient_problem_is_done_once_it_is_over():
    job, do = make_job(1), leaving_some(1, is_passing=True)
    work_all(do)
    assert (job.items.get().state, refreshed(job).state) == ("waiting", JobState.RUNNING)
    JobItem.objects.update(begun_at=None)
    work_all(do)
    assert (job.items.get().error, refreshed(job).state, user_count()) == ("", JobState.DONE, 1)
