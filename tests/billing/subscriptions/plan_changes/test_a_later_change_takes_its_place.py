"""What is to come makes way for a later change as if it had never been; what has begun does not."""

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
    found = ScheduledChange.objects.select_related("version__plan").order_by("pk")
    return [(str(one.version), one.state) for one in found]


def for_all(version: PlanVersion, *, at: datetime, effective_from: datetime | None = None) -> None:
    publish_for(version=version, audience="all", by=None, at=at, effective_from=effective_from)
    roll_out(at=at)


def test_the_period_that_was_made_for_it_is_made_anew(subscription):
    schedule_change(subscription=subscription, version=publish(make("calls", plan="gold")), at=JAN)
    generate_periods(until=EVE + 2 * HOUR)
    assert versions(subscription)[-1] == (FEB, "Gold v1")
    other = publish(make("calls", plan="other"))
    schedule_change(subscription=subscription, version=other, at=EVE, moment=MID_FEBRUARY)
    assert versions(subscription) == [(JAN, "Pro v1"), (FEB, "Pro v1")]
    assert changes() == [("Gold v1", "revoked"), ("Other v1", "pending")]


def test_also_where_a_publication_takes_its_place(subscription):
    for_all(make("calls"), at=JAN, effective_from=FEB)
    generate_periods(until=EVE + 2 * HOUR)
    for_all(make("calls"), at=EVE, effective_from=MAR)
    assert versions(subscription) == [(JAN, "Pro v1"), (FEB, "Pro v1")]
    generate_periods(until=MAR + HOUR)
    assert versions(subscription)[2:] == [(MAR, "Pro v3")]


def test_one_whose_time_has_come_is_done_first_and_keeps_what_it_covers(subscription):
    for_all(make("calls", "storage"), at=JAN, effective_from=FEB)
    publish_due(at=FEB)
    generate_periods(until=FEB + 2 * HOUR)
    for_all(make("calls"), at=FEB + MINUTE)
    assert changes() == [("Pro v2", "done"), ("Pro v3", "pending")]
    during = subscription.coverage.get(feature__code="storage").during
    assert (during.lower, during.upper) == (FEB, MAR)


def test_one_that_is_split_already_is_waited_for(subscription):
    gold = publish(make("calls", "storage", plan="gold"))
    schedule_change(subscription=subscription, version=gold, at=JAN, moment=NOON)
    split_due_periods(at=NOON - MINUTE)
    with pytest.raises(ChangeRefused, match="Its change to Gold v1 has begun: wait until that is done"):
        schedule_change(subscription=subscription, version=publish(make("calls", plan="other")), at=NOON - MINUTE)
    assert changes() == [("Gold v1", "pending")]


def test_a_version_that_was_withdrawn_meanwhile_is_refused_in_words(subscription):
    stale = publish(make("calls", plan="gold"), at=JAN, effective_from=FEB)
    withdraw(version=PlanVersion.objects.get(pk=stale.pk), by=None, at=JAN)
    with pytest.raises(ChangeRefused, match="Gold v1 is not published any more: choose another version"):
        schedule_change(subscription=subscription, version=stale, at=JAN, moment=MAR)


def test_a_rollout_of_what_is_not_published_any_more_ends(subscription):
    draft = make("calls")
    Rollout.objects.create(version=draft, audience="all", published_at=JAN, effective_from=FEB)
    looks = iter([True] * 3 + [False])
    assert roll_out(at=JAN, should_continue=lambda: next(looks)) == 0
    assert next(looks), "it is not looked at again and again"
    Rollout.objects.update(state="withdrawn")


def test_the_task_moves_who_is_due_also_where_the_version_is_not_live_yet(subscription, monkeypatch):
    for_all(make("calls"), at=JAN, effective_from=FEB)
    generate_periods(until=FEB + HOUR)
    monkeypatch.setattr(tasks, "database_time", lambda: FEB)
    assert tasks.run_rollouts()["moved"] == 1
