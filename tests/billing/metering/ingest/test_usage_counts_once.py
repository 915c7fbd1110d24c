"""A key counts once: a repeat is a duplicate, other content under the same key a conflict that is not stored."""

import pytest

from billing.metering.ingest.event_recorder import BatchConflict
from billing.models import Event
from tests.billing.metering.ingest.ingest_setup import (
    call,
    counted,
    make_metered_subscription,
    request,
    rolled_up,
    send,
)
from tests.builders import make_customer, subscribe
from tests.clean_books import clean_after_test

clean_books = clean_after_test("usage")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

REPEATS = [
    # second event, outcome, why
    (request("r1", 5, 7), "duplicate", "the same once more"),
    (request("r1", 5.0, "7"), "conflict", "text is not the number it reads like"),
    (request("r1", 5, 8), "conflict", "another value"),
    (request("r1", 5, 7, customer="other"), "conflict", "another customer"),
    ({**request("r1", 5, 7), "timestamp": "2026-03-01T00:00:00Z"}, "conflict", "a time where there was none"),
    ({**request("r1", 5, 7), "event": "api.call"}, "conflict", "another event"),
    (request("r2", 5, 7), "accepted", "another key"),
]


@pytest.mark.parametrize(("second", "outcome", "why"), REPEATS)
def test_a_key_counts_once_across_batches(second, outcome, why):
    make_metered_subscription()
    make_customer("other")
    send(request("r1", 5, 7))
    before = (counted(), rolled_up())

    assert send(second) == [outcome], why

    if outcome != "accepted":
        assert (counted(), rolled_up()) == before
        assert Event.objects.get().properties["completion_tokens"] == 7


@pytest.mark.parametrize(("second", "outcome", "why"), REPEATS)
def test_a_key_counts_once_within_a_batch(second, outcome, why):
    make_metered_subscription()
    make_customer("other")

    assert send(call("c1"), request("r1", 5, 7), second, call("c2")) == ["accepted", "accepted", outcome, "accepted"]

    assert counted()["calls/call/03"] == (2, 2)
    assert counted()["tokens/gpt/03"] == ((2, 10) if outcome == "accepted" else (1, 5))


def test_a_third_occurrence_is_compared_with_the_first():
    make_metered_subscription()

    outcomes = send(request("r1", 1, 1), request("r1", 2, 2), request("r1", 1, 1))

    assert outcomes == ["accepted", "conflict", "duplicate"]


def test_occurrences_within_a_batch_are_compared_with_the_stored_event():
    make_metered_subscription()
    send(request("r1", 9, 9))

    outcomes = send(request("r1", 1, 1), request("r1", 1, 1), request("r1", 9, 9))

    assert outcomes == ["conflict", "conflict", "duplicate"]


def test_live_and_sandbox_keys_are_separate():
    live = make_metered_subscription()
    subscribe(make_customer("acme", sandbox=True), live.version)

    assert send(call("c1")) + send(call("c1"), sandbox=True) == ["accepted", "accepted"]


def test_an_atomic_batch_with_a_conflict_stores_nothing():
    make_metered_subscription()
    send(call("c1"))

    with pytest.raises(BatchConflict) as refused:
        send(call("c0"), call("c1", properties={"other": 1}), call("c2"), atomic=True)

    assert refused.value.outcomes == ["accepted", "conflict", "accepted"]
    assert Event.objects.count() == 1
    assert counted()["calls/call/03"] == (1, 1)


def test_an_atomic_batch_with_repeats_is_stored():
    make_metered_subscription()
    send(call("c1"))

    assert send(call("c0"), call("c1"), atomic=True) == ["accepted", "duplicate"]
