"""Concurrent requests with the same keys: each key counts once, and each request gets its own outcome."""

from collections import Counter

import pytest

from billing.metering.store import counter_store
from billing.models import Event
from tests.billing.metering.ingest.ingest_setup import call, counted, make_metered_subscription, send
from tests.clean_books import clean_after_test
from tests.races import Pause, start, together, wait_until_blocked

clean_books = clean_after_test("usage")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]

KEYS = 40


def batch(**fields):
    return [call(f"c{number}", **fields) for number in range(KEYS)]


def test_of_two_equal_requests_one_is_accepted_and_the_other_a_duplicate():
    make_metered_subscription()

    outcomes = together(*[lambda: send(*batch())] * 2)

    assert [sorted(pair) for pair in zip(*outcomes, strict=True)] == [["accepted", "duplicate"]] * KEYS
    assert counted() == {"calls/call/03": (KEYS, KEYS)}
    assert Event.objects.count() == KEYS


def test_of_two_requests_with_other_content_one_is_accepted_and_the_other_a_conflict():
    make_metered_subscription()

    outcomes = together(
        lambda: send(*batch(properties={"from": "one"})), lambda: send(*batch(properties={"from": "the other"}))
    )

    assert [sorted(pair) for pair in zip(*outcomes, strict=True)] == [["accepted", "conflict"]] * KEYS
    assert counted() == {"calls/call/03": (KEYS, KEYS)}


def test_eight_single_requests_with_one_key_count_once():
    make_metered_subscription()

    outcomes = together(*[lambda: send(call("c1"))[0]] * 8)

    assert Counter(outcomes) == {"accepted": 1, "duplicate": 7}
    assert counted() == {"calls/call/03": (1, 1)}


def test_a_repeat_waits_for_the_first_and_is_a_duplicate(monkeypatch):
    make_metered_subscription()
    pause = Pause.before(monkeypatch, counter_store, "add_to_counters")
    first = start(lambda: send(call("c1")))
    pause.await_arrival()

    repeat = start(lambda: send(call("c1")))
    wait_until_blocked()
    pause.release()

    assert first.result() == ["accepted"]
    assert repeat.result() == ["duplicate"]
    assert counted() == {"calls/call/03": (1, 1)}


@pytest.mark.parametrize("attempt", range(3))
def test_requests_with_keys_in_opposite_order_do_not_deadlock(attempt):
    make_metered_subscription()

    outcomes = together(lambda: send(*batch()), lambda: send(*reversed(batch())))

    assert sum(outcome.count("accepted") for outcome in outcomes) == KEYS
    assert counted() == {"calls/call/03": (KEYS, KEYS)}
