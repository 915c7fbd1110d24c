"""An upcoming change can be revoked: for one subscription, for all, or because another change replaces it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from billing.models import Rollout, ScheduledChange, Subscription
from billing.subscriptions import cancel, generate_periods
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.revocation import RevocationRefused, revoke
from billing.subscriptions.plan_changes.rollouts import publish_for, roll_out, withdraw
from plans.models import PlanVersion
from plans.publishing.publication import PublishingRefused, publish_due, unschedule
from tests.builders import FEB, JAN, MAR, fee, make_customer, make_plan, offer, publish, rate, subscribe
from tests.clean_books import clean_after_test

clean_books = clean_after_test("subscriptions")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

TENTH = datetime(2026, 1, 10, tzinfo=UTC)
EVE = FEB - timedelta(hours=1)


def make(*features: str, amount: str = "10", plan: str = "pro") -> PlanVersion:
    return make_plan(plan, fees=[fee(amount)], offers=[offer(code, rates=[rate("1")]) for code in features])


@pytest.fixture
def subscription() -> Subscription:
    return subscribe(make_customer(), publish(make("calls", "exports")))


@pytest.fixture
def version(subscription) -> PlanVersion:
    """Publish a version for all from February on that adds storage and removes exports."""
    version = make("calls", "storage", amount="20")
    publish_for(version=version, audience="all", by=None, at=TENTH, effective_from=FEB)
    roll_out(at=TENTH)
    return PlanVersion.objects.get(pk=version.pk)


def coverage(subscription: Subscription) -> dict[str, tuple[datetime, datetime | None]]:
    during = subscription.coverage.order_by("feature__code").values_list("feature__code", "during")
    return {code: (during_.lower, during_.upper) for code, during_ in during}


AS_BEFORE = {"calls": (JAN, None), "exports": (JAN, None)}


def versions(subscription: Subscription) -> list[int]:
    periods = subscription.periods.filter(kind="regular").order_by("starts_at")
    return list(periods.values_list("version__number", flat=True))


@pytest.mark.parametrize("at", [TENTH, EVE], ids=["early", "with the period made already"])
def test_one_subscription_keeps_its_version_and_coverage(subscription, version, at):
    generate_periods(until=at + timedelta(hours=2))
    assert revoke(subscription_ids=[subscription.pk], at=at) == 1
    assert coverage(subscription) == AS_BEFORE
    generate_periods(until=MAR + timedelta(hours=1))
    assert set(versions(subscription)) == {1}
    roll_out(at=MAR)
    assert ScheduledChange.objects.get().state == "revoked", "it is not scheduled again"


def test_a_withdrawn_version_changes_no_subscription(subscription, version):
    generate_periods(until=EVE + timedelta(hours=2))
    withdraw(version=version, by=None, at=EVE)
    version.refresh_from_db()
    assert (version.state, coverage(subscription), versions(subscription)) == ("draft", AS_BEFORE, [1, 1])
    assert (ScheduledChange.objects.get().problem, Rollout.objects.get().state) == (
        "Pro v2 was withdrawn.",
        "withdrawn",
    )


def test_a_version_with_upcoming_changes_is_withdrawn_together_with_them(subscription, version):
    with pytest.raises(IntegrityError, match="version_to_come_stays_published"), transaction.atomic():
        unschedule(version=version, by=None, at=EVE)
    assert ScheduledChange.objects.get().state == "pending"


def test_a_version_published_again_is_rolled_out_again(subscription, version):
    withdraw(version=version, by=None, at=EVE)
    version.refresh_from_db()
    publish_for(version=version, audience="all", by=None, at=EVE, effective_from=MAR)
    roll_out(at=EVE)
    assert list(ScheduledChange.objects.order_by("pk").values_list("state", "moment")) == [
        ("revoked", FEB),
        ("pending", MAR),
    ]


def test_a_due_change_is_not_revoked(subscription, version):
    publish_due(at=FEB)
    with pytest.raises(RevocationRefused, match="is already billed with Pro v2"):
        revoke(subscription_ids=[subscription.pk], at=FEB)
    with pytest.raises(PublishingRefused, match="Only a version that is not in force yet"):
        withdraw(version=version, by=None, at=FEB)


def test_coverage_by_another_subscription_prevents_a_revocation(subscription, version):
    subscribe(subscription.customer, publish(make("exports", plan="other")), starts_at=FEB, at=TENTH)
    with pytest.raises(RevocationRefused, match="Another subscription covers features of one of these"):
        revoke(subscription_ids=[subscription.pk], at=TENTH)
    assert ScheduledChange.objects.get().state == "pending"


@pytest.mark.parametrize("ends_at", [FEB, TENTH, None])
def test_a_subscription_that_ends_before_does_not_change(subscription, version, ends_at):
    cancel(subscription=subscription, at=TENTH, ends_at=ends_at)
    assert (ScheduledChange.objects.get().state, ScheduledChange.objects.get().problem) == (
        "revoked",
        "The subscription ends before then.",
    )
    assert set(coverage(subscription)) == {"calls", "exports"}


def test_a_subscription_that_ends_later_changes_before(subscription, version):
    ends_at = FEB + timedelta(days=10)
    cancel(subscription=subscription, at=TENTH, ends_at=ends_at)
    assert coverage(subscription) == {"calls": (JAN, ends_at), "exports": (JAN, FEB), "storage": (FEB, ends_at)}
    publish_due(at=FEB)
    generate_periods(until=MAR)
    assert (versions(subscription), apply_due_changes(at=FEB)) == ([1, 2], 1)
