"""A removal of old events is finished by another worker, blocks no ingest, and meets corrections at their periods."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import override_settings

from billing.metering.corrections.validation import REJECTED
from billing.metering.ingest import event_recorder
from billing.metering.ingest.event_recorder import ACCEPTED
from billing.metering.store import corrections
from billing.models import Event, EventRemoval, Period, Subscription
from billing.privacy import event_removal
from billing.privacy.event_removal import LEAST_DAYS_OF_EVENTS, remove_old_events
from tests.billing.metering.corrections import correction_setup
from tests.billing.metering.corrections.correction_setup import correct_all, correction_request
from tests.billing.metering.ingest.ingest_setup import call, make_metered_subscription, send
from tests.billing.metering.ingest.request_parser import NOW
from tests.billing.privacy.test_old_events_leave import close
from tests.builders import FEB, JAN, MAR
from tests.clean_books import assert_clean
from tests.killed_processes import kill_at
from tests.races import Pause, start, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

LATER = FEB + timedelta(days=LEAST_DAYS_OF_EVENTS + 10)
EVENTS = 7

PLACES = {
    # place → how many events are left there
    "event_removal.before_commit": EVENTS,
    "event_removal.in_batch": EVENTS,
    "event_removal.between_batches": EVENTS - 3,
}


@pytest.fixture(autouse=True)
def small_batches(settings, monkeypatch):
    settings.EVENT_RETENTION_DAYS = LEAST_DAYS_OF_EVENTS
    monkeypatch.setattr(event_removal, "BATCH_SIZE", 3)


@pytest.fixture
def books(small_batches) -> Subscription:
    """Use API calls in January and March; January is billed."""
    subscription = make_metered_subscription()
    send(*(call(f"c{number}", timestamp=(JAN + timedelta(days=number)).isoformat()) for number in range(EVENTS)))
    send(call("march", timestamp=(MAR + timedelta(days=1)).isoformat()))
    close(until=MAR)
    return subscription


@pytest.mark.parametrize("place", PLACES)
def test_the_next_run_finishes_the_removal_of_a_killed_worker(books, place: str, tmp_path: Path):
    kill_at(place, lambda: remove_old_events(at=LATER), tmp_path)

    assert Event.objects.exclude(sender_id="march").count() == PLACES[place]
    assert_clean("usage")

    remove_old_events(at=LATER)

    assert list(Event.objects.values_list("sender_id", flat=True)) == ["march"]
    removal = EventRemoval.objects.get()
    assert (removal.events, removal.finished_at) == (EVENTS, LATER)
    assert_clean("usage", "invoices")


def test_a_removal_that_was_begun_is_finished_without_the_setting(books, tmp_path: Path):
    kill_at("event_removal.between_batches", lambda: remove_old_events(at=LATER), tmp_path)

    with override_settings(EVENT_RETENTION_DAYS=0):
        remove_old_events(at=LATER)

    assert list(Event.objects.values_list("sender_id", flat=True)) == ["march"]


def test_workers_at_once_remove_each_event_once(books):
    counts = together(*[lambda: remove_old_events(at=LATER)] * 3)

    assert sum(count.events for count in counts) == EVENTS
    assert EventRemoval.objects.get().events == EVENTS
    assert_clean("usage")


@pytest.mark.parametrize("call_number", [1, 2])
def test_ingest_does_not_wait_for_a_removal(books, monkeypatch, call_number):
    """Neither while the removal holds the old periods, nor while it deletes a batch."""
    pause = Pause()
    calls = []

    def hold(place: str) -> None:
        calls.append(place)
        if len(calls) == call_number:
            pause.wait_here()

    monkeypatch.setattr(event_removal, "hit_failpoint", hold)
    removal = start(lambda: remove_old_events(at=LATER))
    pause.await_arrival()

    ingest = start(lambda: send(call("meanwhile", timestamp=(MAR + timedelta(days=2)).isoformat())))
    assert ingest.result() == [ACCEPTED]

    pause.release()
    removal.result()
    assert calls[:2] == ["event_removal.before_commit", "event_removal.in_batch"]
    assert_clean("usage")


def test_a_correction_that_began_before_the_removal_starts_over_and_is_rejected(books, monkeypatch):
    correction_setup.person()  # created before the race
    pause = Pause.before(monkeypatch, event_recorder, "lock_batch_periods")
    correction = start(lambda: correct_all(correction_request("c1"), at=NOW))
    pause.await_arrival()

    assert remove_old_events(at=LATER).events == EVENTS

    pause.release()
    assert correction.result()[0].status == REJECTED
    assert not Period.objects.late().exists()
    assert_clean("usage", "invoices")


def test_a_removal_leaves_a_customer_out_whose_correction_is_running(books, monkeypatch):
    correction_setup.person()
    pause = Pause.before(monkeypatch, corrections, "add")
    correction = start(lambda: correct_all(correction_request("c1"), at=NOW))
    pause.await_arrival()

    assert remove_old_events(at=LATER).busy == 1

    pause.release()
    assert correction.result()[0].status == ACCEPTED
    remove_old_events(at=LATER)
    assert Event.objects.count() == EVENTS + 1, "the void is late usage, which is not billed yet"
    assert_clean("usage")
