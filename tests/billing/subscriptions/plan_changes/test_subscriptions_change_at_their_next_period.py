"""A version published for running subscriptions bills them from the first period that starts at or after its date."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.closing import close_due, preview
from billing.models import Period, ScheduledChange, Subscription
from billing.subscriptions import generate_periods
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.rollouts import publish_for, roll_out
from invoices.models import Invoice
from plans.models import PlanVersion
from plans.publishing import publication
from plans.publishing.publication import publish_due
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    covered_features,
    fee,
    make_customer,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.clean_books import clean_after_test
from tests.docs_tables import rows

clean_books = clean_after_test("subscriptions", "usage", "invoices")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


TENTH = datetime(2026, 1, 10, tzinfo=UTC)
EVE = FEB - timedelta(hours=1)
HOUR = timedelta(hours=1)


def make(amount: str = "10", price: str = "0.05", **fields: Any) -> PlanVersion:
    return make_plan("pro", fees=[fee(amount)], offers=[offer("calls", rates=[rate(price)])], **fields)


@pytest.fixture
def subscription() -> Subscription:
    return subscribe(make_customer(), publish(make()))


def publish_to_all(
    version: PlanVersion, *, at: datetime = TENTH, effective_from: datetime | None = None
) -> PlanVersion:
    published = publish_for(version=version, audience="all", by=None, at=at, effective_from=effective_from)
    roll_out(at=at)
    return published


def pass_time(until: datetime) -> None:
    """Run the periodic tasks at every hour that has due work."""
    for moment in sorted(
        {until, *(boundary + after for boundary in (FEB, MAR, APR) for after in (-HOUR, HOUR, 2 * HOUR))}
    ):
        if moment <= until:
            publish_due(at=moment)
            roll_out(at=moment)
            generate_periods(until=moment + 2 * HOUR)
            apply_due_changes(at=moment)
            close_due(at=moment)


def call(subscription: Subscription, count: int, *, at: datetime) -> None:
    """Record this many calls at a time, as the API does."""
    named = {"customer": subscription.customer.external_id, "event": "calls", "timestamp": at.isoformat()}
    send(*({"id": f"{at}{number}", **named} for number in range(count)), at=at)


def by_version(subscription: Subscription) -> list[tuple[datetime, int]]:
    periods = subscription.periods.filter(kind="regular").order_by("starts_at")
    return list(periods.values_list("starts_at", "version__number"))


def totals() -> list[Decimal]:
    return list(Invoice.objects.order_by("pk").values_list("total", flat=True))


def test_usage_and_fees_are_billed_by_the_prices_of_their_period(subscription):
    publish_to_all(make("20", "0.10"), effective_from=FEB)
    call(subscription, 100, at=JAN)
    pass_time(FEB + 2 * HOUR)
    call(subscription, 100, at=FEB)
    pass_time(MAR + 2 * HOUR)
    # Start: 10 in advance. January: 100 × 0.05, and February's fee of the new version. February: 100 × 0.10 + 20.
    assert totals() == [Decimal(10), Decimal(5 + 20), Decimal(10 + 20)]
    assert by_version(subscription) == [(JAN, 1), (FEB, 2), (MAR, 2)]


DATES = [
    *((day(row["in force from"]), day(row["moves on"]), row["why"]) for row in rows("publishing.md", "audience")),
    (FEB + timedelta(seconds=1), MAR, "a period that has begun a second before is not"),
]


@pytest.mark.parametrize(("effective_from", "moves_at", "why"), DATES)
def test_a_subscription_changes_at_a_period_boundary(subscription, effective_from, moves_at, why):
    publish_to_all(make("20"), effective_from=effective_from)
    assert ScheduledChange.objects.get().moment == moves_at, why
    pass_time(APR)
    assert by_version(subscription) == [
        (period_start, 2 if period_start >= moves_at else 1) for period_start in (JAN, FEB, MAR, APR)
    ], why


def test_the_subscription_changes_at_its_date_and_not_before(subscription):
    publish_to_all(make("20"), effective_from=FEB)
    seen = []
    for moment in (EVE, FEB):
        publish_due(at=moment)
        generate_periods(until=moment + 2 * HOUR)
        apply_due_changes(at=moment)
        subscription.refresh_from_db()
        seen.append((subscription.version.number, ScheduledChange.objects.get().state))
    assert seen == [(1, "pending"), (2, "done")]


def test_the_preview_has_the_new_fee(subscription):
    publish_to_all(make("20"), effective_from=FEB)
    assert preview(at=TENTH, subscription=subscription).totals.total == 20


class TestPeriodCreatedAhead:
    def test_it_is_created_again(self, subscription):
        generate_periods(until=EVE + 2 * HOUR)
        publish_to_all(make("20"), at=EVE)
        assert by_version(subscription) == [(JAN, 1), (FEB, 2)]

    def test_it_stays_if_it_has_usage(self, subscription):
        generate_periods(until=EVE + 2 * HOUR)
        call(subscription, 1, at=FEB)
        publish_to_all(make("20"), at=EVE)
        assert ScheduledChange.objects.get().moment == MAR
        pass_time(MAR)
        assert by_version(subscription) == [(JAN, 1), (FEB, 1), (MAR, 2)]

    def test_it_stays_if_the_subscription_starts_with_it(self):
        version = publish(make())
        later_subscription = subscribe(make_customer(), version, starts_at=FEB, at=TENTH)
        publish_to_all(make("20"), at=TENTH, effective_from=JAN + timedelta(days=15))
        assert ScheduledChange.objects.get().moment == MAR
        assert by_version(later_subscription) == [(FEB, 1)]


def test_periods_missing_for_months_change_at_the_right_one(subscription):
    publish_to_all(make("20"), effective_from=MAR)
    publish_due(at=APR)
    apply_due_changes(at=APR)
    generate_periods(until=APR)
    assert by_version(subscription) == [(JAN, 1), (FEB, 1), (MAR, 2)]
    assert apply_due_changes(at=APR) == 1


def test_a_close_creates_the_next_period_by_the_new_version(subscription):
    publish_to_all(make("20"), effective_from=FEB)
    publish_due(at=FEB)
    close_due(at=FEB + 2 * HOUR)
    assert (totals(), by_version(subscription)) == ([10, 20], [(JAN, 1), (FEB, 2)])


def test_a_new_interval_starts_where_the_last_period_ended():
    subscription = subscribe(make_customer(), publish(make(anchor="anniversary")), starts_at=TENTH)
    publish_to_all(make("100", interval="year", anchor="anniversary"), at=TENTH, effective_from=FEB)
    pass_time(FEB + timedelta(days=20))
    ends = list(subscription.periods.filter(kind="regular").order_by("starts_at").values_list("ends_at", flat=True))
    assert ends == [datetime(2026, 2, 10, tzinfo=UTC), datetime(2027, 1, 10, tzinfo=UTC)]


def test_features_change_with_the_prices():
    old = publish(make_plan("pro", offers=[offer("calls", rates=[rate("1")]), offer("exports", rates=[rate("1")])]))
    subscription = subscribe(make_customer(), old)
    new = make_plan("pro", offers=[offer("calls", rates=[rate("1")]), offer("storage", rates=[rate("1")])])
    publish_to_all(new, effective_from=FEB)
    during = dict(subscription.coverage.values_list("feature__code", "during"))
    assert {code: (during_.lower, during_.upper) for code, during_ in during.items()} == {
        "calls": (JAN, None),
        "exports": (JAN, FEB),
        "storage": (FEB, None),
    }
    pass_time(MAR)
    assert covered_features(subscription) == ["calls", "exports", "storage"]


class TestAudience:
    def test_a_version_for_new_subscriptions_changes_none(self, subscription):
        publish_for(version=make("20"), audience="new", by=None, at=TENTH)
        pass_time(MAR)
        assert {number for _, number in by_version(subscription)} == {1}

    def test_only_the_cohort_changes(self, subscription):
        other = subscribe(make_customer(), subscription.version)
        ids = [subscription.pk]
        publish_for(version=make("20"), audience="cohort", by=None, at=TENTH, subscription_ids=ids)
        pass_time(MAR)
        assert (by_version(subscription)[-1], by_version(other)[-1]) == ((MAR, 2), (MAR, 1))

    def test_a_subscription_to_the_older_version_before_the_date_changes_as_well(self, subscription):
        publish_to_all(make("20"), effective_from=MAR)
        later_subscription = subscribe(make_customer(), subscription.version, starts_at=FEB)
        pass_time(MAR)
        assert by_version(later_subscription) == [(FEB, 1), (MAR, 2)]

    def test_a_subscription_to_the_older_version_after_the_date_keeps_it(self, subscription):
        publish_to_all(make("20"), effective_from=FEB)
        pass_time(FEB + 2 * HOUR)
        later_subscription = subscribe(make_customer(), subscription.version, starts_at=FEB + 2 * HOUR)
        pass_time(MAR)
        assert {number for _, number in by_version(later_subscription)} == {1}

    def test_the_later_of_two_publications_applies(self, subscription):
        publish_to_all(make("20"), effective_from=MAR)
        publish_to_all(make("30"), effective_from=FEB)
        assert list(ScheduledChange.objects.order_by("pk").values_list("state", "moment")) == [
            ("revoked", MAR),
            ("pending", FEB),
        ]
        pass_time(MAR)
        assert by_version(subscription) == [(JAN, 1), (FEB, 3), (MAR, 3)]

    def test_the_task_finds_a_publication_without_a_rollout(self, subscription):
        publication.publish(version=make("20"), by=None, at=TENTH, effective_from=MAR, audience="all")
        assert roll_out(at=TENTH) == 1
        pass_time(MAR)
        assert by_version(subscription) == [(JAN, 1), (FEB, 1), (MAR, 2)]


def test_it_is_safe_to_repeat(subscription):
    publish_to_all(make("20"), effective_from=FEB)
    before = list(ScheduledChange.objects.values())
    assert roll_out(at=TENTH) == 0
    pass_time(FEB + HOUR)
    assert (roll_out(at=FEB + HOUR), apply_due_changes(at=FEB + HOUR)) == (0, 0)
    assert len(before) == ScheduledChange.objects.count() == 1
    assert Period.objects.filter(kind="regular").count() == 2
