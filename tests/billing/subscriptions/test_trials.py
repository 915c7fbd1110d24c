"""A trial starts with its subscription, lasts as its version or the agreement says, and is granted once per plan."""

from datetime import UTC, datetime, timedelta

import pytest

from billing import tasks
from billing.models import Period
from billing.subscriptions import SubscriptionRefused, generate_periods
from billing.subscriptions.lifecycle.trials import complete_trials
from tests.builders import FEB, JAN, MAR, fee, make_customer, make_plan, publish, subscribe
from tests.races import together

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
TWO_WEEKS = JAN + timedelta(days=14)


def trial_plan(code="", days=14, **fields):
    return publish(make_plan(code, fees=[fee("31")], trial_days=days, **{"anchor": "anniversary", **fields}))


def periods_of(subscription):
    periods = subscription.periods.order_by("starts_at")
    return [(period.kind, period.is_trial, period.starts_at, period.ends_at) for period in periods]


def test_a_trial_is_a_period_in_place_of_the_opening_period():
    subscription = subscribe(make_customer(), trial_plan())
    assert periods_of(subscription) == [("regular", True, JAN, TWO_WEEKS)]
    assert (subscription.state, subscription.trial_ends_at) == ("trialing", TWO_WEEKS)


def test_periods_count_from_the_trials_end():
    subscription = subscribe(make_customer(), trial_plan())
    generate_periods(until=FEB)
    assert subscription.anchor_at == TWO_WEEKS
    assert periods_of(subscription)[1:] == [("regular", False, TWO_WEEKS, datetime(2026, 2, 15, tzinfo=UTC))]


def test_an_agreed_anchor_is_kept():
    subscription = subscribe(make_customer(), trial_plan(), anchor_at=JAN)
    generate_periods(until=FEB)
    assert periods_of(subscription)[1:] == [("regular", False, TWO_WEEKS, FEB)]


def test_a_trial_ends_at_the_local_time_of_day_of_its_start():
    berlin = make_customer(time_zone="Europe/Berlin")
    start = datetime(2026, 3, 20, 9, tzinfo=UTC)
    subscription = subscribe(berlin, trial_plan(), starts_at=start)
    assert subscription.trial_ends_at == datetime(2026, 4, 3, 8, tzinfo=UTC), "10:00 in Berlin, summer by then"


CASES = [
    # version's days, agreed days, days, why
    (14, None, 14, "as the version says"),
    (14, 30, 30, "a longer one was agreed"),
    (14, 0, None, "none was agreed"),
    (0, None, None, "the version has none"),
    (0, 7, 7, "one was agreed all the same"),
]


@pytest.mark.parametrize(("days", "agreed", "lasts", "why"), CASES)
def test_a_trial_lasts_as_agreed_or_as_its_version_says(days, agreed, lasts, why):
    subscription = subscribe(make_customer(), trial_plan(days=days), trial_days=agreed)
    assert subscription.trial_ends_at == (lasts and JAN + timedelta(days=lasts)), why


@pytest.mark.parametrize("days", [-1, 731])
def test_a_trial_lasts_two_years_at_most(days):
    with pytest.raises(SubscriptionRefused, match=f"0 to 730 days, not {days}"):
        subscribe(make_customer(), trial_plan(), trial_days=days)


def test_a_customer_has_one_trial_per_plan_unless_another_is_agreed():
    customer, pro = make_customer(), trial_plan("pro")
    subscribe(customer, pro)
    assert subscribe(customer, trial_plan("other")).trial_ends_at == TWO_WEEKS
    assert subscribe(customer, pro).trial_ends_at is None
    assert subscribe(customer, pro, trial_days=3).trial_ends_at == JAN + timedelta(days=3)
    assert subscribe(make_customer(), pro).trial_ends_at == TWO_WEEKS


def test_a_subscription_that_ends_within_its_trial_has_no_later_period():
    ends_at = JAN + timedelta(days=5)
    subscription = subscribe(make_customer(), trial_plan(), ends_at=ends_at)
    generate_periods(until=MAR)
    assert periods_of(subscription) == [("regular", True, JAN, ends_at)]


def test_a_subscription_whose_trial_is_over_is_active():
    subscription = subscribe(make_customer(), trial_plan(), at=FEB)
    assert subscription.state == "active"
    assert [period.is_trial for period in subscription.periods.order_by("starts_at")] == [True, False]


def test_a_future_trial_waits_for_its_start():
    subscription = subscribe(make_customer(), trial_plan(), starts_at=FEB, at=JAN)
    assert (subscription.state, subscription.trial_ends_at) == ("trialing", FEB + timedelta(days=14))


def test_the_state_changes_when_the_trial_ends():
    subscription = subscribe(make_customer(), trial_plan())
    assert complete_trials(at=TWO_WEEKS - HOUR) == 0
    assert (complete_trials(at=TWO_WEEKS), complete_trials(at=TWO_WEEKS)) == (1, 0)
    subscription.refresh_from_db()
    assert subscription.state == "active"


def test_the_period_generation_task_changes_the_state():
    subscription = subscribe(make_customer(), trial_plan())
    tasks.generate_periods()
    subscription.refresh_from_db()
    assert subscription.state == "active"


def test_periods_do_not_wait_for_the_state():
    subscribe(make_customer(), trial_plan())
    generate_periods(until=MAR)
    assert Period.objects.filter(is_trial=False).count() == 2


@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_complete_each_trial_once():
    version = trial_plan()
    for _ in range(6):
        subscribe(make_customer(), version)
    assert sum(together(*[lambda: complete_trials(at=FEB, limit=2) for _ in range(3)])) == 6
