"""Any number of workers do each item once; what one item raises is its own affair."""

from threading import Event

import pytest
from django.contrib.auth.models import User

from billing.jobs import item_split, worker
from billing.jobs.kinds import MAX_TRIES
from billing.models import JobItem
from billing.models.jobs import ItemState, JobKind, JobState
from tests.billing.jobs.world import NOW, cut_only, go_on, kinds, made, make_job, make_user, numbered, seen
from tests.races import PATIENCE, start, together

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_gap(monkeypatch):
    monkeypatch.setattr(worker, "GAP_SECONDS", 0)


def test_a_job_is_cut_done_and_ended():
    job = make_job(45)
    assert go_on().done == 45
    assert seen(job).state == JobState.DONE
    assert (job.total, job.failed, job.figures, job.started_at, job.finished_at) == (45, 0, {"users": 45}, NOW, NOW)
    assert made() == 45
    assert go_on().done == 0


def test_a_job_of_nothing_is_done():
    job = make_job(0)
    go_on()
    assert (seen(job).state, job.total) == (JobState.DONE, 0)


@pytest.mark.django_db(transaction=True)
def test_workers_share_a_job():
    job = make_job(40)
    done = together(*[go_on] * 4)
    assert sum(one.done for one in done) == 40 == made()
    go_on()
    assert seen(job).state == JobState.DONE


@pytest.mark.django_db(transaction=True)
def test_an_item_under_way_is_left_to_its_worker():
    job, begun, may_end = make_job(1), Event(), Event()
    cut_only(job)

    def wait(item, at):
        begun.set()
        may_end.wait(PATIENCE)
        return make_user(item, at)

    first = start(lambda: go_on(wait))
    assert begun.wait(PATIENCE)
    try:
        assert go_on(lambda item, at: worker.ItemOutcome()).done == 0
    finally:
        may_end.set()
    assert first.result().done == 1
    assert (seen(job).figures, made()) == ({"users": 1}, 1)


def test_what_one_item_raises_stops_no_other():
    job = make_job(5)

    def fail_on_third(item, at):
        outcome = make_user(item, at)
        if item.number == 3:
            raise ValueError("three\0 is odd")
        return outcome

    go_on(fail_on_third)
    failed = job.items.get(state=ItemState.FAILED)
    assert (failed.number, failed.tries, failed.error) == (3, MAX_TRIES, "ValueError: three is odd")
    assert (seen(job).state, job.failed, job.figures) == (JobState.FAILED, 1, {"users": 4})
    assert made() == 4  # what the third one had made is gone


def test_an_item_may_fail_at_first():
    job, tries = make_job(1), []

    def fail_once(item, at):
        tries.append(item.error)
        if len(tries) < 2:
            raise ValueError("not yet")
        return make_user(item, at)

    go_on(fail_once)
    assert tries == ["", "ValueError: not yet"]
    assert (seen(job).state, job.items.get().error, made()) == (JobState.DONE, "", 1)


def test_an_item_that_kills_its_workers_is_given_up():
    job = make_job(2)
    cut_only(job)
    JobItem.objects.filter(number=1).update(tries=MAX_TRIES)  # begun so often, and nobody lived to tell
    go_on()
    assert "its worker died in each of 5 tries" in job.items.get(number=1).error
    assert (seen(job).state, made()) == (JobState.FAILED, 1)


def dying_after(count):
    """Return a way to cut a job that kills whoever goes that way further than so many items."""

    def cut(job, last):
        for step, item in enumerate(numbered(job, last)):
            if step == count:
                raise SystemExit
            yield item

    return kinds(split=cut)[JobKind.USAGE_IMPORT]


def test_a_job_that_kills_whoever_cuts_it_is_given_up():
    job, kind = make_job(3), dying_after(1)
    for _ in range(MAX_TRIES):
        with pytest.raises(SystemExit):
            cut_only(job, kind)
    cut_only(job, kind)
    assert "its worker died in each of 5 tries to cut it" in seen(job).error
    assert (seen(job).state, job.items.count()) == (JobState.FAILED, 0)


def test_a_job_is_cut_as_long_as_each_worker_gets_further_before_it_dies():
    job, kind = make_job(10 * item_split.ITEMS_PER_STEP), dying_after(item_split.ITEMS_PER_STEP + 1)
    for _ in range(9):
        with pytest.raises(SystemExit):
            cut_only(job, kind)
    cut_only(job, kind)
    assert (seen(job).total, seen(job).error) == (10 * item_split.ITEMS_PER_STEP, "")


def test_an_item_that_was_just_begun_is_left_to_who_began(monkeypatch):
    monkeypatch.setattr(worker, "GAP_SECONDS", 100)
    job = make_job(2)
    cut_only(job)
    first = worker._begin(job.pk)
    assert go_on().done == 1
    assert job.items.get(state=ItemState.WAITING).pk == first


def test_jobs_take_turns():
    order = []

    def tell(item, at):
        order.append(item.job_id)
        return make_user(item, at)

    large, small = make_job(60), make_job(2)
    go_on(tell)
    assert order.index(small.pk) <= worker.ITEMS_PER_TURN
    assert order[-1] == large.pk


def test_findings_lose_only_what_cannot_be_stored():
    job = make_job(1)
    go_on(lambda item, at: worker.ItemOutcome({}, [{"name": "a\0b", "path": "\\u0000"}]))
    assert job.items.get().findings == [{"name": "ab", "path": "\\u0000"}]


def test_what_cannot_be_stored_of_one_item_stops_no_other():
    job = make_job(2)

    def find(item, at):
        make_user(item, at)
        return worker.ItemOutcome({}, [{"name": "\ud800" if item.number == 1 else "whole"}])

    go_on(find)
    failed = job.items.get(state=ItemState.FAILED)
    assert (failed.number, failed.error[:9], failed.findings) == (1, "DataError", [])
    assert (seen(job).state, made()) == (JobState.FAILED, 1)


def test_items_of_other_kinds_are_left_to_those_who_know_them():
    make_job(1)
    assert worker.work(kinds={}, clock=lambda: NOW).done == 0
    assert not User.objects.exists()
