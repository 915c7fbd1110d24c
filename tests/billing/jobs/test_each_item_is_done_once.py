"""Concurrent workers do each item once; an exception of one item affects no other."""

from threading import Event

import pytest
from django.contrib.auth.models import User

from billing.jobs import item_split, worker
from billing.jobs.definitions import MAX_TRIES
from billing.models import JobItem
from billing.models.jobs import ItemState, JobKind, JobState
from tests.billing.jobs.user_jobs import (
    NOW,
    kinds,
    make_job,
    make_user,
    numbered,
    refreshed,
    split_only,
    user_count,
    work_all,
)
from tests.races import PATIENCE, start, together

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_gap(monkeypatch):
    monkeypatch.setattr(worker, "GAP_SECONDS", 0)


def test_a_job_is_split_done_and_ended():
    job = make_job(45)
    assert work_all().done == 45
    assert refreshed(job).state == JobState.DONE
    assert (job.total, job.failed, job.figures, job.started_at, job.finished_at) == (45, 0, {"users": 45}, NOW, NOW)
    assert user_count() == 45
    assert work_all().done == 0


def test_a_job_without_items_is_done():
    job = make_job(0)
    work_all()
    assert (refreshed(job).state, job.total) == (JobState.DONE, 0)


@pytest.mark.django_db(transaction=True)
def test_workers_share_a_job():
    job = make_job(40)
    done = together(*[work_all] * 4)
    assert sum(result.done for result in done) == 40 == user_count()
    work_all()
    assert refreshed(job).state == JobState.DONE


@pytest.mark.django_db(transaction=True)
def test_an_item_in_progress_is_skipped_by_other_workers():
    job, started, may_end = make_job(1), Event(), Event()
    split_only(job)

    def wait(item, at):
        started.set()
        may_end.wait(PATIENCE)
        return make_user(item, at)

    first = start(lambda: work_all(wait))
    assert started.wait(PATIENCE)
    try:
        assert work_all(lambda item, at: worker.ItemOutcome()).done == 0
    finally:
        may_end.set()
    assert first.result().done == 1
    assert (refreshed(job).figures, user_count()) == ({"users": 1}, 1)


def test_an_exception_of_an_item_stops_no_other():
    job = make_job(5)

    def fail_on_third(item, at):
        outcome = make_user(item, at)
        if item.number == 3:
            raise ValueError("three\0 is odd")
        return outcome

    work_all(fail_on_third)
    failed = job.items.get(state=ItemState.FAILED)
    assert (failed.number, failed.tries, failed.error) == (3, MAX_TRIES, "ValueError: three is odd")
    assert (refreshed(job).state, job.failed, job.figures) == (JobState.FAILED, 1, {"users": 4})
    assert user_count() == 4  # the user of the third item is rolled back


def test_an_item_that_fails_at_first_is_retried():
    job, tries = make_job(1), []

    def fail_once(item, at):
        tries.append(item.error)
        if len(tries) < 2:
            raise ValueError("not yet")
        return make_user(item, at)

    work_all(fail_once)
    assert tries == ["", "ValueError: not yet"]
    assert (refreshed(job).state, job.items.get().error, user_count()) == (JobState.DONE, "", 1)


def test_an_item_that_kills_its_workers_is_given_up():
    job = make_job(2)
    split_only(job)
    JobItem.objects.filter(number=1).update(tries=MAX_TRIES)  # its worker died in each try
    work_all()
    assert "the worker died in each of 5 tries" in job.items.get(number=1).error
    assert (refreshed(job).state, user_count()) == (JobState.FAILED, 1)


def dying_after(count):
    """Return a split that kills its worker after this many items."""

    def cut(job, last):
        for step, item in enumerate(numbered(job, last)):
            if step == count:
                raise SystemExit
            yield item

    return kinds(split=cut)[JobKind.USAGE_IMPORT]


def test_a_job_whose_split_kills_its_workers_is_given_up():
    job, kind = make_job(3), dying_after(1)
    for _ in range(MAX_TRIES):
        with pytest.raises(SystemExit):
            split_only(job, kind)
    split_only(job, kind)
    assert "the worker died in each of 5 tries to split it" in refreshed(job).error
    assert (refreshed(job).state, job.items.count()) == (JobState.FAILED, 0)


def test_a_split_continues_as_long_as_each_worker_adds_items_before_it_dies():
    job, kind = make_job(10 * item_split.ITEMS_PER_STEP), dying_after(item_split.ITEMS_PER_STEP + 1)
    for _ in range(9):
        with pytest.raises(SystemExit):
            split_only(job, kind)
    split_only(job, kind)
    assert (refreshed(job).total, refreshed(job).error) == (10 * item_split.ITEMS_PER_STEP, "")


def test_an_item_just_started_is_left_to_its_worker(monkeypatch):
    monkeypatch.setattr(worker, "GAP_SECONDS", 100)
    job = make_job(2)
    split_only(job)
    first = worker._begin(job.pk, last_waits=False)
    assert work_all().done == 1
    assert job.items.get(state=ItemState.WAITING).pk == first


def test_jobs_take_turns():
    order = []

    def tell(item, at):
        order.append(item.job_id)
        return make_user(item, at)

    large, small = make_job(60), make_job(2)
    work_all(tell)
    assert order.index(small.pk) <= worker.ITEMS_PER_TURN
    assert order[-1] == large.pk


def test_findings_lose_only_characters_that_can_not_be_stored():
    job = make_job(1)
    work_all(lambda item, at: worker.ItemOutcome({}, [{"name": "a\0b", "path": "\\u0000"}]))
    assert job.items.get().findings == [{"name": "ab", "path": "\\u0000"}]


def test_findings_that_can_not_be_stored_fail_only_their_item():
    job = make_job(2)

    def find(item, at):
        make_user(item, at)
        return worker.ItemOutcome({}, [{"name": "\ud800" if item.number == 1 else "whole"}])

    work_all(find)
    failed = job.items.get(state=ItemState.FAILED)
    assert (failed.number, failed.error[:9], failed.findings) == (1, "DataError", [])
    assert (refreshed(job).state, user_count()) == (JobState.FAILED, 1)


def test_items_of_unknown_kinds_are_skipped():
    make_job(1)
    assert worker.work(kinds={}, clock=lambda: NOW).done == 0
    assert not User.objects.exists()
