"""A version that is published from a moment on bills running subscriptions from that very moment, in mid-period."""

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
from tests.docs_tables import rows

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


def from_moment(version: PlanVersion, moment: datetime = NOON, *, at: datetime = JAN) -> ScheduledChange:
    publish_for(version=version, audience="all", by=None, at=at, effective_from=moment, splits_periods=True)
    roll_out(at=at)
    return ScheduledChange.objects.latest("pk")


def call(subscription: Subscription, count: int, *, at: datetime) -> None:
    named = {"customer": subscription.customer.external_id, "event": "calls", "timestamp": at.isoformat()}
    send(*({"id": f"{at}{number}", **named} for number in range(count)), at=at)


def look(at: datetime) -> None:
    """Let the tasks run as they do each minute."""
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
    for row in rows("publishing.md", "moments")
]


@pytest.mark.parametrize(("moment", "expected"), FIGURES)
def test_fees_and_usage_are_billed_as_documented(subscription, moment, expected):
    from_moment(make("62", rate("0.20")), moment)
    close_due(at=JAN + HOUR)
    call(subscription, 100, at=moment - HOUR)
    look(moment - SPLIT_LEAD_TIME)
    call(subscription, 100, at=moment)
    look(moment)
    close_due(at=moment + HOUR)
    close_due(at=FEB + HOUR)
    assert totals() == expected


def test_nobody_climbs_the_ladder_twice(subscription):
    ladder = [tier(100, "1"), tier(None, "0.5")]
    climbing = subscribe(make_customer(), publish(make("0", rate(tiers=ladder), plan="ladder")))
    from_moment(make("0", rate(tiers=ladder), plan="ladder"))
    call(climbing, 80, at=TENTH)
    look(NOON)
    call(climbing, 40, at=NOON)
    close_due(at=NOON + HOUR)
    close_due(at=FEB + HOUR)
    assert [total for total in totals() if total not in (0, 31)] == [80, 30], "20 at 1.00, and 20 at 0.50"


MISSED = rows("publishing.md", "missed-moments")


@pytest.mark.parametrize("row", MISSED, ids=[row["why"] for row in MISSED])
def test_a_moment_that_was_missed_holds_as_long_as_usage_allows(subscription, row):
    from_moment(make("62"))
    at, used, moves = (moment_of(row[name]) for name in ("it is looked at", "usage was recorded until", "moves on"))
    generate_periods(until=min(at, used) + HOUR)
    call(subscription, 1, at=used)
    look(at)
    look(max(at, moves))
    move = ScheduledChange.objects.get()
    assert (move.moment, move.state) == (moves, "done")
    assert bool(move.problem) == (moves != NOON), "what comes later than asked for says why"
    assert (moves, 2) in by_version(subscription)


def test_current_usage_is_of_the_new_part_from_the_moment_on(subscription):
    from_moment(make("62"))
    look(NOON - SPLIT_LEAD_TIME)
    assert subscription.version.number == 1
    (found,) = current_usage(customer=subscription.customer.external_id, sandbox=False, at=NOON)
    assert (found.terms.version_id, found.starts_at, found.ends_at) == (
        PlanVersion.objects.get(number=2).pk,
        NOON,
        FEB,
    )


class TestWhoCannotBeSplit:
    def test_moves_at_its_next_period_where_a_level_is_charged_and_that_is_known_at_once(self):
        meter = make_meter("disk", aggregation="max", value_property="gb")
        offers = [offer(make_feature("disk", meter=meter), rates=[rate("1")])]
        subscription = subscribe(make_customer(), publish(make_plan("disk", offers=offers)))
        move = from_moment(make_plan("disk", offers=offers))
        assert (move.moment, move.splits_period, move.state) == (FEB, False, "pending")
        assert move.problem.startswith("disk is charged by greatest value, which a change in mid-period")
        look(NOON)
        generate_periods(until=FEB + HOUR)
        look(FEB)
        assert by_version(subscription) == [(JAN, 1), (FEB, 2)]

    def test_moves_at_its_next_period_where_the_moment_is_billed_already(self, subscription):
        from_moment(make("62"))
        close_due(at=FEB + HOUR)
        look(FEB + HOUR)
        move = ScheduledChange.objects.get()
        assert (move.moment, move.state) == (FEB, "done")
        assert "is billed already" in move.problem
        assert by_version(subscription) == [(JAN, 1), (FEB, 2)]

    def test_stays_where_it_ends_before_its_next_period(self, subscription):
        from_moment(make("62"))
        cancel(subscription=subscription, at=JAN, ends_at=FEB)
        close_due(at=FEB + HOUR)
        look(FEB + HOUR)
        move = ScheduledChange.objects.get()
        assert (move.state, move.problem[-15:]) == ("revoked", "It ends before.")
        assert by_version(subscription) == [(JAN, 1)]


class TestUntilItHasHappened:
    def test_it_is_revoked_without_a_trace(self, subscription):
        from_moment(make("62", features=("calls", "storage")))
        assert revoke(subscription_ids=[subscription.pk], at=NOON - SPLIT_LEAD_TIME - SECOND) == 1
        look(NOON)
        assert by_version(subscription) == [(JAN, 1)]
        assert [code for (code,) in subscription.coverage.values_list("feature__code")] == ["calls"]

    def test_it_is_withdrawn_with_its_version(self, subscription):
        move = from_moment(make("62"))
        withdraw(version=move.version, by=None, at=TENTH)
        look(NOON)
        assert by_version(subscription) == [(JAN, 1)]

    @pytest.mark.parametrize("at", [NOON - SPLIT_LEAD_TIME, NOON])
    def test_it_is_too_late_to_revoke_once_it_is_split(self, subscription, at):
        from_moment(make("62"))
        look(NOON - SPLIT_LEAD_TIME)
        with pytest.raises(RevocationRefused, match=r"is billed by Pro v2 .*: change its plan"):
            revoke(subscription_ids=[subscription.pk], at=at)

    def test_a_change_by_hand_takes_its_place_even_when_it_is_split(self, subscription):
        from_moment(make("62"))
        look(NOON - SPLIT_LEAD_TIME)
        other = publish(make("5", plan="other"))
        change_plan(subscription=subscription, version=other, at=NOON - SECOND)
        assert [period.version.plan.code for period in subscription.periods.order_by("starts_at")][-1] == "other"
        assert ScheduledChange.objects.get().state == "revoked"

    def test_a_cancellation_takes_it_back_when_it_is_split_and_ends_before(self, subscription):
        from_moment(make("62"))
        look(NOON - SPLIT_LEAD_TIME)
        cancel(subscription=subscription, at=NOON - SECOND, ends_at=NOON - SECOND)
        assert by_version(subscription) == [(JAN, 1)]
        assert ScheduledChange.objects.get().state == "revoked"


def test_features_come_and_go_with_the_moment_also_where_it_is_put_off(subscription):
    version = make("62", features=("storage",))
    from_moment(version)
    call(subscription, 1, at=NOON)
    look(NOON + HOUR)
    later = NOON + timedelta(microseconds=1)
    during = dict(subscription.coverage.values_list("feature__code", "during"))
    assert {code: (one.lower, one.upper) for code, one in during.items()} == {
        "calls": (JAN, later),
        "storage": (later, None),
    }


def test_a_period_that_was_made_ahead_follows_the_new_part(subscription):
    eve = FEB - HOUR
    from_moment(make("62"), eve)
    generate_periods(until=FEB + HOUR)
    look(eve - SPLIT_LEAD_TIME)
    look(eve)
    assert by_version(subscription) == [(JAN, 1), (eve, 2), (FEB, 2)]


def test_a_subscription_that_starts_later_moves_at_its_next_period(subscription):
    later = subscribe(make_customer(), subscription.version, starts_at=NOON + HOUR, at=JAN)
    from_moment(make("62"))
    look(NOON)
    generate_periods(until=FEB + HOUR)
    assert by_version(later) == [(NOON + HOUR, 1), (FEB, 2)]


def test_now_is_a_moment_too(subscription):
    call(subscription, 1, at=TENTH)
    from_moment(make("62"), TENTH + SECOND, at=TENTH + SECOND)
    look(TENTH + HOUR)
    assert by_version(subscription) == [(JAN, 1), (TENTH + SECOND, 2)]


def test_it_is_all_the_same_how_often_it_runs(subscription):
    from_moment(make("62"))
    assert [split_due_periods(at=NOON) for _ in range(2)] == [1, 0]
    assert split_due_periods(at=MAR) == 0


def test_a_close_splits_first_what_is_due(subscription, monkeypatch):
    from_moment(make("62"))
    monkeypatch.setattr("billing.tasks.database_time", lambda: FEB + HOUR)
    close_due_periods()
    assert by_version(subscription)[:2] == [(JAN, 1), (NOON, 2)]


class TestWhatIsInTheWay:
    def test_is_told_and_stops_nobody_else(self, subscription, monkeypatch):
        other = subscribe(make_customer(), subscription.version)
        from_moment(make("62"))

        def fail_for_one(one, *, at):
            if one.subscription_id == subscription.pk:
                raise ValueError("nobody foresaw this")
            split_period(one, at=at)

        monkeypatch.setattr(mid_period_split, "split_period", fail_for_one)
        assert split_due_periods(at=NOON) == 2
        assert (by_version(subscription), by_version(other)) == ([(JAN, 1)], [(JAN, 1), (NOON, 2)])
        told = "It could not be split and is tried again: ValueError: nobody foresaw this"
        assert ScheduledChange.objects.get(subscription=subscription).problem == told

    def test_is_told_no_more_once_it_is_gone(self, subscription):
        move = from_moment(make("62"))
        ScheduledChange.objects.update(problem="Another subscription is in the way.")
        look(NOON)
        move.refresh_from_db()
        assert (move.state, move.problem) == ("done", "")
