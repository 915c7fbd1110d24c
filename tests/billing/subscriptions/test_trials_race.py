"""The end of a trial, usage and period generation lock the same rows: each event is on one side, without a gap."""

from datetime import timedelta

import pytest

from billing.metering.store import events as event_store
from billing.models import Counter
from billing.subscriptions import end_trial, extend_trial, generate_periods
from billing.subscriptions.lifecycle import trials
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import JAN, fee, make_customer, make_plan, offer, publish, rate, subscribe
from tests.clean_books import clean_after_test
from tests.races import Pause, start, wait_until_blocked

clean_books = clean_after_test("subscriptions", "usage")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAY_10 = JAN + 10 * DAY
AHEAD = DAY_10 + timedelta(minutes=30)
TRIAL_END = JAN + 14 * DAY


@pytest.fixture
def subscription(transactional_db):
    offers = [offer("calls", rates=[rate("0.01")])]
    version = publish(make_plan(fees=[fee("31")], offers=offers, anchor="anniversary", trial_days=14))
    return subscribe(make_customer("acme"), version)


def call(moment=AHEAD):
    """Send an event with a clock that is half an hour ahead."""
    return send({"id": f"{moment}", "customer": "acme", "event": "calls", "timestamp": moment.isoformat()}, at=DAY_10)


def test_the_trials_end_waits_for_usage_in_progress_and_is_after_it(subscription, monkeypatch):
    pause = Pause.before(monkeypatch, event_store, "append")
    ingest = start(call)
    pause.await_arrival()
    ending = start(lambda: end_trial(subscription=subscription, at=DAY_10))
    wait_until_blocked()
    pause.release()
    assert ingest.result() == ["accepted"]
    assert ending.result().ends_at == AHEAD + timedelta(microseconds=1)
    assert Counter.objects.get().period.is_trial


def test_usage_waits_for_the_trials_end_in_progress_and_is_billed(subscription, monkeypatch):
    call(JAN + DAY)
    pause = Pause.before(monkeypatch, trials, "shorten_periods")
    ending = start(lambda: end_trial(subscription=subscription, at=DAY_10))
    pause.await_arrival()
    ingest = start(call)
    wait_until_blocked()
    pause.release()
    assert ending.result().ends_at == DAY_10
    assert ingest.result() == ["accepted"]
    assert sorted(Counter.objects.values_list("period__is_trial", flat=True)) == [False, True]


def test_a_period_created_meanwhile_starts_at_the_later_end(subscription, monkeypatch):
    pause = Pause.before(monkeypatch, trials, "shorten_periods")
    extension = start(lambda: extend_trial(subscription=subscription, ends_at=TRIAL_END + HOUR, at=TRIAL_END - HOUR))
    pause.await_arrival()
    making = start(lambda: generate_periods(until=TRIAL_END + HOUR + DAY))
    wait_until_blocked()
    pause.release()
    assert extension.result().ends_at == TRIAL_END + HOUR
    making.result()
    assert [period.starts_at for period in subscription.periods.order_by("starts_at")] == [JAN, TRIAL_END + HOUR]
