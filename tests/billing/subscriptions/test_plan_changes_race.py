"""A plan change and usage lock the period being split: every event is on one side, and on the right one."""

from datetime import timedelta

import pytest

from billing.metering.store import events as event_store
from billing.models import Counter
from billing.subscriptions import change_plan
from billing.subscriptions.plan_changes import plan_change
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import JAN, make_customer, make_plan, offer, publish, rate, subscribe
from tests.clean_books import clean_after_test
from tests.races import Pause, start, wait_until_blocked

clean_books = clean_after_test("subscriptions", "usage", "invoices")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]

DAY_10 = JAN + timedelta(days=10)
AHEAD = DAY_10 + timedelta(minutes=30)


@pytest.fixture
def plans(transactional_db):
    return [publish(make_plan(name, offers=[offer("calls", rates=[rate("0.01")])])) for name in ("starter", "pro")]


@pytest.fixture
def subscription(plans):
    return subscribe(make_customer("acme"), plans[0])


def call():
    """Send an event with a clock that is half an hour ahead."""
    return send({"id": "a", "customer": "acme", "event": "calls", "timestamp": AHEAD.isoformat()}, at=DAY_10)


def counted_by():
    return [counter.plan_feature.version.plan.code for counter in Counter.objects.filter(events=1)]


def test_a_change_waits_for_usage_in_progress_and_starts_after_it(plans, subscription, monkeypatch):
    pause = Pause.before(monkeypatch, event_store, "append")
    ingest = start(call)
    pause.await_arrival()
    change = start(lambda: change_plan(subscription=subscription, version=plans[1], at=DAY_10))
    wait_until_blocked()
    pause.release()
    assert ingest.result() == ["accepted"]
    assert change.result().starts_at == AHEAD + timedelta(microseconds=1)
    assert counted_by() == ["starter"]


def test_usage_waits_for_a_change_in_progress_and_is_in_the_new_part(plans, subscription, monkeypatch):
    send({"id": "z", "customer": "acme", "event": "calls", "timestamp": JAN.isoformat()}, at=DAY_10)
    pause = Pause.before(monkeypatch, plan_change, "shorten_periods")
    change = start(lambda: change_plan(subscription=subscription, version=plans[1], at=DAY_10))
    pause.await_arrival()
    ingest = start(call)
    wait_until_blocked()
    pause.release()
    assert change.result().starts_at == DAY_10
    assert ingest.result() == ["accepted"]
    assert sorted(counted_by()) == ["pro", "starter"]
