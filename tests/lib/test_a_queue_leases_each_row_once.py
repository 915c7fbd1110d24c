"""Workers lease different rows of a queue; a lost worker's row is due again; failures are retried, then parked."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.db.models import Q

from invoices.models import ProviderEvent
from lib.queue import Backoff, Deadline, Lease, Queue, doubling, lock_free_row, repeat_while_full
from tests.races import start, together

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DELAYS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
EVENTS = Queue(
    model=ProviderEvent,
    unfinished=Q(done_at__isnull=True),
    lease=timedelta(seconds=90),
    backoff=Backoff(DELAYS),
    attempts_column="tries",
    reason_column="outcome",
)
commits = pytest.mark.django_db(transaction=True)


def add_event(number: int = 1, *, due_at: datetime | None = NOW, **columns) -> ProviderEvent:
    facts = {"provider": "sandbox", "kind": "test", "content": {}, "received_at": NOW, "next_at": due_at}
    return ProviderEvent.objects.create(ref=f"evt_{number}", **facts, **columns)


def lock(event: ProviderEvent, *, no_key: bool = True) -> ProviderEvent | None:
    """Lock an event for a moment, unless another transaction holds it."""
    with transaction.atomic():
        return lock_free_row(ProviderEvent.objects.filter(pk=event.pk), no_key=no_key)


def lease_all(at: datetime = NOW, **options) -> list[Lease]:
    return list(EVENTS.claims(at=at, **options))


@commits
def test_two_workers_lease_different_rows():
    ids = {add_event(number).pk for number in range(20)}
    first, second = together(lease_all, lease_all)
    assert len(first) + len(second) == len(ids)
    assert {lease.key for lease in first + second} == ids
    assert {lease.attempt for lease in first + second} == {1}


@commits
def test_one_of_many_workers_leases_a_row_that_all_of_them_want():
    event = add_event()
    leases = together(*[lambda: EVENTS.claim(event.pk, at=NOW)] * 8)
    assert [lease for lease in leases if lease] == [Lease(event.pk, 1)]


@commits
def test_a_row_that_a_transaction_holds_is_skipped_and_stays_due():
    held, free = add_event(1), add_event(2)
    with transaction.atomic():
        assert lock_free_row(ProviderEvent.objects.filter(pk=held.pk)) == held
        assert start(lease_all).result() == [Lease(free.pk, 1)]
        assert (
            start(lambda: transaction.atomic(lock_free_row)(ProviderEvent.objects.filter(pk=held.pk))).result()
            is None
        )
    assert lease_all() == [Lease(held.pk, 1)]


@commits
def test_a_lock_of_the_whole_row_waits_for_references_to_it():
    event = add_event()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM invoices_providerevent WHERE id = %s FOR KEY SHARE", [event.pk])
        assert start(lambda: lock(event)).result() == event
        assert start(lambda: lock(event, no_key=False)).result() is None


WORKER = """
import sys, time
import config, django
django.setup()
from tests.lib.test_a_queue_leases_each_row_once import EVENTS, NOW
print(EVENTS.claim(int(sys.argv[1]), at=NOW).attempt, flush=True)
time.sleep(60)
"""


@commits
def test_the_row_of_a_killed_worker_is_due_again_when_its_lease_ends():
    event = add_event()
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(event.pk)],
        cwd=Path(__file__).parents[2],
        env=os.environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout.readline() == "1\n", "it has leased the row"
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    assert lease_all(NOW + EVENTS.lease - SECOND) == []
    assert lease_all(NOW + EVENTS.lease) == [Lease(event.pk, 2)]


@pytest.mark.django_db
def test_a_lease_that_is_rolled_back_leaves_the_row_as_it_was():
    event = add_event()
    with transaction.atomic():
        EVENTS.claim(event.pk, at=NOW)
        transaction.set_rollback(True)
    event.refresh_from_db()
    assert (event.tries, event.next_at) == (0, NOW)


@commits
def test_a_durable_queue_leases_nothing_within_a_transaction():
    durable, event = replace(EVENTS, is_durable=True), add_event()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        durable.claim(event.pk, at=NOW)
    with transaction.atomic():
        assert list(durable.claims(at=NOW - SECOND)) == [], "nothing is due"
    assert durable.claim(event.pk, at=NOW) == Lease(event.pk, 1)


@pytest.mark.django_db
def test_a_worker_that_lost_its_lease_stores_nothing():
    event = add_event()
    slow = EVENTS.claim(event.pk, at=NOW)
    fast = EVENTS.claim(event.pk, at=NOW + EVENTS.lease)
    assert not EVENTS.postpone(slow, reason="slow", at=NOW + EVENTS.lease)
    assert EVENTS.postpone(fast, reason="fast", at=NOW + EVENTS.lease)
    assert not EVENTS.held(slow).exists()
    event.refresh_from_db()
    assert (event.outcome, event.tries) == ("fast", 2)


@pytest.mark.django_db
def test_a_failure_is_retried_as_scheduled_then_parked_and_revived():
    event, at = add_event(), NOW
    for attempt, delay in enumerate(DELAYS, start=1):
        assert lease_all(at) == [Lease(event.pk, attempt)]
        assert EVENTS.postpone(Lease(event.pk, attempt), reason=f"failure {attempt}", at=at)
        assert lease_all(at + delay - SECOND) == []
        at += delay
    (last,) = lease_all(at)
    EVENTS.postpone(last, reason="\0" + "x" * 1_000, at=at)
    event.refresh_from_db()
    assert (event.next_at, event.outcome) == (None, "x" * 300), "parked, with as much of the reason as fits"
    assert lease_all(at + timedelta(days=365)) == []
    assert EVENTS.revive_parked(at=at) == 1
    assert lease_all(at) == [Lease(event.pk, 1)], "with all its attempts"


@pytest.mark.django_db
def test_a_row_whose_workers_always_die_is_parked():
    event = add_event(tries=len(DELAYS) + 1, outcome="the last failure")
    assert EVENTS.claim(event.pk, at=NOW) is None
    assert lease_all() == []
    event.refresh_from_db()
    assert (event.next_at, event.outcome) == (None, "the last failure")


@pytest.mark.django_db
def test_an_endless_queue_revives_nothing():
    endless, event = replace(EVENTS, backoff=Backoff(DELAYS, is_endless=True)), add_event(due_at=None, tries=3)
    assert endless.revive_parked(at=NOW) == 0
    event.refresh_from_db()
    assert (event.tries, event.next_at) == (3, None)


@pytest.mark.django_db
def test_a_finished_row_is_never_leased():
    event = add_event(done_at=NOW)
    assert (EVENTS.claim(event.pk, at=NOW), lease_all(), EVENTS.revive_parked(at=NOW)) == (None, [], 0)


@pytest.mark.django_db
def test_a_run_leases_the_longest_due_first_up_to_its_limit_and_deadline():
    late, early = add_event(1, due_at=NOW), add_event(2, due_at=NOW - SECOND)
    add_event(3, due_at=NOW + SECOND)
    assert lease_all(deadline=Deadline(0)) == []
    assert lease_all(limit=1) == [Lease(early.pk, 1)]
    assert lease_all(among=~Q(pk=late.pk)) == []
    assert lease_all() == [Lease(late.pk, 1)]


@pytest.mark.django_db
def test_a_claim_takes_two_statements(django_assert_num_queries):
    event = add_event()
    with django_assert_num_queries(4):  # a savepoint, the row, its lease, and the end of the savepoint
        EVENTS.claim(event.pk, at=NOW)


WAITS = [
    # attempt, wait where the queue parks, and where it is endless
    (0, DELAYS[0], DELAYS[0]),
    (1, DELAYS[0], DELAYS[0]),
    (3, DELAYS[2], DELAYS[2]),
    (4, None, DELAYS[2]),
    (99, None, DELAYS[2]),
]


@pytest.mark.parametrize(("attempt", "parks", "endless"), WAITS)
def test_a_wait_depends_on_the_attempt(attempt, parks, endless):
    assert Backoff(DELAYS).next_at(attempt, NOW) == (parks and NOW + parks)
    assert Backoff(DELAYS, is_endless=True).next_at(attempt, NOW) == NOW + endless


def test_a_wait_is_extended_at_random_and_by_request():
    backoff = Backoff(DELAYS, jitter=0.2)
    waits = {backoff.next_at(1, NOW) - NOW for _ in range(50)}
    assert len(waits) > 1
    assert all(DELAYS[0] <= wait <= 1.2 * DELAYS[0] for wait in waits)
    assert backoff.next_at(1, NOW, not_before=NOW + timedelta(days=1)) == NOW + timedelta(days=1)


def test_delays_double_up_to_the_longest():
    minutes = [delay.total_seconds() / 60 for delay in doubling(timedelta(minutes=2), timedelta(minutes=15), count=5)]
    assert minutes == [2, 4, 8, 15, 15]


def test_batches_are_repeated_while_they_are_full():
    counts = iter([5, 5, 3, 5])
    assert repeat_while_full(lambda: next(counts), size=5) == 13
    assert next(counts) == 5, "the batch that was not full was the last one"
