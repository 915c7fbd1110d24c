"""An upcoming change is replaced by a later one without a trace; a change that has started is not."""

from datetime import UTC, datetime, timedelta

import pytest

from billing import tasks
from billing.models import Rollout, ScheduledChange, Subscription
from billing.subscriptions import ChangeRefused, generate_periods, schedule_change
from billing.subscriptions.plan_changes.mid_period_split import split_due_periods
from billing.subscriptions.plan_changes.rollouts import publish_for, roll_out, withdraw
from plans.models import PlanVersion
from plans.publishing.publication import publish_due
from tests.builders import FEB, JAN, MAR, fee, make_customer, make_plan, offer, publish, rate, subscribe
from tests.clean_books import clean_after_test
from tests.deadlines import ScriptedDeadline

clean_books = clean_after_test("subscriptions")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
MID_FEBRUARY = datetime(2026, 2, 14, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
EVE = FEB - HOUR


def make(*features: str, plan: str = "pro") -> PlanVersion:
    return make_plan(plan, fees=[fee("10")], offers=[offer(code, rates=[rate("1")]) for code in features])


@pytest.fixture
def subscription() -> Subscription:
    return subscribe(make_customer(), publish(make("calls")))


def versions(subscription: Subscription) -> list[tuple[datetime, str]]:
    periods = subscription.periods.filter(kind="regular").select_related("version__plan").order_by("starts_at")
    return [(period.starts_at, str(period.version)) for period in periods]


def changes() -> list[tuple[str, str]]:
    scheduled_changes = ScheduledChange.objects.select_related("version__plan").order_by("pk")
    return [(str(change.version), change.state) for change in scheduled_changes]


def publish_to_all(version: PlanVersion, *, at: datetime, effective_from: datetime | None = None) -> None:
    publish_for(version=version, audience="all", by=None, at=at, effective_from=effective_from)
    roll_out(at=at)


def test_a_period_created_for_the_replaced_change_is_created_again(subscription):
    schedule_change(subscription=subscription, version=publish(make("calls", plan="gold")), at=JAN)
    generate_periods(until=EVE + 2 * HOUR)
    assert versions(subscription)[-1] == (FEB, "Gold v1")
    other = publish(make("calls", plan="other"))
    schedule_change(subscription=subscription, version=other, at=EVE, moment=MID_FEBRUARY)
    assert versions(subscription) == [(JAN, "Pro v1"), (FEB, "Pro v1")]
    assert changes() == [("Gold v1", "revoked"), ("Other v1", "pending")]


def test_a_publication_replaces_an_upcoming_change_as_well(subscription):
    publish_to_all(make("calls"), at=JAN, effective_from=FEB)
    generate_periods(until=EVE + 2 * HOUR)
    publish_to_all(make("calls"), at=EVE, effective_from=MAR)
    assert versions(subscription) == [(JAN, "Pro v1"), (FEB, "Pro v1")]
    generate_periods(until=MAR + HOUR)
    assert versions(subscription)[2:] == [(MAR, "Pro v3")]


def test_a_due_change_is_applied_first_and_keeps_its_coverage(subscription):
    publish_to_all(make("calls", "storage"), at=JAN, effective_from=FEB)
    publish_due(at=FEB)
    generate_periods(until=FEB + 2 * HOUR)
    publish_to_all(make("calls"), at=FEB + MINUTE)
    assert changes() == [("Pro v2", "done"), ("Pro v3", "pending")]
    during = subscription.coverage.get(feature__code="storage").during
    assert (during.lower, during.upper) == (FEB, MAR)


def test_a_change_whose_period_is_split_is_not_replaced(subscription):
    gold = publish(make("calls", "storage", plan="gold"))
    schedule_change(subscription=subscription, version=gold, at=JAN, moment=NOON)
    split_due_periods(at=NOON - MINUTE)
    with pytest.raises(ChangeRefused, match=r"Its change to Gold v1 has started. Wait until it is complete"):
        schedule_change(subscription=subscription, version=publish(make("calls", plan="other")), at=NOON - MINUTE)
    assert changes() == [("Gold v1", "pending")]


def test_a_version_withdrawn_meanwhile_is_rejected(subscription):
    stale = publish(make("calls", plan="gold"), at=JAN, effective_from=FEB)
    withdraw(version=PlanVersion.objects.get(pk=stale.pk), by=None, at=JAN)
    with pytest.raises(ChangeRefused, match="Gold v1 is no longer published"):
        schedule_change(subscription=subscription, version=stale, at=JAN, moment=MAR)


def test_a_rollout_of_a_version_no_longer_published_ends(subscription):
    draft = make("calls")
    Rollout.objects.create(version=draft, audience="all", published_at=JAN, effective_from=FEB)
    answers = iter([True] * 3 + [False])
    assert roll_out(at=JAN, deadline=ScriptedDeadline(answers.__next__)) == 0
    assert next(answers), "it is not looked at again and again"
    Rollout.objects.update(state="withdrawn")


def test_the_task_changes_due_subscriptions_before_the_version_is_live(subscription, monkeypatch):
    publish_to_all(make("calls"), at=JAN, effective_from=FEB)
    generate_periods(until=FEB + HOUR)
    monkeypatch.setattr("lib.task_clock.database_time", lambda: FEB)
    assert tasks.run_rollouts()["moved"] == 1
