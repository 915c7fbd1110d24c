"""Usage and a close lock the period's row: the second one waits, and all usage is either billed or late."""

import threading
from datetime import timedelta

import pytest

from billing.closing import close_period, invoice_inputs
from billing.metering.store import events as event_store
from billing.models import BilledUsage, Counter, Event, Period
from tests.billing.metering.ingest.ingest_setup import call, counted, make_metered_subscription, send
from tests.builders import FEB
from tests.clean_books import clean_after_test
from tests.races import Pause, start, together, wait_until_blocked

clean_books = clean_after_test("subscriptions", "usage", "invoices")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]

LATER = FEB + timedelta(days=1)


def in_january(id_):
    return call(id_, timestamp="2026-01-05T00:00:00Z")


@pytest.fixture
def january():
    return make_metered_subscription().periods.get(kind="regular")


def billed(period):
    return sum(BilledUsage.objects.filter(period=period).values_list("events", flat=True))


def test_a_close_waits_for_usage_in_progress_and_bills_it(january, monkeypatch):
    send(in_january("c0"))
    pause = Pause.before(monkeypatch, event_store, "append")
    ingest = start(lambda: send(in_january("c1")))
    pause.await_arrival()

    close = start(lambda: close_period(period_id=january.pk, at=LATER))
    wait_until_blocked()
    pause.release()

    assert ingest.result() == ["accepted"]
    assert close.result() is not None
    january.refresh_from_db()
    assert billed(january) == 2
    assert january.late_since is None


def test_usage_waits_for_a_close_under_way_and_is_late(january, monkeypatch):
    send(in_january("c0"))
    pause = Pause.before(monkeypatch, invoice_inputs, "read_counters")
    close = start(lambda: close_period(period_id=january.pk, at=LATER))
    pause.await_arrival()

    ingest = start(lambda: send(in_january("c1")))
    wait_until_blocked()
    pause.release()

    close.result()
    assert ingest.result() == ["accepted"]
    january.refresh_from_db()
    assert billed(january) == 1
    assert january.late_since is not None
    assert counted()["calls/call/01"] == (2, 2)


def test_the_high_water_mark_separates_billed_from_late_events(january, monkeypatch):
    """
    Another customer's usage continues meanwhile: the mark may be far ahead, but is never behind the billed events.
    """
    make_metered_subscription("other")
    pause = Pause.before(monkeypatch, event_store, "append")
    ingest = start(lambda: send(in_january("c1")))
    pause.await_arrival()
    close = start(lambda: close_period(period_id=january.pk, at=LATER))
    wait_until_blocked()
    for number in range(5):
        send(call(f"o{number}", customer="other"))
    pause.release()
    ingest.result()
    close.result()

    send(in_january("c2"))

    mark = BilledUsage.objects.get().high_water_mark
    of_january = dict(Event.objects.filter(customer_ref="acme").values_list("sender_id", "sequence"))
    assert of_january["c1"] <= mark < of_january["c2"]


@pytest.mark.parametrize("attempt", range(4))
def test_usage_that_arrives_while_the_period_closes_is_billed_or_late(january, attempt):
    closed = threading.Event()

    def stream(sender):
        sent = 0
        while sent < 20 or (not closed.is_set() and sent < 200):
            assert send(in_january(f"{sender}-{sent}")) == ["accepted"]
            sent += 1
        return sent

    def close():
        try:
            return close_period(period_id=january.pk, at=LATER)
        finally:
            closed.set()

    *counts, _ = together(lambda: stream("a"), lambda: stream("b"), close)

    january.refresh_from_db()
    total = Counter.objects.get(period=january)
    assert total.events == sum(counts)
    assert january.state == "closed"
    assert (january.late_since is None) == (billed(january) == total.events)


def test_two_closes_of_one_period_give_one_invoice(january):
    send(in_january("c0"))

    first, second = together(*[lambda: close_period(period_id=january.pk, at=LATER)] * 2)

    assert first == second
    assert first is not None
    assert Period.objects.filter(invoice__isnull=False).count() == 1
