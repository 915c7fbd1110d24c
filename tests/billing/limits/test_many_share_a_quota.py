"""Many clients share a quota: their reservations, commits and checked reports never exceed it together."""

from decimal import Decimal

import pytest

from billing.limits.check import check
from billing.limits.reservations import commit, reserve
from billing.limits.reservations.admission import report_usage
from billing.limits.reservations.errors import LimitReached
from billing.metering.ingest import event_recorder
from billing.metering.ingest.parser import MAX_AGE, MAX_AHEAD, parse_events
from billing.models import Reservation, UsageBucket
from tests.billing.limits.reservations.reservation_setup import MINUTE, NOW
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe
from tests.clean_books import clean_after_test
from tests.races import Pause, start, together, wait_until_blocked

clean_books = clean_after_test("limits", "usage")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]

D = Decimal
QUOTA = {"kind": "quota", "window_unit": "hour", "most": D(20)}


def limited_customer(**limit):
    messages = offer("messages", rates=[rate("0")], limits=[QUOTA | limit])
    subscribe(make_customer("acme"), publish(make_plan(offers=[messages])))


def or_none_at_the_limit(action):
    try:
        return action()
    except LimitReached:
        return None


def reserve_and_commit(number):
    def act():
        arguments = {"customer": "acme", "feature": "messages", "quantity": D(1), "sandbox": False, "at": NOW}
        reservation = or_none_at_the_limit(lambda: reserve(**arguments, reference=f"run-{number}", duration=MINUTE))
        return reservation and number % 2 and commit(reservation_id=reservation[0].pk, at=NOW)

    return act


def report(number):
    body = b'{"id":"r-%d","customer":"acme","event":"messages","timestamp":"%s"}' % (number, NOW.isoformat().encode())
    events, _, _ = parse_events(body, sandbox=False, at=NOW, oldest=NOW - MAX_AGE, newest=NOW + MAX_AHEAD)
    return lambda: or_none_at_the_limit(lambda: report_usage(events=events, sandbox=False, at=NOW))


@pytest.mark.parametrize("window_start", ["sliding", "first_use"])
def test_reservations_and_checked_reports_never_exceed_the_quota_together(window_start):
    limited_customer(window_start=window_start)

    together(*[reserve_and_commit(number) for number in range(20)], *[report(number) for number in range(20)])

    used = sum(UsageBucket.objects.filter(is_window=window_start == "first_use").values_list("quantity", flat=True))
    held = Reservation.objects.filter(state="open").count()
    assert used + held == 20


def test_a_use_waits_for_the_window_that_another_batch_opens(monkeypatch):
    meter = make_meter("messages", dimensions=["model"])
    rates = [rate("0", match={"model": model}) for model in ("a", "b")]  # of different counters
    quota = QUOTA | {"window_start": "first_use"}
    messages = offer(make_feature("messages", meter=meter), rates=rates, limits=[quota])
    subscribe(make_customer("acme"), publish(make_plan(offers=[messages])))

    def use(model, at):
        event = {"id": model, "customer": "acme", "event": "messages", "timestamp": at.isoformat()}
        return lambda: send({**event, "properties": {"model": model}}, at=NOW)

    pause = Pause.before(monkeypatch, event_recorder, "draw_down")
    first = start(use("a", NOW - MINUTE))
    pause.await_arrival()
    second = start(use("b", NOW))
    wait_until_blocked()
    pause.release()
    first.result()
    second.result()

    assert list(UsageBucket.objects.values_list("starts_at", "events")) == [(NOW - MINUTE, 2)]


def test_check_and_reserve_give_the_same_wait_beyond_a_throttle():
    messages = offer("messages", rates=[rate("0")], limits=[{"kind": "throttle", "most": D(2)}])
    subscribe(make_customer("acme"), publish(make_plan(offers=[messages])))
    arguments = {"customer": "acme", "feature": "messages", "quantity": D(1), "sandbox": False, "at": NOW}
    for number in range(4):
        expected = check(**arguments).retry_after
        _, answer = reserve(**arguments, reference=f"run-{number}", duration=MINUTE)
        assert answer.retry_after == expected == (0 if number < 2 else 61)
