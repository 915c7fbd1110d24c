"""Concurrent scheduling, period generation and cancellation leave each subscription with one version at a time."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.models import Period, ScheduledChange, Subscription
from billing.subscriptions import cancel, generate_periods
from billing.subscriptions.periods import generation
from billing.subscriptions.plan_changes import schedule
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.mid_period_split import split_due_periods
from billing.subscriptions.plan_changes.revocation import revoke
from billing.subscriptions.plan_changes.rollouts import publish_for, roll_out, withdraw
from plans.publishing.publication import publish_due
from tests.builders import FEB, MAR, fee, make_customer, make_plan, publish, subscribe
from tests.clean_books import assert_clean
from tests.races import Pause, start, together, wait_until_blocked

SUBJECTS = ("subscriptions", "usage", "invoices")

pytestmark = pytest.mark.django_db(transaction=True)

TENTH = datetime(2026, 1, 10, tzinfo=UTC)
EVE = FEB - timedelta(hours=1)


@pytest.fixture
def subscriptions(transactional_db):
    version = publish(make_plan("pro", fees=[fee("10")]))
    return [subscribe(make_customer(), version) for _ in range(12)]


def publish_for_all(*, at=TENTH, effective_from=FEB):
    version = make_plan("pro", fees=[fee("20")])
    return publish_for(version=version, audience="all", by=None, at=at, effective_from=effective_from)


def test_concurrent_rollouts_schedule_each_subscription_once(subscriptions):
    publish_for_all()
    together(*[lambda: roll_out(at=TENTH, batch_size=5) for _ in range(3)])
    assert ScheduledChange.objects.filter(state="pending").count() == ScheduledChange.objects.count() == 12


def test_a_period_is_created_by_the_scheduled_version_or_created_again(subscriptions):
    publish_for_all(at=EVE)
    together(
        lambda: roll_out(at=EVE, batch_size=5),
        *[lambda: generate_periods(until=EVE + timedelta(hours=2), batch_size=4) for _ in range(2)],
    )
    generate_periods(until=EVE + timedelta(hours=2))
    february = Period.objects.filter(starts_at=FEB)
    assert set(february.values_list("version__number", flat=True)) == {2}
    assert february.count() == 12
    assert_clean(*SUBJECTS)


def test_scheduling_waits_for_period_generation_and_creates_its_period_again(subscriptions, monkeypatch):
    publish_for_all(at=EVE)
    pause = Pause.before(monkeypatch, generation, "insert_periods")
    extension = start(lambda: generate_periods(until=EVE + timedelta(hours=2)))
    pause.await_arrival()
    rollout = start(lambda: roll_out(at=EVE))
    wait_until_blocked()
    pause.release()
    assert (extension.result(), rollout.result()) == (12, 12)
    assert set(Period.objects.filter(starts_at=FEB).values_list("version__number", flat=True)) == {2}


def test_changes_revocations_and_cancellations_in_any_order_keep_the_books_clean(subscriptions):
    publish_for_all()
    roll_out(at=TENTH)
    ids = [subscription.pk for subscription in subscriptions[:4]]
    together(
        lambda: generate_periods(until=MAR),
        lambda: revoke(subscription_ids=ids, at=EVE),
        lambda: [cancel(subscription=subscription, at=EVE, ends_at=FEB) for subscription in subscriptions[4:8]],
    )
    publish_due(at=FEB)
    generate_periods(until=MAR)
    together(*[lambda: apply_due_changes(at=FEB, limit=3) for _ in range(3)])
    apply_due_changes(at=FEB)
    states = ScheduledChange.objects.order_by("subscription").values_list("state", flat=True)
    assert list(states) == ["revoked"] * 8 + ["done"] * 4
    assert_clean(*SUBJECTS)


def test_concurrent_workers_change_each_subscription_once(subscriptions, monkeypatch):
    publish_for_all()
    roll_out(at=TENTH)
    publish_due(at=FEB)
    generate_periods(until=MAR)
    pause = Pause.before(monkeypatch, Subscription.objects, "filter")
    first = start(lambda: apply_due_changes(at=FEB))
    pause.await_arrival()
    assert apply_due_changes(at=FEB) == 0
    pause.release()
    assert first.result() == 12


def test_a_withdrawal_waits_for_a_rollout_in_progress_and_revokes_it(subscriptions, monkeypatch):
    version = publish_for_all()
    pause = Pause.before(monkeypatch, schedule, "lock_last_periods")
    rollout = start(lambda: roll_out(at=TENTH))
    pause.await_arrival()
    withdrawal = start(lambda: withdraw(version=version, by=None, at=TENTH))
    wait_until_blocked()
    pause.release()
    rollout.result()
    assert withdrawal.result().state == "draft"
    assert roll_out(at=TENTH) == 0
    assert set(ScheduledChange.objects.values_list("state", flat=True)) == {"revoked"}
    assert_clean(*SUBJECTS)


def test_concurrent_workers_split_each_period_once(subscriptions):
    publish_for(
        version=make_plan("pro", fees=[fee("20")]),
        audience="all",
        by=None,
        at=TENTH,
        effective_from=EVE,
        splits_periods=True,
    )
    roll_out(at=TENTH)
    together(
        *[lambda: split_due_periods(at=EVE) for _ in range(3)],
        lambda: generate_periods(until=EVE + timedelta(hours=2)),
    )
    parts = Period.objects.filter(starts_at=EVE, continues__isnull=False, version__number=2)
    assert (parts.count(), set(ScheduledChange.objects.values_list("problem", flat=True))) == (12, {""})
    assert_clean(*SUBJECTS)
