"""The plan of one subscription changes at a future time: scheduled, listed, withdrawn, and applied when due."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.models import ScheduledChange, Subscription
from billing.subscriptions import ChangeRefused, generate_periods, revoke, schedule_change
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.mid_period_split import split_due_periods
from billing.subscriptions.plan_changes.rollouts import publish_for, roll_out
from plans.models import PlanVersion
from plans.publishing import publication
from plans.publishing.publication import PublishingRefused
from tests.builders import (
    FEB,
    JAN,
    MAR,
    fee,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
)
from tests.builders import subscribe as subscribed
from tests.clean_books import clean_after_test

clean_books = clean_after_test("subscriptions", "usage", "invoices")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def plan(code: str, amount: str = "10", **fields) -> PlanVersion:
    return make_plan(code, fees=[fee(amount)], offers=[offer("calls", rates=[rate("0.10")])], **fields)


@pytest.fixture
def pro(db) -> PlanVersion:
    return publish(plan("pro", "40"))


@pytest.fixture
def subscription(db) -> Subscription:
    return subscribed(make_customer(), publish(plan("starter")))


def pass_time(until: datetime) -> None:
    for at in (NOON, FEB, MAR):
        if at <= until:
            generate_periods(until=at + HOUR)
            split_due_periods(at=at)
            apply_due_changes(at=at)


def plans(subscription: Subscription) -> list[tuple[datetime, str]]:
    periods = subscription.periods.filter(kind="regular").order_by("starts_at")
    return list(periods.values_list("starts_at", "version__plan__code"))


@pytest.mark.parametrize(("moment", "moves_at"), [(None, FEB), (NOON, NOON), (FEB, FEB)])
def test_the_plan_changes_at_the_requested_time(subscription, pro, moment, moves_at):
    move = schedule_change(subscription=subscription, version=pro, at=JAN, moment=moment)
    assert (move.moment, move.rollout) == (moves_at, None)
    pass_time(MAR)
    assert plans(subscription) == [
        (JAN, "starter"),
        *((boundary, "pro") for boundary in (NOON, FEB, MAR) if boundary >= moves_at),
    ]
    assert ScheduledChange.objects.get().state == "done"


def test_the_change_can_be_revoked_before(subscription, pro):
    schedule_change(subscription=subscription, version=pro, at=JAN, moment=NOON)
    revoke(subscription_ids=[subscription.pk], at=JAN + HOUR)
    pass_time(FEB)
    assert plans(subscription) == [(JAN, "starter"), (FEB, "starter")]


def test_a_later_request_replaces_the_former(subscription, pro):
    schedule_change(subscription=subscription, version=pro, at=JAN, moment=NOON)
    schedule_change(subscription=subscription, version=pro, at=JAN)
    assert list(ScheduledChange.objects.order_by("pk").values_list("state", flat=True)) == ["revoked", "pending"]


def test_a_rollout_does_not_replace_a_requested_change(subscription, pro):
    schedule_change(subscription=subscription, version=pro, at=JAN)
    publish_for(version=plan("starter", "12"), audience="all", by=None, at=JAN, effective_from=FEB)
    roll_out(at=JAN)
    scheduled_change = ScheduledChange.objects.get(rollout__isnull=False)
    assert (scheduled_change.state, scheduled_change.problem) == (
        "refused",
        "A plan change scheduled by a user takes precedence.",
    )
    pass_time(FEB)
    assert plans(subscription)[-1] == (FEB, "pro")


def test_a_version_with_a_due_change_is_not_withdrawn(subscription):
    draft = plan("gold")
    publication.publish(version=draft, by=None, at=JAN, effective_from=NOON)
    draft.refresh_from_db()
    schedule_change(subscription=subscription, version=draft, at=JAN, moment=NOON)
    with pytest.raises(PublishingRefused, match="Only a version that is not in force yet"):
        publication.unschedule(version=draft, by=None, at=NOON)


def refused(**arguments) -> str:
    with pytest.raises(ChangeRefused) as caught:
        schedule_change(at=JAN, **arguments)
    assert not ScheduledChange.objects.exists()
    return str(caught.value)


def test_an_impossible_change_is_rejected_with_the_reason(subscription, pro):
    arguments = {"subscription": subscription, "version": pro}
    assert "is in the past" in refused(**arguments, moment=JAN)
    assert "not in force by then" in refused(**{**arguments, "version": plan("draft")})
    assert "already on Starter v1" in refused(**{**arguments, "version": subscription.version})
    euros = publish(make_plan("euros", fees=[fee("1", currency="EUR")]))
    assert "no prices in USD" in refused(**{**arguments, "version": euros})
    subscribed(subscription.customer, publish(make_plan("disk", offers=[offer("disk", rates=[rate("1")])])))
    both = publish(make_plan("both", offers=[offer("disk", rates=[rate("1")])]))
    assert "disk is included in the subscription" in refused(**{**arguments, "version": both})


def test_a_subscription_with_a_level_changes_at_the_periods_end(subscription):
    level = make_feature("disk", meter=make_meter("disk", aggregation="max", value_property="gb"))
    version = publish(make_plan("disk", offers=[offer(level, rates=[rate("1")])]))
    why = refused(subscription=subscription, version=version, moment=NOON)
    assert why.endswith("which a mid-period change would charge twice. It changes when its next period begins.")
    assert schedule_change(subscription=subscription, version=version, at=JAN).moment == FEB
