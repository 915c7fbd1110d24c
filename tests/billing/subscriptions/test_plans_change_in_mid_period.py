"""A plan change splits the running period: the old version rates earlier usage, the new one later usage."""

from datetime import timedelta

import pytest

from billing.models import Coverage, Period
from billing.subscriptions import (
    ChangeRefused,
    FeatureAlreadyPriced,
    SubscriptionRefused,
    cancel,
    change_plan,
    generate_periods,
)
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
    JAN,
    MAR,
    covered_features,
    make_customer,
    make_feature,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    use,
)

pytestmark = pytest.mark.django_db

DAY_10 = JAN + timedelta(days=10)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)


def calls(included, price="0.01"):
    return offer("calls", included=included, rates=[rate(price)])


@pytest.fixture
def starter():
    return publish(make_plan("starter", offers=[calls(50), offer(make_feature("exports", kind="boolean"))]))


@pytest.fixture
def pro():
    return publish(make_plan("pro", offers=[calls(200), offer("seats", included=5, consumption="hard_cap")]))


@pytest.fixture
def subscription(starter):
    return subscribe(make_customer("acme"), starter)


def parts(subscription):
    periods = subscription.periods.filter(kind="regular").order_by("starts_at")
    return [(period.version.plan.code, period.starts_at, period.ends_at) for period in periods]


def call(id_, moment):
    return {"id": id_, "customer": "acme", "event": "calls", "timestamp": moment.isoformat()}


def test_it_splits_the_running_period(subscription, pro):
    part = change_plan(subscription=subscription, version=pro, at=DAY_10)
    assert parts(subscription) == [("starter", JAN, DAY_10), ("pro", DAY_10, FEB)]
    assert Period.objects.get(pk=part.continues_id).due_at == DAY_10 + HOUR
    assert part.due_at == FEB + HOUR
    subscription.refresh_from_db()
    assert subscription.version == pro


def test_the_following_periods_are_of_the_new_version(subscription, pro):
    change_plan(subscription=subscription, version=pro, at=DAY_10)
    generate_periods(until=FEB + HOUR)
    assert parts(subscription)[-1] == ("pro", FEB, MAR)


def test_a_plan_can_change_twice_in_a_period(subscription, starter, pro):
    change_plan(subscription=subscription, version=pro, at=DAY_10)
    change_plan(subscription=subscription, version=starter, at=DAY_10 + HOUR)
    assert parts(subscription) == [
        ("starter", JAN, DAY_10),
        ("pro", DAY_10, DAY_10 + HOUR),
        ("starter", DAY_10 + HOUR, FEB),
    ]


def test_a_new_interval_starts_at_the_change_and_ends_at_the_anchor(subscription):
    yearly = publish(make_plan("yearly", offers=[calls(5000)], interval="year"))
    part = change_plan(subscription=subscription, version=yearly, at=DAY_10)
    assert (part.starts_at, part.ends_at) == (DAY_10, JAN.replace(year=2027))


def test_features_are_covered_without_a_gap(subscription, pro):
    assert covered_features(subscription) == ["calls", "exports"]
    change_plan(subscription=subscription, version=pro, at=DAY_10)
    during_by_feature = {
        coverage.feature.code: coverage.during for coverage in Coverage.objects.filter(subscription=subscription)
    }
    assert {code: (during.lower, during.upper) for code, during in during_by_feature.items()} == {
        "calls": (JAN, None),
        "exports": (JAN, DAY_10),
        "seats": (DAY_10, None),
    }


def test_usage_on_either_side_counts_there(subscription, pro):
    send(call("before", DAY_10 - TICK), at=DAY_10)
    change_plan(subscription=subscription, version=pro, at=DAY_10)
    send(call("late", DAY_10 - TICK), call("after", DAY_10), at=DAY_10)
    counted = subscription.periods.order_by("starts_at").values_list(
        "version__plan__code", "counters__events", "counters__plan_feature__version__plan__code"
    )
    assert list(counted) == [("starter", 2, "starter"), ("pro", 1, "pro")]


def test_a_change_now_is_after_the_last_recorded_usage(subscription, pro):
    """Clocks differ: usage can have a time slightly in the future."""
    send(call("ahead", DAY_10 + HOUR / 2), at=DAY_10)
    part = change_plan(subscription=subscription, version=pro, at=DAY_10)
    assert part.starts_at == DAY_10 + HOUR / 2 + TICK


def test_both_parts_have_a_duration(subscription, pro):
    part = change_plan(subscription=subscription, version=pro, at=JAN)
    assert part.starts_at == JAN + TICK


def refused(**arguments):
    with pytest.raises(ChangeRefused) as caught:
        change_plan(**arguments)
    return str(caught.value)


def test_a_chosen_time_must_be_after_all_usage(subscription, pro):
    send(call("ahead", DAY_10 + HOUR / 2), at=DAY_10)
    why = refused(subscription=subscription, version=pro, at=DAY_10, moment=DAY_10 + TICK)
    assert why.startswith("Usage is recorded until 2026-01-11 00:30:00 UTC. Choose a time after it")
    assert parts(subscription) == [("starter", JAN, FEB)]


def test_an_invalid_cost_is_rejected(subscription, starter, pro):
    arguments = {"subscription": subscription, "version": pro, "at": DAY_10}
    assert "already on Starter v1" in refused(**{**arguments, "version": starter})
    assert "is in the past" in refused(**arguments, moment=DAY_10 - TICK)
    assert "too far ahead" in refused(**arguments, moment=DAY_10 + 3 * HOUR)
    assert "no open period" in refused(**{**arguments, "at": MAR})
    cancel(subscription=subscription, at=DAY_10)
    assert "is canceled" in refused(**arguments)


def test_the_version_must_be_published_and_priced_in_its_currency(subscription, pro):
    draft = make_plan("draft", offers=[calls(1)])
    euros = publish(make_plan("euros", offers=[offer("calls", rates=[rate("1")], currency="EUR")]))
    for version, why in ((draft, "Only a published version"), (euros, "no prices in USD")):
        with pytest.raises(SubscriptionRefused, match=why):
            change_plan(subscription=subscription, version=version, at=DAY_10)
    assert parts(subscription) == [("starter", JAN, FEB)]


def test_a_feature_of_another_subscription_is_rejected(subscription, pro):
    other = publish(make_plan("seats", offers=[offer("seats", included=1, consumption="hard_cap")]))
    subscribe(subscription.customer, other)
    with pytest.raises(FeatureAlreadyPriced):
        change_plan(subscription=subscription, version=pro, at=DAY_10)
    assert covered_features(subscription) == ["calls", "exports"]


def test_earlier_usage_is_never_lost(subscription, pro):
    use(subscription, "calls", 30, at=JAN)
    change_plan(subscription=subscription, version=pro, at=DAY_10)
    assert subscription.periods.get(starts_at=JAN).counters.get().quantity == 30
