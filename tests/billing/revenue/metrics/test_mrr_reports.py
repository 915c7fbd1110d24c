"""Reports on recurring revenue: their months add up, for each customer and in total, live and frozen."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import IntegrityError, transaction

from billing.models import RecurringRevenue, Subscription
from billing.revenue.metrics.frozen_months import (
    LockNotInForce,
    freeze_recurring_revenue,
    freezing_steps,
    total_frozen_rows,
)
from billing.revenue.metrics.months import NoSuchMonths
from billing.revenue.metrics.reports import read_balances, read_currencies, read_movements, read_mrr_report
from billing.subscriptions import apply_coupon, apply_due_pauses, cancel, generate_periods, pause, set_quantity
from customers.models import Customer
from invoices.documents.locked_months import lock_month, unlock_month
from invoices.models import MonthLock
from plans.metrics.movements import KINDS
from tests.billing.revenue.frozen_months import freeze_metrics
from tests.billing.revenue.metrics.reckoner import reckon
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    commitment,
    fee,
    make_coupon,
    make_customer,
    make_plan,
    make_seller,
    offer,
    publish,
    rate,
    subscribe,
)

pytestmark = pytest.mark.django_db

D = Decimal
DAY = timedelta(days=1)
MAY = datetime(2026, 5, 1, tzinfo=UTC)
NOW = MAY + 10 * DAY
MONTHS = [date(2026, month, 1) for month in range(1, 6)]
ENDS = [FEB, MAR, APR, MAY, NOW]


def report(**options):
    return read_mrr_report(seller=make_seller(), currency="USD", at=NOW, **options)


def lock(month: date) -> MonthLock:
    return lock_month(seller=make_seller(), month=month, checklist=[], note="", by=None, at=NOW)


def upgrade_and_leave() -> list[Customer]:
    """One customer adds seats and leaves, another one comes in March, returns in May after a pause, a third stays."""
    version = publish(make_plan(fees=[fee("100"), fee("10", label="Seats", basis="seat")]))
    grows, returns, stays = (make_customer() for _ in range(3))
    growing = subscribe(grows, version)
    subscribe(stays, version)
    generate_periods(until=FEB + DAY)
    set_quantity(subscription=growing, fee_code="seats", quantity=10, at=FEB + DAY)
    returning = subscribe(returns, version, starts_at=MAR)
    generate_periods(until=MAR + DAY)
    cancel(subscription=growing, at=MAR + DAY)
    pause(subscription=returning, at=MAR + DAY, starts_at=APR + DAY, ends_at=MAY + DAY)
    apply_due_pauses(at=MAY + DAY)
    generate_periods(until=NOW)
    return [grows, returns, stays]


def test_each_month_shows_its_movements():
    grows, returns, _ = upgrade_and_leave()
    months = report().months
    assert [(f"{row.opening:.0f}", f"{row.closing:.0f}", row.customers) for row in months] == [
        ("0", "200", 2),
        ("200", "300", 2),
        ("300", "400", 3),
        ("400", "100", 1),
        ("100", "200", 2),
    ]
    assert [{kind: int(amount) for kind, amount in row.movements.items() if amount} for row in months] == [
        {"new": 200},
        {"expansion": 100},
        {"new": 100},
        {"churn": -300},
        {"reactivation": 100},
    ]
    churned, count = read_movements(
        seller=make_seller(), currency="USD", month=MONTHS[3], at=NOW, kinds=["churn"], limit=1
    )
    assert (count, [(row.customer_id, row.opening, row.amount, row.closing) for row in churned]) == (
        2,
        [(grows.pk, D("200.00"), D("-200.00"), D("0.00"))],
    )
    (back,), _ = read_movements(seller=make_seller(), currency="USD", month=MONTHS[4], at=NOW)
    assert (back.customer_id, back.kind) == (returns.pk, "reactivation")


def test_the_months_shown_are_the_last_ones_of_the_books():
    upgrade_and_leave()
    assert [row.month.month for row in report(count=2).months] == MONTHS[3:]
    assert [row.month.month for row in report(count=2, until=MONTHS[2]).months] == MONTHS[1:3]
    assert report(count=2).last == report().last


def test_cohorts_keep_their_customers_by_first_month():
    upgrade_and_leave()
    found = {month: (cohort.customers, cohort.revenue) for month, cohort in report().cohorts}
    assert found == {
        MONTHS[0]: ([2, 2, 2, 1, 1], [200, 300, 300, 100, 100]),
        MONTHS[2]: ([1, 0, 1], [100, 0, 100]),
    }


def test_retention_compares_with_the_twelfth_month_before():
    upgrade_and_leave()
    assert report().retention is None
    later = datetime(2027, 2, 10, tzinfo=UTC)
    generate_periods(until=later)
    found = read_mrr_report(seller=make_seller(), currency="USD", at=later).retention
    assert found is not None
    assert (found.then, found.now, found.kept, found.customers, found.kept_customers) == (300, 100, 100, 2, 1)
    assert found.net == found.gross == Fraction(1, 3)


def test_a_seller_without_subscriptions_and_an_unknown_month_are_refused():
    with pytest.raises(NoSuchMonths, match="no subscriptions yet"):
        report()
    upgrade_and_leave()
    for month in (date(2025, 12, 1), date(2026, 6, 1)):
        with pytest.raises(NoSuchMonths, match="from 2026-01 to 2026-05"):
            report(until=month)


def test_the_sellers_own_currency_comes_first():
    version = publish(make_plan(fees=[fee("10"), fee("9", currency="EUR"), fee("9", currency="CHF")]))
    for currency in ("CHF", "EUR", "USD"):
        subscribe(make_customer(), version, currency=currency)
    assert read_currencies(make_seller()) == ["USD", "CHF", "EUR"]


def test_a_locked_month_keeps_its_figures_and_the_change_moves_the_first_open_one():
    grows, *_ = upgrade_and_leave()
    before = report()
    for month in MONTHS[:2]:
        freeze_metrics(month, at=NOW)
    assert [row.closing for row in report().months] == [row.closing for row in before.months]
    assert [row.movements for row in report().months] == [row.movements for row in before.months]
    # A row that reaches back: the open months change, the locked ones don't.
    Subscription.objects.get(customer=grows).holdings.create(
        fee_code="seats", quantity=4, since=FEB + 2 * DAY, recorded_at=NOW
    )
    shown = report().months
    assert [int(row.closing) for row in shown] == [200, 300, 340, 100, 200]
    assert {kind: int(amount) for kind, amount in shown[2].movements.items() if amount} == {
        "new": 100,
        "contraction": -60,
    }


def test_rows_count_while_their_lock_is_in_force():
    upgrade_and_leave()
    first = freeze_metrics(MONTHS[0], at=NOW)
    unlock_month(lock_id=first.pk, reason="A mistake", by=None, at=NOW)
    assert RecurringRevenue.objects.count() == 2
    assert report().months[0].month.lock_id is None
    with pytest.raises(LockNotInForce, match="not locked any more"):
        freeze_recurring_revenue(lock=first)
    second = freeze_metrics(MONTHS[0], at=NOW)
    assert RecurringRevenue.objects.count() == 4
    assert report().months[0].month.lock_id == second.pk


def test_a_month_that_is_being_locked_is_read_live():
    upgrade_and_leave()
    freeze_recurring_revenue(lock=lock(MONTHS[0]), customers=(0, 0))
    assert report().months[0].month.lock_id is None
    assert report().months[0].closing == 200


def test_a_customer_that_left_in_a_locked_month_has_a_row_of_zeros():
    grows, returns, _ = upgrade_and_leave()
    before = report()
    for month in MONTHS[:4]:
        freeze_metrics(month, at=NOW)
    assert [row.movements for row in report().months] == [row.movements for row in before.months]
    frozen = RecurringRevenue.objects.values_list("month__month", "opening", "net")
    assert list(frozen.filter(customer=grows).order_by("month")) == [
        (1, 0, 100),
        (2, 100, 200),
        (3, 200, 200),
        (4, 200, 0),
    ]
    assert list(frozen.filter(customer=returns).order_by("month")) == [(3, 0, 100), (4, 100, 0)]


def test_freezing_in_steps_and_again_writes_each_row_once():
    upgrade_and_leave()
    of_march = lock(MONTHS[2])
    written = [freeze_recurring_revenue(lock=of_march, customers=step) for step in freezing_steps(of_march, size=2)]
    assert written == [2, 1]
    assert freeze_recurring_revenue(lock=of_march) == 0
    (totals,) = total_frozen_rows(of_march)
    assert (totals.currency, totals.rows, totals.net, totals.usage) == ("USD", 3, D(400), D(0))


def test_frozen_rows_cannot_be_changed():
    upgrade_and_leave()
    freeze_metrics(MONTHS[0], at=NOW)
    for change in (lambda: RecurringRevenue.objects.update(net=1), lambda: RecurringRevenue.objects.all().delete()):
        with pytest.raises(Exception, match="Cannot update or delete"), transaction.atomic():
            change()


def test_shown_movements_add_up_after_rounding():
    version = publish(make_plan(fees=[fee("100")], interval="year"))
    for _ in range(7):
        subscribe(make_customer(), version)
    generate_periods(until=NOW)
    shown = report().months[0].shown("USD")
    assert shown.opening + sum(shown.movements.values()) == shown.closing == D("58.33")
    assert report().arr == D("700.00")


def _random_books(seed: int) -> list[Customer]:
    """Customers with random plans, seats, coupons, pauses and ends."""
    dice = random.Random(seed)
    versions = [
        publish(
            make_plan(
                fees=[
                    fee(dice.randint(1, 500)),
                    fee(dice.randint(1, 30), label="Seats", basis="seat", included=dice.randint(0, 2)),
                    fee(dice.randint(1, 900), code="longer", label="Longer", every=dice.choice([2, 3, 12])),
                ],
                interval=interval,
                trial_days=dice.choice([0, 0, 20]),
                anchor=dice.choice(["calendar", "anniversary"]),
                commitments=[commitment(dice.randint(1, 900), periods=dice.choice([1, 12]))]
                if dice.random() < 0.4
                else [],
                offers=[offer(f"calls-{number}", rates=[rate("1")])],
            )
        )
        for number, interval in enumerate(("week", "month", "month", "quarter"))
    ]
    coupons = [
        make_coupon(percent=dice.randint(1, 60), duration="forever"),
        make_coupon(amount=dice.randint(1, 60), duration="forever", fees=["seats"]),
        make_coupon(percent=33, duration="forever", plans=[versions[0].plan.code]),
    ]
    customers = [make_customer() for _ in range(6)]
    for customer in customers:
        for version in dice.sample(versions, dice.randint(1, 2)):
            starts_at = JAN + dice.randint(0, 90) * DAY
            seats = {"seats": dice.randint(0, 9)}
            subscription = subscribe(customer, version, starts_at=starts_at, quantities=seats)
            for coupon in dice.sample(coupons, dice.randint(0, 2)):
                if not coupon.plans or version.plan.code in coupon.plans:
                    apply_coupon(subscription=subscription, coupon=coupon, at=starts_at)
            generate_periods(until=starts_at + DAY)
            set_quantity(
                subscription=subscription,
                fee_code="seats",
                quantity=dice.randint(0, 20),
                at=starts_at,
                since=starts_at + dice.randint(1, 25) * DAY,
            )
            if dice.random() < 0.3:
                cancel(subscription=subscription, at=starts_at + DAY)
            elif not version.trial_days and dice.random() < 0.4:
                paused_at = starts_at + dice.randint(5, 40) * DAY
                pause(subscription=subscription, at=starts_at, starts_at=paused_at, ends_at=paused_at + 35 * DAY)
    apply_due_pauses(at=NOW)
    generate_periods(until=NOW)
    return customers


@pytest.mark.parametrize("seed", range(6))
def test_the_reckoner_agrees_on_random_books(seed: int):
    customers = _random_books(seed)
    expected = {(customer.pk, end): reckon(customer, "USD", end) for customer in customers for end in ENDS}
    # The books begin with the second month here, so the first one stays open.
    for locked in (None, MONTHS[1], MONTHS[2]):
        if locked:
            freeze_metrics(locked, at=NOW)
        found = report()
        for row, end in zip(found.months, ENDS, strict=True):
            balances = [expected[customer.pk, end] for customer in customers]
            assert row.opening + sum(row.movements.values()) == row.closing == sum(figure.net for figure in balances)
            assert row.gross == sum(figure.gross for figure in balances)
            assert row.customers == sum(figure.net > 0 for figure in balances)
        for month, before, end in zip(MONTHS[1:], ENDS, ENDS[1:], strict=False):
            moves, _ = read_movements(seller=make_seller(), currency="USD", month=month, at=NOW)
            assert {move.customer_id: move.amount for move in moves if move.kind in KINDS} == {
                customer.pk: pytest.approx(
                    expected[customer.pk, end].net - expected[customer.pk, before].net, abs=D("0.01")
                )
                for customer in customers
                if expected[customer.pk, end].net != expected[customer.pk, before].net
            }


def _row(**fields):
    locked = lock(MONTHS[0])
    facts = {
        "lock": locked,
        "seller": locked.seller,
        "customer": make_customer(),
        "currency": "USD",
        "month": MONTHS[0],
        **dict.fromkeys(("net", "gross", "usage", "opening", "gross_opening"), D(1)),
        "digest": "0" * 32,
    }
    return RecurringRevenue(**(facts | fields))


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"net": D(-1)}, "recurring_revenue_is_finite"),
        ({"gross": D("2e17"), "net": D(1)}, "recurring_revenue_before_discounts_is_finite"),
        ({"usage": D(-1)}, "recurring_usage_is_finite"),
        ({"opening": D(-1)}, "opening_recurring_revenue_is_finite"),
        ({"gross_opening": D("2e17")}, "opening_recurring_revenue_before_discounts_is_finite"),
        ({"net": D(2)}, "discounts_never_raise_recurring_revenue"),
        ({"opening": D(2)}, "discounts_never_raised_opening_recurring_revenue"),
        ({"month": date(2026, 1, 2)}, "recurring_revenue_names_its_month_by_the_first_day"),
    ],
)
def test_the_database_checks_frozen_rows(fields, constraint):
    row = _row(**fields)
    with pytest.raises(IntegrityError, match=constraint):
        RecurringRevenue.objects.bulk_create([row])


def test_a_report_of_locked_months_alone_reads_no_subscriptions():
    upgrade_and_leave()
    freeze_metrics(MONTHS[0], at=NOW)
    assert report(until=MONTHS[0]).last.month.lock_id is not None
    balances = read_balances(seller=make_seller(), currency="USD", month=MONTHS[0], at=NOW)
    assert balances.net == report(until=MONTHS[0]).last.shown("USD").closing > 0
