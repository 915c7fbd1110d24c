"""A plan change by hand takes precedence over a rollout."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.models import ScheduledChange, Subscription
from billing.subscriptions import ChangeRefused, change_plan, generate_periods
from billing.subscriptions.plan_changes.rollouts import publish_for, roll_out
from plans.models import PlanVersion
from plans.publishing.publication import publish_due
from tests.builders import FEB, MAR, fee, make_customer, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db

TENTH = datetime(2026, 1, 10, tzinfo=UTC)
EVE = FEB - timedelta(hours=1)


def make(*features: str, plan: str = "pro") -> PlanVersion:
    return make_plan(plan, fees=[fee("10")], offers=[offer(code, rates=[rate("1")]) for code in features])


@pytest.fixture
def subscription() -> Subscription:
    subscription = subscribe(make_customer(), publish(make("calls", "exports")))
    publish_for(version=make("calls", "storage"), audience="all", by=None, at=TENTH, effective_from=FEB)
    roll_out(at=TENTH)
    return subscription


def versions(subscription: Subscription) -> list[str]:
    periods = subscription.periods.filter(kind="regular").order_by("starts_at")
    return [str(period.version) for period in periods]


def test_an_upcoming_rollout_is_revoked(subscription):
    other = publish(make("calls", plan="other"))
    generate_periods(until=EVE + timedelta(hours=2))
    change_plan(subscription=subscription, version=other, at=EVE)
    assert ScheduledChange.objects.get().problem == "It changes to Other v1 instead."
    ends = {
        coverage.feature.code: coverage.during.upper for coverage in subscription.coverage.select_related("feature")
    }
    assert ends == {"calls": None, "exports": EVE}


def test_a_due_rollout_is_applied_first(subscription):
    publish_due(at=FEB)
    generate_periods(until=MAR)
    change_plan(subscription=subscription, version=publish(make("calls", plan="other")), at=FEB + timedelta(days=3))
    assert ScheduledChange.objects.get().state == "done"
    assert versions(subscription) == ["Pro v1", "Pro v2", "Other v1"]


def test_coverage_that_would_be_restored_can_prevent_the_change(subscription):
    subscribe(subscription.customer, publish(make("exports", plan="disk")), starts_at=FEB, at=TENTH)
    other = publish(make("calls", plan="other"))
    with pytest.raises(ChangeRefused, match=r"Another subscription covers features that .* gives up"):
        change_plan(subscription=subscription, version=other, at=TENTH)
    assert ScheduledChange.objects.get().state == "pending"
