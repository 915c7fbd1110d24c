"""New values of a split price are numbered one batch at a time, and never beyond the bound."""

from datetime import timedelta

import pytest
from django.db import transaction

from billing.metering.ingest.event_recorder import attribute_events
from billing.metering.store import split_values
from billing.metering.store.split_values import NewSplitValue, SplitPrice, store_values
from billing.models import Counter, SplitValue, Subscription
from plans.pricing.price_splits import listed_key, split_position
from tests.billing.metering.ingest.ingest_setup import read, send
from tests.billing.metering.split_prices.split_setup import calls, subscribe_by_key
from tests.builders import JAN
from tests.clean_books import clean_after_test
from tests.races import Pause, start, together, wait_until_blocked

clean_books = clean_after_test("usage")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]

AT = JAN + timedelta(days=2)


def positions():
    return list(SplitValue.objects.order_by("position").values_list("position", flat=True))


def counted():
    return sum(Counter.objects.values_list("events", flat=True))


def split_price(subscription: Subscription) -> SplitPrice:
    return SplitPrice(subscription.periods.earliest("starts_at").pk, subscription.version.features.get().pk)


def test_eight_batches_of_new_values_are_numbered_without_gaps():
    subscribe_by_key()
    together(*(lambda n=n: send(*(calls(1, f"{n} {key}") for key in range(6)), at=AT) for n in range(8)))
    assert (positions(), counted()) == (list(range(1, 49)), 48)


def test_eight_batches_fill_the_bound_and_the_rest_is_other():
    subscribe_by_key(bound=10)
    together(*(lambda n=n: send(*(calls(1, f"{n} {key}") for key in range(6)), at=AT) for n in range(8)))
    assert (positions(), counted()) == (list(range(1, 11)), 48)
    others = [counter for counter in Counter.objects.all() if not split_position(counter.rate_id)]
    assert sum(counter.events for counter in others) == 38
    assert {listed_key(counter.rate_id) for counter in Counter.objects.all()} == {others[0].rate_id}


def test_eight_batches_with_the_same_new_value_number_it_once():
    subscribe_by_key()
    together(*[lambda: send(calls(1, "a"), calls(1), at=AT)] * 8)
    assert (positions(), counted()) == ([1, 2], 16)


def test_a_batch_waits_for_the_numbers_of_another_one(monkeypatch):
    subscribe_by_key()
    numbered = Pause.before(monkeypatch, split_values, "read_values")
    first = start(lambda: send(calls(1, "first"), at=AT))
    numbered.await_arrival()
    second = start(lambda: send(calls(1, "second"), at=AT))
    wait_until_blocked()
    numbered.release()
    assert first.result() == second.result() == ["accepted"]
    assert list(SplitValue.objects.order_by("position").values_list("value", flat=True)) == ["first", "second"]


@transaction.atomic
def number_and_fail():
    batch = attribute_events(read(calls(1, "lost", at=AT)), sandbox=False)
    assert split_position(batch.attributions[0].route.stops[0].targets[0][0].rate_id) == 1
    raise ZeroDivisionError


def test_a_number_that_was_rolled_back_is_given_to_another_value():
    subscribe_by_key()
    with pytest.raises(ZeroDivisionError):
        number_and_fail()
    assert send(calls(1, "a", at=AT), calls(1, "lost", at=AT), at=AT) == ["accepted", "accepted"]
    assert dict(SplitValue.objects.values_list("value", "position")) == {"a": 1, "lost": 2}


def test_a_period_that_is_gone_gets_no_value():
    price = split_price(subscribe_by_key())
    stored = store_values([NewSplitValue(price._replace(period_id=price.period_id + 1000), "a", 1000)])
    assert (stored, SplitValue.objects.count()) == ({}, 0)


def test_stored_values_are_read_by_price():
    price = split_price(subscribe_by_key())
    send(calls(1, "b"), calls(1, "a"), at=AT)
    assert split_values.read_values([price]) == {price: {"b": 1, "a": 2}}
    assert split_values.read_values([]) == {}
