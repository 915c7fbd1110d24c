"""A batch that the database chose as the victim of a deadlock starts over, and counts once."""

import psycopg
import pytest
from django.db import connection

from billing.metering.ingest import event_recorder
from tests.billing.metering.ingest.world import call, counted, make_world, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


def lose(monkeypatch: pytest.MonkeyPatch, times: int) -> list[str]:
    """Let the database refuse the counting of the next `times` tries, as it does to break a deadlock."""
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


def test_a_batch_that_lost_starts_over(monkeypatch: pytest.MonkeyPatch):
    make_world()
    left = lose(monkeypatch, times=2)

    assert send(call("c1"), call("c2")) == ["accepted", "accepted"]

    assert left == []
    assert {events for events, _ in counted().values()} == {2}


def test_one_that_always_loses_gives_up(monkeypatch: pytest.MonkeyPatch):
    make_world()
    lose(monkeypatch, times=100)

    with pytest.raises(psycopg.errors.DeadlockDetected):
        send(call("c1"))

    assert counted() == {}
