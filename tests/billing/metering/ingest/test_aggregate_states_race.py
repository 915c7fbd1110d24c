"""Concurrent batches of one series update its aggregate states as if one came after the other."""

import pytest

from billing.metering.store import aggregate_states
from billing.models import AggregateState, DistinctValue
from billing.subscriptions import generate_periods
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import MAR, make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe
from tests.clean_books import clean_after_test
from tests.races import Pause, start, wait_until_blocked

clean_books = clean_after_test("usage")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]


@pytest.fixture
def metered(transactional_db):
    """Subscribe a customer from January to March to a plan that charges levels and recurring seats."""
    meters = {
        "level": {"aggregation": "weighted_sum", "value_property": "gb", "measures": "levels"},
        "seat": {"aggregation": "unique", "value_property": "user", "recurring": True},
    }
    offers = [
        offer(make_feature(name, meter=make_meter(name, event_name=name, **fields)), rates=[rate("1")])
        for name, fields in meters.items()
    ]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))
    generate_periods(until=MAR)


def event_of(id_, event, at, **properties):
    return {"id": id_, "customer": "acme", "event": event, "timestamp": at, "properties": properties}


def second_waits(monkeypatch, name, first, second):
    """Pause the first event at a step of its aggregation, send the second, which must wait, and resume both."""
    pause = Pause.before(monkeypatch, aggregate_states, name)
    first_ingest = start(lambda: send(first))
    pause.await_arrival()
    other = start(lambda: send(second))
    wait_until_blocked()
    pause.release()
    assert [first_ingest.result(), other.result()] == [["accepted"], ["accepted"]]


def test_a_level_lasts_until_one_that_arrives_concurrently(metered, monkeypatch):
    send(event_of("z", "level", "2026-01-01T00:00:00Z", gb=0))
    second_waits(
        monkeypatch,
        "_add_to_states",
        event_of("a", "level", "2026-01-10T00:00:00Z", gb=10),
        event_of("b", "level", "2026-01-20T00:00:00Z", gb=3),
    )
    assert AggregateState.objects.get(series__meter__code="level", span="").moment == 10 * 10 * 86_400 * 10**6


def test_a_seat_reported_in_two_periods_concurrently_is_one_seat(metered, monkeypatch):
    second_waits(
        monkeypatch,
        "adjust_members",
        event_of("a", "seat", "2026-01-10T00:00:00Z", user="ann"),
        event_of("b", "seat", "2026-02-10T00:00:00Z", user="ann"),
    )
    assert DistinctValue.objects.count() == 2
    assert sorted(AggregateState.objects.filter(series__meter__code="seat").values_list("members", flat=True)) == [
        0,
        1,
    ]
