"""
A change between the attribution of a batch and its storage is detected under the lock.

Each test pauses an ingest in between, makes a change on another connection, and resumes the ingest.
"""

from datetime import timedelta

import pytest

from billing.metering.ingest import event_recorder
from billing.subscriptions import cancel
from customers.models import Customer
from plans.models import Meter
from tests.billing.metering.ingest.ingest_setup import (
    call,
    counted,
    make_metered_subscription,
    request,
    send,
    unmatched,
)
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe
from tests.clean_books import clean_after_test
from tests.races import Pause, start

clean_books = clean_after_test("subscriptions", "usage")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]


def ingest_during(monkeypatch, change, *sent):
    """Attribute the events, make the change, and return the outcomes of storing them."""
    pause = Pause.before(monkeypatch, event_recorder, "_store")
    ingest = start(lambda: send(*sent))
    pause.await_arrival()
    change()
    pause.release()
    return ingest.result()


def test_a_concurrent_cancellation_excludes_usage_after_the_end(monkeypatch):
    subscription = make_metered_subscription()
    end = NOW - timedelta(hours=1)

    outcomes = ingest_during(
        monkeypatch,
        lambda: cancel(subscription=subscription, at=end, ends_at=end),
        call("c1", timestamp=(end - timedelta(seconds=1)).isoformat()),
        call("c2", timestamp=end.isoformat()),
    )

    assert outcomes == ["accepted", "accepted"]
    assert counted() == {"calls/call/03": (1, 1)}
    assert [reason for reason, _, _ in unmatched()] == ["no_subscription"]


def test_a_meter_created_during_ingest_counts(monkeypatch):
    make_metered_subscription()

    def add_words():
        words = make_meter("words", event_name="api.call", aggregation="sum", value_property="words")
        version = publish(make_plan(offers=[offer(make_feature("words", meter=words), rates=[rate("1", label="-")])]))
        subscribe(Customer.objects.get(external_id="acme"), version)

    ingest_during(monkeypatch, add_words, call("c1", properties={"words": 4}))

    assert counted() == {"calls/call/03": (1, 1), "words/-/03": (1, 4)}


def test_a_meter_changed_during_ingest_counts_by_its_new_definition(monkeypatch):
    meter = make_meter("words", event_name="api.call", aggregation="sum", value_property="words")
    make_customer("acme")

    def change_and_price():
        Meter.objects.filter(pk=meter.pk).update(value_property="letters")
        version = publish(make_plan(offers=[offer(make_feature("words", meter=meter), rates=[rate("1", label="-")])]))
        subscribe(Customer.objects.get(external_id="acme"), version)

    ingest_during(monkeypatch, change_and_price, call("c1", properties={"words": 4, "letters": 30}))

    assert counted() == {"words/-/03": (1, 30)}


def test_an_unrelated_change_has_no_effect(monkeypatch):
    make_metered_subscription()

    outcomes = ingest_during(monkeypatch, lambda: make_meter("other"), call("c1"), request("r1", 1, 2))

    assert outcomes == ["accepted", "accepted"]
    assert counted()["calls/call/03"] == (1, 1)
