"""A version that is published for running subscriptions bills them from the first period that begins at its date."""

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
    covered,
    fee,
    make_customer,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.docs_tables import rows

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


def everybody(version: PlanVersion, *, at: datetime = TENTH, effective_from: datetime | None = None) -> PlanVersion:
    published = publish_for(version=version, audience="all", by=None, at=at, effective_from=effective_from)
    roll_out(at=at)
    return published


def pass_time(until: datetime) -> None:
    """Let the tasks run as they do, hour by hour where something could happen."""
    for moment in sorted({until, *(one + after for one in (FEB, MAR, APR) for after in (-HOUR, HOUR, 2 * HOUR))}):
        if moment <= until:
            publish_due(at=moment)
            roll_out(at=moment)
            generate_periods(until=moment + 2 * HOUR)
            apply_due_changes(at=moment)
            close_due(at=moment)


def call(subscription: Subscription, count: int, *, at: datetime) -> None:
    """Record so many calls at a moment, as the API does."""
    named = {"customer": subscription.customer.external_id, "event": "calls", "timestamp": at.isoformat()}
    send(*({"id": f"{at}{number}", **named} for number in range(count)), at=at)


def by_version(subscription: Subscription) -> list[tuple[datetime, int]]:
    periods = subscription.periods.filter(kind="regular").order_by("starts_at")
    return list(periods.values_list("starts_at", "version__number"))


def totals() -> list[Decimal]:
    return list(Invoice.objects.order_by("pk").values_list("total", flat=True))


def test_usage_and_fees_are_billed_by_the_prices_of_their_period(subscription):
    everybody(make("20", "0.10"), effective_from=FEB)
    call(subscription, 100, at=JAN)
    pass_time(FEB + 2 * HOUR)
    call(subscription, 100, at=FEB)
    pass_time(MAR + 2 * HOUR)
    # The start: 10 in advance. January: 100 × 0.05, and February's fee by the new version. February: 100 × 0.10 + 20.
    assert totals() == [Decimal(10), Decimal(5 + 20), Decimal(10 + 20)]
    assert by_version(subscription) == [(JAN, 1), (FEB, 2), (MAR, 2)]


DATES = [
    *((day(row["in force from"]), day(row["moves on"]), row["why"]) for row in rows("publishing.md", "whom")),
    (FEB + timedelta(seconds=1), MAR, "a period that has begun a second before is not"),
]


@pytest.mark.parametrize(("effective_from", "moves_at", "why"), DATES)
def test_it_moves_where_a_period_begins(subscription, effective_from, moves_at, why):
    everybody(make("20"), effective_from=effective_from)
    assert ScheduledChange.objects.get().moment == moves_at, why
    pass_time(APR)
    assert by_version(subscription) == [(one, 2 if one >= moves_at else 1) for one in (JAN, FEB, MAR, APR)], why


def test_the_subscription_follows_when_the_time_has_come_and_not_before(subscription):
    everybody(make("20"), effective_from=FEB)
    seen = []
    for moment in (EVE, FEB):
        publish_due(at=moment)
        generate_periods(until=moment + 2 * HOUR)
        apply_due_changes(at=moment)
        subscription.refresh_from_db()
        seen.append((subscription.version.number, ScheduledChange.objects.get().state))
    assert seen == [(1, "pending"), (2, "done")]


def test_the_upcoming_invoice_tells_the_fee_to_come(subscription):
    everybody(make("20"), effective_from=FEB)
    assert preview(at=TENTH, subscription=subscription).totals.total == 20


class TestAPeriodThatWasMadeAhead:
    def test_is_made_anew(self, subscription):
        generate_periods(until=EVE + 2 * HOUR)
        everybody(make("20"), at=EVE)
        assert by_version(subscription) == [(JAN, 1), (FEB, 2)]

    def test_stays_where_usage_is_counted_in_it(self, subscription):
        generate_periods(until=EVE + 2 * HOUR)
        call(subscription, 1, at=FEB)
        everybody(make("20"), at=EVE)
        assert ScheduledChange.objects.get().moment == MAR
        pass_time(MAR)
        assert by_version(subscription) == [(JAN, 1), (FEB, 1), (MAR, 2)]

    def test_stays_where_the_subscription_starts_with_it(self):
        version = publish(make())
        later = subscribe(make_customer(), version, starts_at=FEB, at=TENTH)
        everybody(make("20"), at=TENTH, effective_from=JAN + timedelta(days=15))
        assert ScheduledChange.objects.get().moment == MAR
        assert by_version(later) == [(FEB, 1)]


def test_periods_that_nobody_made_for_months_change_where_they_should(subscription):
    everybody(make("20"), effective_from=MAR)
    publish_due(at=APR)
    apply_due_changes(at=APR)
    generate_periods(until=APR)
    assert by_version(subscription) == [(JAN, 1), (FEB, 1), (MAR, 2)]
    assert apply_due_changes(at=APR) == 1


def test_a_close_that_makes_the_next_period_itself_makes_it_by_the_new_version(subscription):
    everybody(make("20"), effective_from=FEB)
    publish_due(at=FEB)
    close_due(at=FEB + 2 * HOUR)
    assert (totals(), by_version(subscription)) == ([10, 20], [(JAN, 1), (FEB, 2)])


def test_another_interval_begins_where_the_last_period_ended():
    subscription = subscribe(make_customer(), publish(make(anchor="anniversary")), starts_at=TENTH)
    everybody(make("100", interval="year", anchor="anniversary"), at=TENTH, effective_from=FEB)
    pass_time(FEB + timedelta(days=20))
    ends = list(subscription.periods.filter(kind="regular").order_by("starts_at").values_list("ends_at", flat=True))
    assert ends == [datetime(2026, 2, 10, tzinfo=UTC), datetime(2027, 1, 10, tzinfo=UTC)]


def test_features_come_and_go_with_the_prices():
    old = publish(make_plan("pro", offers=[offer("calls", rates=[rate("1")]), offer("exports", rates=[rate("1")])]))
    subscription = subscribe(make_customer(), old)
    new = make_plan("pro", offers=[offer("calls", rates=[rate("1")]), offer("storage", rates=[rate("1")])])
    everybody(new, effective_from=FEB)
    during = dict(subscription.coverage.values_list("feature__code", "during"))
    assert {code: (one.lower, one.upper) for code, one in during.items()} == {
        "calls": (JAN, None),
        "exports": (JAN, FEB),
        "storage": (FEB, None),
    }
    pass_time(MAR)
    assert covered(subscription) == ["calls", "exports", "storage"]


class TestForWhom:
    def test_a_version_for_new_subscriptions_moves_nobody(self, subscription):
        publish_for(version=make("20"), audience="new", by=None, at=TENTH)
        pass_time(MAR)
        assert {number for _, number in by_version(subscription)} == {1}

    def test_a_cohort_moves_and_nobody_else(self, subscription):
        other = subscribe(make_customer(), subscription.version)
        ids = [subscription.pk]
        publish_for(version=make("20"), audience="cohort", by=None, at=TENTH, subscription_ids=ids)
        pass_time(MAR)
        assert (by_version(subscription)[-1], by_version(other)[-1]) == ((MAR, 2), (MAR, 1))

    def test_whoever_subscribes_to_the_older_version_before_the_date_moves_as_well(self, subscription):
        everybody(make("20"), effective_from=MAR)
        later = subscribe(make_customer(), subscription.version, starts_at=FEB)
        pass_time(MAR)
        assert by_version(later) == [(FEB, 1), (MAR, 2)]

    def test_whoever_chooses_the_older_version_afterwards_keeps_it(self, subscription):
        everybody(make("20"), effective_from=FEB)
        pass_time(FEB + 2 * HOUR)
        later = subscribe(make_customer(), subscription.version, starts_at=FEB + 2 * HOUR)
        pass_time(MAR)
        assert {number for _, number in by_version(later)} == {1}

    def test_the_later_of_two_publications_counts(self, subscription):
        everybody(make("20"), effective_from=MAR)
        everybody(make("30"), effective_from=FEB)
        assert list(ScheduledChange.objects.order_by("pk").values_list("state", "moment")) == [
            ("revoked", MAR),
            ("pending", FEB),
        ]
        pass_time(MAR)
        assert by_version(subscription) == [(JAN, 1), (FEB, 3), (MAR, 3)]

    def test_a_publication_that_no_page_rolled_out_is_found_by_its_row(self, subscription):
        publication.publish(version=make("20"), by=None, at=TENTH, effective_from=MAR, audience="all")
        assert roll_out(at=TENTH) == 1
        pass_time(MAR)
        assert by_version(subscription) == [(JAN, 1), (FEB, 1), (MAR, 2)]


def test_it_is_all_the_same_how_often_it_runs(subscription):
    everybody(make("20"), effective_from=FEB)
    before = list(ScheduledChange.objects.values())
    assert roll_out(at=TENTH) == 0
    pass_time(FEB + HOUR)
    assert (roll_out(at=FEB + HOUR), apply_due_changes(at=FEB + HOUR)) == (0, 0)
    assert len(before) == ScheduledChange.objects.count() == 1
    assert Period.objects.filter(kind="regular").count() == 2
