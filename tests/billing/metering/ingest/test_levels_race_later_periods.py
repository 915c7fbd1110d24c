"""A level changed by usage is billed in every later period, or these periods are marked late."""

from datetime import timedelta

import pytest

from billing.closing import close_due, close_period, invoice_inputs
from billing.metering.store import events as event_store
from billing.models import Period
from billing.subscriptions import generate_periods
from billing.subscriptions.periods import generation
from invoices.models import Line
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
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
from tests.races import Pause, start, wait_until_blocked

clean_books = clean_after_test("subscriptions", "usage", "invoices")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]

LATER = MAR + timedelta(hours=1)


@pytest.fixture
def stored(transactional_db):
    """Subscribe a customer to a plan that charges the storage at the end of each month; only January exists."""
    meter = make_meter("stored", event_name="store", aggregation="sum", value_property="gb", recurring=True)
    version = publish(make_plan(offers=[offer(make_feature("stored", meter=meter), rates=[rate("1")])]))
    return subscribe(make_customer("acme"), version, starts_at=JAN)


def store(id_, gb):
    event = {"id": id_, "customer": "acme", "event": "store", "timestamp": "2026-01-10T00:00:00Z"}
    return send(event | {"properties": {"gb": gb}}, at=LATER)


def of_february():
    return Period.objects.get(starts_at=FEB)


def billed_in_february():
    return list(Line.objects.filter(service_start=FEB).values_list("kind", "quantity"))


def test_a_close_of_a_later_period_waits_for_usage_in_progress_and_bills_its_level(stored, monkeypatch):
    generate_periods(until=LATER)
    pause = Pause.before(monkeypatch, event_store, "append")
    ingest = start(lambda: store("a", 5))
    pause.await_arrival()
    close = start(lambda: close_period(period_id=of_february().pk, at=LATER))
    wait_until_blocked()
    pause.release()
    assert ingest.result() == ["accepted"]
    close.result()
    assert billed_in_february() == [("usage", 5)]
    assert of_february().late_since is None


def test_usage_waits_for_a_close_of_a_later_period_and_marks_it_late(stored, monkeypatch):

    generate_periods(until=LATER)
    pause = Pause.before(monkeypatch, invoice_inputs, "read_counters")
    close = start(lambda: close_period(period_id=of_february().pk, at=LATER))
    pause.await_arrival()
    ingest = start(lambda: store("a", 5))
    wait_until_blocked()
    pause.release()
    close.result()
    assert ingest.result() == ["accepted"]
    assert billed_in_february() == []
    assert of_february().late_since is not None


def test_a_period_is_created_and_closed_only_after_usage_in_progress_in_the_former_one(stored, monkeypatch):
    """Workers that were down for a month create February and bill it at once, while usage of January is arriving."""
    pause = Pause.before(monkeypatch, event_store, "append")
    ingest = start(lambda: store("a", 5))
    pause.await_arrival()
    workers = start(lambda: (generate_periods(until=LATER), close_due(at=LATER)))
    wait_until_blocked()
    pause.release()
    assert ingest.result() == ["accepted"]
    workers.result()
    close_due(at=LATER)
    assert billed_in_february() == [("usage", 5)]


def test_usage_waits_for_a_period_being_created_and_is_carried_into_it(stored, monkeypatch):

    pause = Pause.before(monkeypatch, generation, "insert_periods")
    workers = start(lambda: (generate_periods(until=MAR), close_period(period_id=of_february().pk, at=LATER)))
    pause.await_arrival()
    ingest = start(lambda: store("a", 5))
    wait_until_blocked()
    second_pause = Pause.before(monkeypatch, event_store, "append")
    pause.release()
    second_pause.await_arrival()
    wait_until_blocked()
    second_pause.release()
    assert ingest.result() == ["accepted"]
    workers.result()
    assert billed_in_february() == [("usage", 5)]
