"""A cancellation shortens the running period, removes upcoming periods, and frees the features."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.closing import close_due
from billing.models import Subscription
from billing.subscriptions import CancellationRefused, cancel, end_finished, generate_periods
from billing.subscriptions.periods.boundaries import TICK
from billing.tasks import close_due_periods
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    covered_features,
    fee,
    make_customer,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    use,
)

pytestmark = pytest.mark.django_db

TENTH = datetime(2026, 1, 10, tzinfo=UTC)


@pytest.fixture
def subscription() -> Subscription:
    offers = [offer("api.calls", rates=[rate("0.05")])]
    return subscribe(make_customer(), publish(make_plan(fees=[fee("31")], offers=offers)))


def test_a_subscription_can_be_canceled_now(subscription: Subscription):
    canceled = cancel(subscription=subscription, at=TENTH, ends_at=TENTH)
    period = subscription.periods.get(kind="regular")
    assert (period.ends_at, period.due_at) == (TENTH, TENTH + timedelta(hours=1))
    assert period.revision == 2, "so that no process attributes usage by an old copy"
    assert (canceled.state, canceled.ends_at, canceled.canceled_at) == ("canceled", TENTH, TENTH)


def test_a_cancellation_now_is_after_usage_of_the_same_time(subscription: Subscription):
    event = {"id": "1", "customer": subscription.customer.external_id, "event": "api.calls"}
    send(event | {"timestamp": TENTH.isoformat()}, at=TENTH)
    assert cancel(subscription=subscription, at=TENTH, ends_at=TENTH).ends_at == TENTH + TICK


def test_the_default_end_is_that_of_the_running_period(subscription: Subscription):
    assert cancel(subscription=subscription, at=TENTH).ends_at == FEB
    assert subscription.periods.get(kind="regular").revision == 1


def test_upcoming_periods_are_removed(subscription: Subscription):
    generate_periods(until=APR)
    cancel(subscription=subscription, at=TENTH, ends_at=TENTH)
    assert subscription.periods.filter(kind="regular").count() == 1


def test_its_features_are_free_from_the_end_on(subscription: Subscription):
    cancel(subscription=subscription, at=TENTH, ends_at=TENTH)
    assert subscription.coverage.get().during.upper == TENTH
    resubscribed = subscribe(subscription.customer, subscription.version, starts_at=TENTH)
    assert covered_features(resubscribed) == ["api.calls"]


def test_canceled_before_its_start_it_has_no_periods():
    subscription = subscribe(make_customer(), publish(make_plan(fees=[fee("31")])), starts_at=FEB, at=JAN)
    canceled = cancel(subscription=subscription, at=TENTH)
    assert (subscription.periods.count(), subscription.coverage.count()) == (0, 0)
    assert canceled.ends_at == FEB


def test_it_has_ended_once_its_last_period_is_closed(subscription: Subscription):
    cancel(subscription=subscription, at=TENTH, ends_at=TENTH)
    close_due(at=TENTH)
    subscription.refresh_from_db()
    assert subscription.state == "canceled"
    close_due(at=TENTH + timedelta(hours=1))
    subscription.refresh_from_db()
    assert subscription.state == "ended"


def test_the_task_ends_subscriptions_that_a_killed_close_left(subscription: Subscription):
    cancel(subscription=subscription, at=TENTH, ends_at=TENTH)
    close_due(at=TENTH + timedelta(hours=1))
    Subscription.objects.update(state="canceled")
    assert (end_finished(at=MAR), end_finished(at=MAR)) == (1, 0)


def test_the_closing_task_ends_them_as_well(subscription: Subscription):
    cancel(subscription=subscription, at=TENTH, ends_at=TENTH)
    close_due(at=TENTH + timedelta(hours=1))
    Subscription.objects.update(state="canceled")
    close_due_periods()
    assert Subscription.objects.get().state == "ended"


def test_an_earlier_end_may_replace_a_later_one(subscription: Subscription):
    cancel(subscription=subscription, at=TENTH, ends_at=datetime(2026, 1, 20, tzinfo=UTC))
    assert cancel(subscription=subscription, at=TENTH, ends_at=TENTH).ends_at == TENTH


REFUSED = [
    (TENTH, JAN, "is in the past. Cancel"),
    (TENTH, datetime(2026, 1, 25, tzinfo=UTC), "already ends at"),
]


@pytest.mark.parametrize(("at", "ends_at", "words"), REFUSED)
def test_an_impossible_end_is_rejected(subscription: Subscription, at, ends_at, words: str):
    cancel(subscription=subscription, at=TENTH, ends_at=datetime(2026, 1, 20, tzinfo=UTC))
    with pytest.raises(CancellationRefused, match=words):
        cancel(subscription=subscription, at=at, ends_at=ends_at)


def test_an_ended_subscription_can_not_be_canceled(subscription: Subscription):
    cancel(subscription=subscription, at=TENTH, ends_at=TENTH)
    close_due(at=MAR)
    with pytest.raises(CancellationRefused, match="has already ended"):
        cancel(subscription=subscription, at=MAR)


def test_a_period_with_usage_is_never_removed(subscription: Subscription):
    generate_periods(until=MAR)
    use(subscription, "api.calls", 5, at=FEB + timedelta(minutes=1))
    with pytest.raises(CancellationRefused, match="Usage is recorded in the period from 2026-02-01"):
        cancel(subscription=subscription, at=FEB - timedelta(minutes=1), ends_at=FEB)
