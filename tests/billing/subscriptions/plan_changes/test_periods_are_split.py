"""A version published from a time within the period splits running periods and bills them from that time on."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.metering.usage.current_usage import current_usage
from billing.models import ScheduledChange, Subscription
from billing.subscriptions import cancel, change_plan, generate_periods
from billing.subscriptions.plan_changes import mid_period_split
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.mid_period_split import split_due_periods, split_period
from billing.subscriptions.plan_changes.revocation import SPLIT_LEAD_TIME, RevocationRefused, revoke
from billing.subscriptions.plan_changes.rollouts import publish_for, roll_out, withdraw
from billing.tasks import close_due_periods
from invoices.models import Invoice
from plans.models import PlanVersion
from plans.publishing.publication import publish_due
from tests.billing.metering.ingest.ingest_setup import send
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
    subscribe,
    tier,
)
from tests.clean_books import clean_after_test
from tests.docs_tables import rows

clean_books = clean_after_test("subscriptions", "usage", "invoices")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
TENTH = datetime(2026, 1, 10, tzinfo=UTC)
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def moment_of(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def make(amount: str = "31", *rates, plan: str = "pro", features=("calls",)) -> PlanVersion:
    offers = [offer(code, rates=rates or [rate("0.10")]) for code in features]
    return make_plan(plan, fees=[fee(amount)], offers=offers)


@pytest.fixture
def subscription() -> Subscription:
    return subscribe(make_customer(), publish(make()))


def publish_from(version: PlanVersion, moment: datetime = NOON, *, at: datetime = JAN) -> ScheduledChange:
    publish_for(version=version, audience="all", by=None, at=at, effective_from=moment, splits_periods=True)
    roll_out(at=at)
    return ScheduledChange.objects.latest("pk")


def call(subscription: Subscription, count: int, *, at: datetime) -> None:
    named = {"customer": subscription.customer.external_id, "event": "calls", "timestamp": at.isoformat()}
    send(*({"id": f"{at}{number}", **named} for number in range(count)), at=at)


def run_tasks(at: datetime) -> None:
    """Run the tasks of one minute."""
    publish_due(at=at)
    split_due_periods(at=at)
    apply_due_changes(at=at)


def by_version(subscription: Subscription) -> list[tuple[datetime, int]]:
    periods = subscription.periods.filter(kind="regular").order_by("starts_at")
    return list(periods.values_list("starts_at", "version__number"))


def totals() -> list[Decimal]:
    return list(Invoice.objects.order_by("pk").values_list("total", flat=True))


def sum_of(text: str) -> Decimal:
    return Decimal(text.split(" = ")[0])


FIGURES = [
    (moment_of(row["from"]), [sum_of(row[name]) for name in row if name != "from"])
    for row in rows("publishing.md", "at-a-given-time")
]


@pytest.mark.parametrize(("moment", "expected"), FIGURES)
def test_fees_and_usage_are_billed_as_documented(subscription, moment, expected):
    publish_from(make("62", rate("0.20")), moment)
    close_due(at=JAN + HOUR)
    call(subscription, 100, at=moment - HOUR)
    run_tasks(moment - SPLIT_LEAD_TIME)
    call(subscription, 100, at=moment)
    run_tasks(moment)
    close_due(at=moment + HOUR)
    close_due(at=FEB + HOUR)
    assert totals() == expected


def test_tiers_continue_in_the_new_part(subscription):
    ladder = [tier(100, "1"), tier(None, "0.5")]
    climbing = subscribe(make_customer(), publish(make("0", rate(tiers=ladder), plan="ladder")))
    publish_from(make("0", rate(tiers=ladder), plan="ladder"))
    call(climbing, 80, at=TENTH)
    run_tasks(NOON)
    call(climbing, 40, at=NOON)
    close_due(at=NOON + HOUR)
    close_due(at=FEB + HOUR)
    assert [total for total in totals() if total not in (0, 31)] == [80, 30], "20 at 1.00, and 20 at 0.50"


MISSED = rows("publishing.md", "missed-times")


@pytest.mark.parametrize("row", MISSED, ids=[row["why"] for row in MISSED])
def test_a_missed_time_is_used_as_far_as_usage_allows(subscription, row):
    publish_from(make("62"))
    at, used, moves = (moment_of(row[name]) for name in ("task runs at", "usage was recorded until", "moves on"))
    generate_periods(until=min(at, used) + HOUR)
    call(subscription, 1, at=used)
    run_tasks(at)
    run_tasks(max(at, moves))
    move = ScheduledChange.objects.get()
    assert (move.moment, move.state) == (moves, "done")
    assert bool(move.problem) == (moves != NOON), "what comes later than asked for says why"
    assert (moves, 2) in by_version(subscription)


def test_current_usage_is_that_of_the_new_part_from_the_split_on(subscription):
    publish_from(make("62"))
    run_tasks(NOON - SPLIT_LEAD_TIME)
    assert subscription.version.number == 1
    (usage,) = current_usage(customer=subscription.customer.external_id, sandbox=False, at=NOON)
    assert (usage.terms.version_id, usage.starts_at, usage.ends_at) == (
        PlanVersion.objects.get(number=2).pk,
        NOON,
        FEB,
    )


class TestSubscriptionsThatCanNotBeSplit:
    def test_a_subscription_charged_by_level_changes_at_its_next_period(self):
        meter = make_meter("disk", aggregation="max", value_property="gb")
        offers = [offer(make_feature("disk", meter=meter), rates=[rate("1")])]
        subscription = subscribe(make_customer(), publish(make_plan("disk", offers=offers)))
        move = publish_from(make_plan("disk", offers=offers))
        assert (move.moment, move.splits_period, move.state) == (FEB, False, "pending")
        assert move.problem.startswith("disk is charged by maximum, which a mid-period change")
        run_tasks(NOON)
        generate_periods(until=FEB + HOUR)
        run_tasks(FEB)
        assert by_version(subscription) == [(JAN, 1), (FEB, 2)]

    def test_a_subscription_already_billed_changes_at_its_next_period(self, subscription):
        publish_from(make("62"))
        close_due(at=FEB + HOUR)
        run_tasks(FEB + HOUR)
        move = ScheduledChange.objects.get()
        assert (move.moment, move.state) == (FEB, "done")
        assert "is billed or fully used" in move.problem
        assert by_version(subscription) == [(JAN, 1), (FEB, 2)]

    def test_a_subscription_that_ends_before_its_next_period_does_not_change(self, subscription):
        publish_from(make("62"))
        cancel(subscription=subscription, at=JAN, ends_at=FEB)
        close_due(at=FEB + HOUR)
        run_tasks(FEB + HOUR)
        move = ScheduledChange.objects.get()
        assert (move.state, move.problem[-34:]) == ("revoked", "The subscription ends before then.")
        assert by_version(subscription) == [(JAN, 1)]


class TestBeforeTheSplit:
    def test_the_change_is_revoked_without_a_trace(self, subscription):
        publish_from(make("62", features=("calls", "storage")))
        assert revoke(subscription_ids=[subscription.pk], at=NOON - SPLIT_LEAD_TIME - SECOND) == 1
        run_tasks(NOON)
        assert by_version(subscription) == [(JAN, 1)]
        assert [code for (code,) in subscription.coverage.values_list("feature__code")] == ["calls"]

    def test_the_change_is_withdrawn_with_its_version(self, subscription):
        move = publish_from(make("62"))
        withdraw(version=move.version, by=None, at=TENTH)
        run_tasks(NOON)
        assert by_version(subscription) == [(JAN, 1)]

    @pytest.mark.parametrize("at", [NOON - SPLIT_LEAD_TIME, NOON])
    def test_the_change_can_not_be_revoked_after_the_split(self, subscription, at):
        publish_from(make("62"))
        run_tasks(NOON - SPLIT_LEAD_TIME)
        with pytest.raises(RevocationRefused, match=r"billed with Pro v2.* Change its plan"):
            revoke(subscription_ids=[subscription.pk], at=at)

    def test_a_change_by_hand_replaces_it_even_after_the_split(self, subscription):
        publish_from(make("62"))
        run_tasks(NOON - SPLIT_LEAD_TIME)
        other = publish(make("5", plan="other"))
        change_plan(subscription=subscription, version=other, at=NOON - SECOND)
        assert [period.version.plan.code for period in subscription.periods.order_by("starts_at")][-1] == "other"
        assert ScheduledChange.objects.get().state == "revoked"

    def test_an_earlier_cancellation_revokes_it_even_after_the_split(self, subscription):
        publish_from(make("62"))
        run_tasks(NOON - SPLIT_LEAD_TIME)
        cancel(subscription=subscription, at=NOON - SECOND, ends_at=NOON - SECOND)
        assert by_version(subscription) == [(JAN, 1)]
        assert ScheduledChange.objects.get().state == "revoked"


def test_features_change_with_the_split_even_if_it_is_postponed(subscription):
    version = make("62", features=("storage",))
    publish_from(version)
    call(subscription, 1, at=NOON)
    run_tasks(NOON + HOUR)
    later = NOON + timedelta(microseconds=1)
    during = dict(subscription.coverage.values_list("feature__code", "during"))
    assert {code: (during_.lower, during_.upper) for code, during_ in during.items()} == {
        "calls": (JAN, later),
        "storage": (later, None),
    }


def test_a_period_created_ahead_follows_the_new_part(subscription):
    eve = FEB - HOUR
    publish_from(make("62"), eve)
    generate_periods(until=FEB + HOUR)
    run_tasks(eve - SPLIT_LEAD_TIME)
    run_tasks(eve)
    assert by_version(subscription) == [(JAN, 1), (eve, 2), (FEB, 2)]


def test_a_subscription_that_starts_later_changes_at_its_next_period(subscription):
    later_subscription = subscribe(make_customer(), subscription.version, starts_at=NOON + HOUR, at=JAN)
    publish_from(make("62"))
    run_tasks(NOON)
    generate_periods(until=FEB + HOUR)
    assert by_version(later_subscription) == [(NOON + HOUR, 1), (FEB, 2)]


def test_a_version_can_apply_from_now(subscription):
    call(subscription, 1, at=TENTH)
    publish_from(make("62"), TENTH + SECOND, at=TENTH + SECOND)
    run_tasks(TENTH + HOUR)
    assert by_version(subscription) == [(JAN, 1), (TENTH + SECOND, 2)]


def test_it_is_safe_to_repeat(subscription):
    publish_from(make("62"))
    assert [split_due_periods(at=NOON) for _ in range(2)] == [1, 0]
    assert split_due_periods(at=MAR) == 0


def test_a_close_splits_due_periods_first(subscription, monkeypatch):
    publish_from(make("62"))
    monkeypatch.setattr("lib.task_clock.database_time", lambda: FEB + HOUR)
    close_due_periods()
    assert by_version(subscription)[:2] == [(JAN, 1), (NOON, 2)]


class TestProblems:
    def test_a_problem_is_recorded_and_stops_no_other(self, subscription, monkeypatch):
        other = subscribe(make_customer(), subscription.version)
        publish_from(make("62"))

        def fail_for_first(change, *, at):
            if change.subscription_id == subscription.pk:
                raise ValueError("nobody foresaw this")
            split_period(change, at=at)

        monkeypatch.setattr(mid_period_split, "split_period", fail_for_first)
        assert split_due_periods(at=NOON) == 2
        assert (by_version(subscription), by_version(other)) == ([(JAN, 1)], [(JAN, 1), (NOON, 2)])
        problem = "Not split yet, will be retried: ValueError: nobody foresaw this"
        assert ScheduledChange.objects.get(subscription=subscription).problem == problem

    def test_a_solved_problem_is_cleared(self, subscription):
        move = publish_from(make("62"))
        ScheduledChange.objects.update(problem="Another subscription is in the way.")
        run_tasks(NOON)
        move.refresh_from_db()
        assert (move.state, move.problem) == ("done", "")
