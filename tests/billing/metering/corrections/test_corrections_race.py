"""Corrections, closes, ingest and repeats lock the same rows, so concurrent ones run one after the other."""

from datetime import timedelta

import pytest

from billing.closing import close_period, invoice_inputs
from billing.metering.corrections import usage_correction
from billing.metering.ingest.reprocess import reprocess
from billing.metering.store import corrections, unmatched_usage
from billing.models import BilledUsage, Correction, Event
from tests.billing.metering.corrections.correction_setup import (
    late,
    make_fully_metered_subscription,
    person,
    replace,
    sample,
    void,
)
from tests.billing.metering.ingest.ingest_setup import call, counted, make_metered_subscription, send
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import FEB
from tests.clean_books import clean_after_test
from tests.races import Pause, start, together, wait_until_blocked

clean_books = clean_after_test("subscriptions", "usage", "invoices")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]

LATER = FEB + timedelta(days=1)


@pytest.fixture
def january():
    person()
    subscription = make_metered_subscription()
    send(*(call(id_, timestamp="2026-01-05T00:00:00Z") for id_ in "abc"), at=FEB)
    return subscription


def billed():
    return [(billed_usage.events, billed_usage.quantity) for billed_usage in BilledUsage.objects.all()]


def close(subscription):
    return close_period(period_id=subscription.periods.order_by("starts_at").first().pk, at=LATER)


def test_a_close_waits_for_a_correction_in_progress_and_bills_its_result(january, monkeypatch):
    pause = Pause.before(monkeypatch, corrections, "add")
    correction = start(lambda: void("a", at=LATER))
    pause.await_arrival()
    closing = start(lambda: close(january))
    wait_until_blocked()
    pause.release()
    assert correction.result() == ["accepted"]
    closing.result()
    assert billed() == [(2, 2)]
    assert late(january) == []


def test_a_correction_waits_for_a_close_in_progress_and_is_late(january, monkeypatch):
    pause = Pause.before(monkeypatch, invoice_inputs, "read_counters")
    closing = start(lambda: close(january))
    pause.await_arrival()
    correction = start(lambda: void("a", at=LATER))
    wait_until_blocked()
    pause.release()
    closing.result()
    assert correction.result() == ["accepted"]
    assert billed() == [(3, 3)]
    assert late(january) == ["01"]


def test_two_concurrent_voids_void_an_event_once(january, monkeypatch):
    pause = Pause.before(monkeypatch, usage_correction, "sum_contributions")
    first = start(lambda: void("a"))
    pause.await_arrival()
    second = start(lambda: void("a"))
    wait_until_blocked()
    pause.release()
    assert [first.result(), second.result()] == [["accepted"], ["duplicate"]]
    assert counted()["calls/call/01"] == (2, 2)


def test_of_two_different_corrections_of_an_event_one_is_accepted(january):
    outcomes = together(lambda: void("a")[0], lambda: replace("a", call("new")))
    assert sorted(outcomes) == ["accepted", "conflict"]
    assert Correction.objects.count() == 1


def test_a_repeat_of_an_event_being_voided_does_not_count(january, monkeypatch):
    pause = Pause.before(monkeypatch, usage_correction, "sum_contributions")
    correction = start(lambda: void("a"))
    pause.await_arrival()
    assert send(call("a", timestamp="2026-01-05T00:00:00Z")) == ["duplicate"]
    pause.release()
    correction.result()
    assert counted()["calls/call/01"] == (2, 2)


def test_a_replacement_also_sent_as_usage_counts_once(january):
    new = call("new", timestamp="2026-01-06T00:00:00Z")
    replaced, sent = together(lambda: replace("a", new), lambda: send(new)[0])
    assert (replaced, sent) in [("accepted", "duplicate"), ("conflict", "accepted")]
    assert Event.objects.count() == 4
    assert counted()["calls/call/01"] == ((3, 3) if replaced == "accepted" else (4, 4))


def test_a_void_waits_for_reprocessing_in_progress_and_voids_its_usage(monkeypatch):
    person()
    send(call("a"))
    make_metered_subscription()
    pause = Pause.before(monkeypatch, unmatched_usage, "resolve")
    replaying = start(lambda: reprocess(at=NOW))
    pause.await_arrival()
    correction = start(lambda: void("a"))
    wait_until_blocked()
    pause.release()
    assert replaying.result().resolved == 1
    assert correction.result() == ["accepted"]
    assert counted() == {"calls/call/03": (0, 0)}


def test_concurrent_usage_and_corrections_keep_aggregate_states_exact():
    person()
    make_fully_metered_subscription()
    send(*(sample(f"a{n}", f"2026-03-0{1 + n}T00:00:00Z", n, user=f"u{n}") for n in range(6)))
    together(
        lambda: [void(f"a{n}") for n in range(0, 6, 2)],
        lambda: [replace(f"a{n}", sample(f"b{n}", "2026-02-05T00:00:00Z", 9)) for n in range(1, 6, 2)],
        lambda: [
            send(sample(f"c{n}", f"2026-03-0{1 + n}T12:00:00Z", n, user=f"u{n}", op="remove")) for n in range(6)
        ],
    )
    assert Correction.objects.count() == 6
