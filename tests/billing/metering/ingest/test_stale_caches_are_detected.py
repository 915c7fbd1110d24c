"""
The catalog and customers cached by a process may be stale; usage is never counted by stale copies.

Each test fills this process's cache, changes the rows as another process would, and sends usage again.
"""

from datetime import timedelta

import pytest
from django.db import connection

from billing.metering.ingest import catalog_cache, customer_cache, event_recorder
from billing.models import Subscription
from billing.subscriptions import cancel
from customers.models import Customer
from plans.models import MeterReading
from tests.billing.metering.ingest.ingest_setup import (
    call,
    counted,
    make_metered_subscription,
    read,
    request,
    send,
    unmatched,
)
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import (
    JAN,
    MAR,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.clean_books import clean_after_test
from tests.owner_rights import past_triggers

clean_books = clean_after_test("subscriptions", "usage")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


def test_a_meter_created_since_counts():
    make_metered_subscription()
    send(call("c1"))
    words = make_meter("words", event_name="api.call", aggregation="sum", value_property="words")
    version = publish(make_plan(offers=[offer(make_feature("words", meter=words), rates=[rate("1", label="-")])]))
    subscribe(make_customer("other"), version)

    send(call("c2", customer="other", properties={"words": 3}))

    assert counted()["words/-/03"] == (1, 3)


def test_a_meter_changed_since_counts_by_its_new_definition():
    meter = make_meter("words", event_name="api.call", aggregation="sum", value_property="words")
    send(call("c1", customer="acme", properties={"words": 3, "letters": 20}))
    meter.value_property = "letters"
    meter.save()
    version = publish(make_plan(offers=[offer(make_feature("words", meter=meter), rates=[rate("1", label="-")])]))
    subscribe(make_customer("acme"), version)

    send(call("c2", properties={"words": 3, "letters": 20}))

    assert counted()["words/-/03"] == (1, 20)


def test_a_customer_unknown_before_is_found():
    assert send(call("c1")) == ["accepted"]
    make_metered_subscription()

    send(call("c2"))

    assert counted()["calls/call/03"] == (1, 1)
    assert len(unmatched()) == 1


def test_a_subscription_started_since_is_found():
    make_customer("acme")
    send(call("c1"))
    version = publish(
        make_plan(offers=[offer(make_feature("c", meter=make_meter("api.call")), rates=[rate("1", label="-")])])
    )
    subscribe(Customer.objects.get(), version)

    send(call("c2"))

    assert counted() == {"c/-/03": (1, 1)}


def test_a_period_shortened_since_ends_at_its_new_end():
    subscription = make_metered_subscription()
    send(call("c1", timestamp="2026-03-10T09:00:00Z"))
    cancel(subscription=subscription, at=NOW.replace(hour=10), ends_at=NOW.replace(hour=11))

    send(call("c2", timestamp="2026-03-10T10:59:59Z"), call("c3", timestamp="2026-03-10T11:00:00Z"))

    assert counted()["calls/call/03"] == (2, 2)
    assert [reason for reason, _, _ in unmatched()] == ["no_subscription"]


def test_a_period_removed_since_is_created_again():
    subscription = make_metered_subscription()
    send(call("c1"))
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM billing_hourlyusage; DELETE FROM billing_series; DELETE FROM billing_counter")
        cursor.execute("DELETE FROM billing_event")
    subscription.periods.filter(starts_at=MAR).delete()

    send(call("c2"))

    assert counted() == {"calls/call/03": (1, 1)}


def test_a_second_subscription_started_since_counts_as_well():
    first = make_metered_subscription()
    send(call("c1"))
    extra = make_feature("extra", meter=make_meter("calls"))
    version = publish(make_plan(offers=[offer(extra, rates=[rate("1", label="-")])]))
    second = subscribe(first.customer, version)
    # The audit concludes from the clock that the first call came before the second subscription.
    Subscription.objects.filter(pk=first.pk).update(created_at=NOW - timedelta(days=1))
    Subscription.objects.filter(pk=second.pk).update(created_at=NOW + timedelta(minutes=1))

    send(call("c2", timestamp=NOW.isoformat()), at=NOW + timedelta(minutes=2))

    assert counted(first) == {"calls/call/03": (2, 2)}
    assert counted(second) == {"extra/-/03": (1, 1)}


def test_a_period_of_another_subscription_created_since_counts_as_well():
    first = make_metered_subscription()
    extra = make_feature("extra", meter=make_meter("calls"))
    version = publish(make_plan(offers=[offer(extra, rates=[rate("1", label="-")])], anchor="anniversary"))
    second = subscribe(first.customer, version, starts_at=JAN.replace(day=5))
    send(call("c1", timestamp="2026-03-04T00:00:00Z"))

    send(call("c2", timestamp="2026-03-06T00:00:00Z"))

    assert counted(first) == {"calls/call/03": (2, 2)}
    assert counted(second) == {"extra/-/02": (1, 1), "extra/-/03": (1, 1)}


def test_a_batch_gives_up_after_a_few_tries(monkeypatch):
    make_metered_subscription()
    events = read(call("c1"))
    event_recorder.record_events(events=events, sandbox=False, at=NOW)
    monkeypatch.setattr(customer_cache, "refresh", lambda *args, **kwargs: {})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE billing_period SET revision = revision + 1")

    with pytest.raises(event_recorder.StaleCatalog):
        event_recorder.record_events(events=read(call("c2")), sandbox=False, at=NOW)


def test_a_cached_copy_of_few_months_is_extended_to_earlier_ones():
    subscription = make_metered_subscription()
    send(call("c1"))

    send(call("c2", timestamp="2026-01-05T00:00:00Z"))

    assert counted(subscription) == {"calls/call/03": (1, 1), "calls/call/01": (1, 1)}


def test_a_batch_from_many_months_finds_all_periods_though_one_is_not_created_yet():
    make_metered_subscription()

    send(call("c1", timestamp="2026-01-05T00:00:00Z"), call("c2", timestamp="2026-03-01T00:00:00Z"))

    assert counted() == {"calls/call/01": (1, 1), "calls/call/03": (1, 1)}
    assert unmatched() == []


def test_the_catalog_is_read_once():
    make_metered_subscription()
    send(call("c1"))
    copy = catalog_cache.get_catalog()

    send(call("c2"), request("r1", 1, 1))

    assert catalog_cache.get_catalog() is copy
    assert MeterReading.objects.count() == 2
