"""Committed MRR is what subscriptions are billed for by the month, whatever happens to them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.revenue.metrics.live_balances import LIVE_BALANCES, live_parameters
from billing.subscriptions import (
    apply_coupon,
    apply_customer_coupon,
    apply_due_pauses,
    cancel,
    change_plan,
    generate_periods,
    pause,
    remove_coupon,
    set_quantity,
)
from customers.models import Customer, Seller
from lib import sql
from tests.billing.revenue.metrics.reckoner import reckon
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    add_commitment,
    commitment,
    fee,
    make_coupon,
    make_customer,
    make_plan,
    make_seller,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
)

pytestmark = pytest.mark.django_db

D = Decimal
MAY = datetime(2026, 5, 1, tzinfo=UTC)
ENDS = [FEB, MAR, APR, MAY]
DAY = timedelta(days=1)


def balances(seller: Seller | None = None) -> dict[tuple[int, str], list[tuple[Decimal, Decimal, Decimal]]]:
    """Return (customer, currency) → net, gross and commitment at each month end."""
    rows = sql.fetch_rows(LIVE_BALANCES, live_parameters(seller or make_seller(), ENDS))
    found: dict[tuple[int, str], list[tuple[Decimal, Decimal, Decimal]]] = {}
    for customer, currency, first, last, *figures in rows:
        row = found.setdefault((customer, currency), [(D(0), D(0), D(0))] * len(ENDS))
        row[first - 1 : last] = [tuple(figures)] * (last - first + 1)
    return found


def net(customer: Customer, currency: str = "USD") -> list[str]:
    """Return the customer's net MRR at each month end, as text to two places; check all figures by the reckoner."""
    shown = balances().get((customer.pk, currency), [(D(0), D(0), D(0))] * len(ENDS))
    assert shown == [reckon(customer, currency, end) for end in ENDS]
    return [f"{figures[0]:.2f}" for figures in shown]


def on(*fees: dict, starts_at: datetime = JAN, **fields):
    """Return a new customer and its subscription to these fees, with all periods of the test."""
    customer = make_customer()
    quantities = fields.pop("quantities", None)
    facts = {"quantities": quantities} if quantities else {}
    subscription = subscribe(customer, publish(make_plan(fees=fees, **fields)), starts_at=starts_at, **facts)
    return customer, subscription


INTERVALS = [
    # interval, count, amount, months' amount
    ("day", 1, "1", "30.42"),
    ("week", 1, "10", "43.33"),
    ("week", 2, "10", "21.67"),
    ("month", 1, "100", "100.00"),
    ("quarter", 1, "300", "100.00"),
    ("month", 6, "600", "100.00"),
    ("year", 1, "1200", "100.00"),
]


@pytest.mark.parametrize(("interval", "count", "amount", "monthly"), INTERVALS)
def test_a_fee_counts_by_the_month(interval, count, amount, monthly):
    customer, _ = on(fee(amount), interval=interval, count=count)
    generate_periods(until=MAY)
    assert net(customer) == [monthly] * 4


def test_a_yearly_fee_on_a_monthly_plan_counts_by_the_month():
    customer, _ = on(fee("5"), fee("1200", code="yearly", label="Yearly", every=12))
    generate_periods(until=MAY)
    assert net(customer) == ["105.00"] * 4


def test_one_time_fees_and_usage_do_not_recur():
    customer, _ = on(fee("50", kind="one_time"), offers=[offer("calls", rates=[rate("1")])])
    generate_periods(until=MAY)
    assert net(customer) == ["0.00"] * 4


def test_a_subscription_that_starts_at_midnight_of_the_first_counts_in_the_month_that_begins():
    customer, _ = on(fee("31"), starts_at=FEB)
    generate_periods(until=MAY)
    assert net(customer) == ["0.00", "31.00", "31.00", "31.00"]


def test_a_canceled_subscription_counts_to_the_end_of_its_last_period():
    customer, subscription = on(fee("31"))
    generate_periods(until=MAR - DAY)
    cancel(subscription=subscription, at=MAR - DAY)
    generate_periods(until=MAY)
    assert net(customer) == ["31.00", "31.00", "0.00", "0.00"]


def test_a_trial_does_not_count():
    customer, _ = on(fee("31"), trial_days=45)
    generate_periods(until=MAY)
    assert net(customer) == ["0.00", "31.00", "31.00", "31.00"]


def test_a_pause_does_not_count():
    customer, subscription = on(fee("31"))
    generate_periods(until=FEB)
    pause(subscription=subscription, at=FEB, starts_at=FEB + DAY, ends_at=MAR + 4 * DAY)
    apply_due_pauses(at=MAR + 4 * DAY)
    generate_periods(until=MAY)
    assert net(customer) == ["31.00", "0.00", "31.00", "31.00"]


def test_quantities_count_as_they_are_held():
    customer, subscription = on(fee("10", label="Seats", basis="seat", included=2, least=1), quantities={"seats": 5})
    generate_periods(until=FEB)
    set_quantity(subscription=subscription, fee_code="seats", quantity=8, at=FEB + DAY)
    set_quantity(subscription=subscription, fee_code="seats", quantity=9, at=FEB + DAY, since=MAR)
    generate_periods(until=MAY)
    assert net(customer) == ["30.00", "60.00", "70.00", "70.00"]


def test_seats_begin_with_the_least_quantity():
    customer, _ = on(fee("10", label="Seats", basis="seat", least=3))
    generate_periods(until=MAY)
    assert net(customer) == ["30.00"] * 4


def test_a_plan_change_and_back_counts_at_each_month_end():
    small, large = publish(make_plan("small", fees=[fee("10")])), publish(make_plan("large", fees=[fee("90")]))
    customer = make_customer()
    subscription = subscribe(customer, small)
    generate_periods(until=FEB)
    for version, at in ((large, FEB + DAY), (small, MAR + DAY)):
        generate_periods(until=at)
        change_plan(subscription=subscription, version=version, at=at)
        subscription.refresh_from_db()
    generate_periods(until=MAY)
    assert net(customer) == ["10.00", "90.00", "10.00", "10.00"]


def test_a_permanent_coupon_is_deducted_and_others_are_not():
    customer, subscription = on(fee("100"))
    apply_coupon(subscription=subscription, coupon=make_coupon(percent=50, duration="once"), at=JAN)
    forever = apply_coupon(subscription=subscription, coupon=make_coupon(percent=10, duration="forever"), at=JAN)
    generate_periods(until=MAY)
    assert net(customer) == ["90.00"] * 4
    remove_coupon(redemption=forever, at=MAR)
    assert net(customer) == ["90.00", "90.00", "100.00", "100.00"]
    assert [figures[1] for figures in balances()[customer.pk, "USD"]] == [D(100)] * 4


def test_coupons_apply_in_their_order_to_the_fees_in_their_scope():
    seats = fee("10", label="Seats", basis="seat")
    customer, subscription = on(fee("30"), seats, quantities={"seats": 5})
    other = subscribe(customer, publish(make_plan(fees=[fee("120")], interval="year")))
    assert other.pk
    apply_coupon(subscription=subscription, coupon=make_coupon(amount=8, duration="forever", fees=["seats"]), at=JAN)
    apply_customer_coupon(customer=customer, coupon=make_coupon(percent=25, duration="forever"), at=JAN)
    apply_customer_coupon(
        customer=customer, coupon=make_coupon(amount=9, duration="forever", period_months=3), at=JAN
    )
    apply_coupon(
        subscription=subscription, coupon=make_coupon(amount=500, duration="forever", features=["x"]), at=JAN
    )
    generate_periods(until=MAY)
    # (30 + 50 − 8 + 10) × 0.75 − 3
    assert net(customer) == ["58.50"] * 4


def test_a_coupon_takes_at_most_the_fees():
    customer, subscription = on(fee("10"))
    apply_coupon(subscription=subscription, coupon=make_coupon(amount=50, duration="forever"), at=JAN)
    generate_periods(until=MAY)
    assert net(customer) == ["0.00"] * 4


def test_a_commitment_counts_by_the_month_and_no_coupon_reduces_it():
    customer, subscription = on(
        fee("31"),
        fee("10", label="Seats", basis="seat"),
        quantities={"seats": 5},
        commitments=[commitment("6000", periods=12)],
        offers=[offer("calls", rates=[rate("1")])],
    )
    apply_coupon(subscription=subscription, coupon=make_coupon(percent=10, duration="forever"), at=JAN)
    generate_periods(until=MAY)
    assert net(customer) == ["572.90"] * 4
    assert balances()[customer.pk, "USD"][0][2] == D(500)


def test_an_own_commitment_replaces_the_versions():
    customer, subscription = on(
        fee("31"), commitments=[commitment("100")], offers=[offer("calls", rates=[rate("1")])]
    )
    generate_periods(until=FEB)
    add_commitment(subscription, 40, at=FEB + DAY, starts_at=MAR)
    generate_periods(until=MAY)
    assert net(customer) == ["131.00", "131.00", "71.00", "71.00"]


def test_a_commitment_that_bills_no_true_up_guarantees_nothing():
    customer, _ = on(
        fee("31"), commitments=[commitment("100", trues_up=False)], offers=[offer("calls", rates=[rate("1")])]
    )
    generate_periods(until=MAY)
    assert net(customer) == ["31.00"] * 4


def test_commitments_in_units_and_per_window_count_with_their_worth():
    in_units, _ = on(
        commitments=[commitment(units=1000, feature="calls")], offers=[offer("calls", rates=[rate("0.05")])]
    )
    per_day, _ = on(
        commitments=[commitment("2", feature="texts", per_window=True)],
        offers=[offer("texts", rates=[rate("1")], price={"resets_unit": "day"})],
    )
    generate_periods(until=MAY)
    found = balances()
    assert [f"{found[customer.pk, 'USD'][0][0]:.2f}" for customer in (in_units, per_day)] == ["50.00", "60.83"]


def test_currencies_and_sellers_are_never_added_and_sandboxes_never_counted():
    version = publish(make_plan(fees=[fee("10"), fee("9", currency="EUR")]))
    customer = make_customer()
    subscribe(customer, version)
    subscribe(customer, version, currency="EUR")
    subscribe(make_customer(sandbox=True), version)
    elsewhere = make_customer(seller=make_seller("other"))
    subscribe(elsewhere, version)
    generate_periods(until=MAY)
    assert {key: row[0][0] for key, row in balances().items()} == {
        (customer.pk, "USD"): D(10),
        (customer.pk, "EUR"): D(9),
    }
    assert {*balances(make_seller("other"))} == {(elsewhere.pk, "USD")}


def test_a_price_that_includes_tax_counts_without_it():
    make_tax("19")
    customer, _ = on(fee("119"), prices_include_tax=True)
    close_due(at=FEB)
    generate_periods(until=MAY)
    assert [f"{figures[0]:.2f}" for figures in balances()[customer.pk, "USD"]] == ["100.00"] * 4


def test_fractions_are_exact_to_the_last_place():
    customer, _ = on(fee("10"), interval="week")
    generate_periods(until=MAY)
    assert balances()[customer.pk, "USD"][0][0] == D("43.33333333333333333333")
