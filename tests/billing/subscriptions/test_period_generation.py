"""New periods are created in time, once, and only while the subscription runs."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.models import Period
from billing.subscriptions import cancel, generate_customer_periods, generate_periods
from billing.subscriptions.lifecycle import cancellation as cancellation_module
from billing.subscriptions.periods import generation
from plans.models import PlanVersion
from tests.builders import APR, FEB, JAN, MAR, make_customer, make_plan, offer, publish, rate, subscribe
from tests.races import Pause, start, together, wait_until_blocked


def plan() -> PlanVersion:
    return publish(make_plan("starter", offers=[offer("api.calls", rates=[rate("0.05")])]))


@pytest.mark.django_db
def test_periods_are_created_up_to_the_requested_time():
    subscription = subscribe(make_customer(), plan())
    assert generate_periods(until=MAR) == 1, "March begins at the moment, so it is not needed yet"
    assert generate_periods(until=MAR + timedelta(seconds=1)) == 1
    assert [period.starts_at for period in subscription.periods.order_by("starts_at")] == [JAN, FEB, MAR]


@pytest.mark.django_db
def test_generating_periods_again_adds_nothing():
    subscribe(make_customer(), plan())
    assert (generate_periods(until=APR), generate_periods(until=APR)) == (2, 0)


@pytest.mark.django_db
def test_a_subscription_that_ends_gets_periods_up_to_its_end():
    ends_at = datetime(2026, 3, 10, tzinfo=UTC)
    subscription = subscribe(make_customer(), plan())
    cancel(subscription=subscription, at=JAN, ends_at=ends_at)
    generate_periods(until=datetime(2026, 12, 1, tzinfo=UTC))
    assert subscription.periods.order_by("starts_at").last().ends_at == ends_at


@pytest.mark.django_db
def test_periods_are_created_only_for_the_requested_customers():
    version = plan()
    subscription, other = (subscribe(make_customer(), version) for _ in range(2))
    assert generate_customer_periods(customer_ids=[subscription.customer_id], until=MAR) == 1
    assert (subscription.periods.count(), other.periods.count()) == (2, 1)


@pytest.mark.django_db
def test_periods_keep_the_subscribed_version():
    version = plan()
    subscription = subscribe(make_customer(), version)
    publish(make_plan("starter", offers=[offer("api.calls", rates=[rate("0.10")])]), at=FEB)
    generate_periods(until=APR)
    assert {period.version_id for period in subscription.periods.all()} == {version.pk}


@pytest.mark.django_db
def test_all_subscriptions_are_processed_in_chunks():
    version = plan()
    for _ in range(5):
        subscribe(make_customer(), version)
    assert generate_periods(until=MAR, batch_size=2) == 5


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 7])
def test_a_chunk_takes_the_same_queries_whatever_its_size(count: int, django_assert_num_queries):
    version = plan()
    for _ in range(count):
        subscribe(make_customer(), version)
    generate_periods(until=FEB)  # fills the cache of terms
    with django_assert_num_queries(9):
        generate_periods(until=MAR)


@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_add_each_period_once():
    version = plan()
    for _ in range(20):
        subscribe(make_customer(), version)
    added = together(*[lambda: generate_periods(until=APR, batch_size=7) for _ in range(4)])
    assert sum(added) == 40
    assert Period.objects.count() == 60


@pytest.mark.django_db(transaction=True)
def test_no_period_outlasts_a_concurrent_cancellation():
    version = plan()
    subscriptions = [subscribe(make_customer(), version) for _ in range(10)]

    def cancel_all() -> None:
        for subscription in subscriptions:
            cancel(subscription=subscription, at=JAN + timedelta(days=1), ends_at=JAN + timedelta(days=2))

    together(cancel_all, *[lambda: generate_periods(until=APR, batch_size=3) for _ in range(3)])
    assert {period.ends_at for period in Period.objects.all()} == {JAN + timedelta(days=2)}


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_waits_for_period_generation_and_removes_its_periods(monkeypatch):
    subscription = subscribe(make_customer(), plan())
    pause = Pause.before(monkeypatch, generation, "insert_periods")
    extension = start(lambda: generate_periods(until=APR))
    pause.await_arrival()
    cancellation = start(lambda: cancel(subscription=subscription, at=JAN, ends_at=FEB))
    wait_until_blocked()
    pause.release()
    assert extension.result() == 2
    assert cancellation.result().ends_at == FEB
    assert [period.ends_at for period in Period.objects.all()] == [FEB]


@pytest.mark.django_db(transaction=True)
def test_period_generation_waits_for_a_cancellation_and_adds_nothing(monkeypatch):
    subscription = subscribe(make_customer(), plan())
    pause = Pause.before(monkeypatch, cancellation_module, "end_coverage")
    cancellation = start(lambda: cancel(subscription=subscription, at=JAN, ends_at=FEB))
    pause.await_arrival()
    extension = start(lambda: generate_periods(until=APR))
    wait_until_blocked()
    pause.release()
    assert cancellation.result().ends_at == FEB
    assert extension.result() == 0
    assert [period.ends_at for period in Period.objects.all()] == [FEB]
