"""A batch chosen as a deadlock victim is retried, and counts once."""

import psycopg
import pytest
from django.db import connection

from billing.metering.ingest import event_recorder
from tests.billing.metering.ingest.ingest_setup import call, counted, make_metered_subscription, send
from tests.clean_books import clean_after_test

clean_books = clean_after_test("usage")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


def fail_with_deadlocks(monkeypatch: pytest.MonkeyPatch, times: int) -> list[str]:
    """Make the next `times` tries of counting fail like the victim of a deadlock."""
    refusals = ["lost"] * times
    count = event_recorder._count_events

    def counting(*args: object, **kwargs: object) -> None:
        if refusals:
            refusals.pop()
            with connection.cursor() as cursor:
                cursor.connection.execute("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$")
        count(*args, **kwargs)

    monkeypatch.setattr(event_recorder, "_count_events", counting)
    return refusals


def test_a_deadlock_victim_is_retried(monkeypatch: pytest.MonkeyPatch):
    make_metered_subscription()
    failures_left = fail_with_deadlocks(monkeypatch, times=2)

    assert send(call("c1"), call("c2")) == ["accepted", "accepted"]

    assert failures_left == []
    assert {events for events, _ in counted().values()} == {2}


def test_a_batch_that_always_fails_gives_up(monkeypatch: pytest.MonkeyPatch):
    make_metered_subscription()
    fail_with_deadlocks(monkeypatch, times=100)

    with pytest.raises(psycopg.errors.DeadlockDetected):
        send(call("c1"))

    assert counted() == {}
