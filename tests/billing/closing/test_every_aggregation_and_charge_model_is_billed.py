"""Each aggregation and each charge model, from events through ingest to the amounts of an invoice."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.closing import close_due, preview
from billing.metering.usage.current_usage import current_usage
from billing.models import Subscription, UnmatchedUsage
from invoices.models import Invoice, Line
from plans.models import Price
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
    MAR,
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
from tests.clean_books import assert_clean

SUBJECTS = ("usage", "invoices")

pytestmark = pytest.mark.django_db

D = Decimal
CLOSED = timedelta(hours=1)


def metered(
    aggregation: str, rates: Sequence[dict[str, Any]], *, price: dict[str, Any] | None = None, **meter: Any
) -> Subscription:
    """Subscribe a customer from January on to one feature, metered with these settings."""
    fields = {"event_name": "used", "aggregation": aggregation, "value_property": "n", "unit": "unit", **meter}
    feature = make_feature("metered", meter=make_meter("metered", **fields))
    version = make_plan(offers=[offer(feature, rates=rates)])
    Price.objects.update(**(price or {}))
    return subscribe(make_customer("acme"), publish(version))


def used(id_: str, at: str, n: Any = None, **properties: Any) -> dict[str, Any]:
    known = {} if n is None else {"n": n}
    return {"id": id_, "customer": "acme", "event": "used", "timestamp": at, "properties": {**known, **properties}}


def bill(at: Any = FEB) -> list[tuple[Decimal, Decimal]]:
    """Close due periods, and return (quantity, amount) of the lines of the last invoice."""
    close_due(at=at + CLOSED)
    invoice = Invoice.objects.order_by("-id").first()
    return [(line.quantity, line.amount.amount) for line in Line.objects.filter(invoice=invoice).order_by("position")]


THREE = [
    used("a", "2026-01-05T00:00:00Z", 4),
    used("b", "2026-01-10T00:00:00Z", 10),
    used("c", "2026-01-20T00:00:00Z", 1),
]

AGGREGATIONS = [
    # aggregation   quantity   why
    ("max", "10", "the greatest"),
    ("min", "1", "the least"),
    ("average", "5", "15 by 3"),
    ("latest", "1", "the last in time"),
    ("sum", "15", "all of them"),
    ("unique", "3", "three values"),
]


@pytest.mark.parametrize(("aggregation", "quantity", "why"), AGGREGATIONS)
@pytest.mark.parametrize("order", [THREE, THREE[::-1], [THREE[1], THREE[0], THREE[2]]])
def test_an_aggregation_is_billed_in_any_order(aggregation, quantity, why, order):
    metered(aggregation, [rate("2")])
    for event in order:
        send(event)
    assert bill() == [(D(quantity), 2 * D(quantity))], why
    assert_clean(*SUBJECTS)


def test_a_level_is_billed_for_its_duration():
    """31 days: 10 GB from the 1st, 4 more for the last 15.5 days."""
    metered("weighted_sum", [rate("1")])
    send(used("more", "2026-01-16T12:00:00Z", 4), used("start", "2026-01-01T00:00:00Z", 10))
    assert bill() == [(D(12), D("12.00"))]
    assert_clean(*SUBJECTS)


def test_reported_levels_cost_the_same_as_their_changes():
    metered("weighted_sum", [rate("1")], measures="levels")
    send(used("more", "2026-01-16T12:00:00Z", 14))
    send(
        used("start", "2026-01-01T00:00:00Z", 10),
        used("wrong", "2026-01-01T00:00:00Z", 99, note="sent before") | {"id": "a"},
    )
    assert bill() == [(D(12), D("12.00"))]
    assert_clean(*SUBJECTS)


@pytest.mark.parametrize("measures", ["deltas", "levels"])
def test_a_level_is_carried_over_and_a_late_event_corrects_every_later_month(measures):
    """10 from mid-January; February has no event and is billed as well; then a late event reports 2 more."""
    metered("weighted_sum", [rate("1")], measures=measures, recurring=True)
    send(used("start", "2026-01-16T12:00:00Z", 10))
    assert bill() == [(D(5), D("5.00"))]
    assert bill(MAR) == [(D(10), D("10.00"))]
    # From the first of February the level was 12: an event of January, received in March, says so.
    late = {"deltas": 2, "levels": 12}[measures]
    send(used("late", "2026-01-31T23:59:59.999999Z", late), at=MAR + 2 * CLOSED)
    send(used("again", "2026-03-01T00:00:00Z", {"deltas": 0, "levels": 12}[measures]))
    current = current_usage(customer="acme", sandbox=False, at=MAR + timedelta(days=15, hours=12))
    assert current[0].features[0].used == D(6)
    lines = bill(MAR + timedelta(days=31))
    assert (D(12), D("12.00")) in lines
    assert sum(amount for _, amount in lines) == D("14.00")
    assert_clean(*SUBJECTS)


def test_seats_come_and_go_and_stay():
    """Ada and Ben join in January, Ben leaves in February; in March it turns out that Cem had joined in January."""
    metered("unique", [rate("5")], value_property="user", operation_property="op", recurring=True)
    send(used("1", "2026-01-03T00:00:00Z", user="ada"), used("2", "2026-01-04T00:00:00Z", user="ben"))
    assert bill() == [(D(2), D("10.00"))]
    send(used("3", "2026-02-10T00:00:00Z", user="ben", op="remove"), used("4", "2026-02-11T00:00:00Z", user="ada"))
    assert bill(MAR) == [(D(1), D("5.00"))]
    send(used("5", "2026-01-20T00:00:00Z", user="cem"), at=MAR + 2 * CLOSED)
    send(used("6", "2026-01-25T00:00:00Z", user="ben", op="remove"), at=MAR + 2 * CLOSED)
    lines = bill(MAR + timedelta(days=31))
    # March: Ada and Cem. Late: January unchanged (Cem joined, Ben left), February one more.
    assert sorted(lines) == [(D(0), D("0.00")), (D(1), D("5.00")), (D(2), D("10.00"))]
    assert_clean(*SUBJECTS)


def test_peaks_reset_with_the_usage_window():
    """The greatest value of each day, summed over the month by its lines."""
    metered("max", [rate("1")], price={"resets_unit": "day"})
    send(
        used("a", "2026-01-05T08:00:00Z", 4),
        used("b", "2026-01-05T09:00:00Z", 3),
        used("c", "2026-01-06T00:00:00Z", 10),
    )
    assert bill() == [(D(4), D("4.00")), (D(10), D("10.00"))]
    assert_clean(*SUBJECTS)


def test_an_allowance_can_reset_each_week_of_a_four_week_invoice():
    feature = make_feature("metered", meter=make_meter("metered", event_name="used"))
    version = make_plan(interval="week", count=4, offers=[offer(feature, included=2, rates=[rate("1")])])
    Price.objects.update(resets_unit="week")
    subscription = subscribe(make_customer("acme"), publish(version))
    start = subscription.periods.get().starts_at
    days = [1, 2, 3, 8, 15, 16, 17, 18]  # of January: the 1st was a Thursday, and weeks begin on Monday
    send(*[used(str(day), (start + timedelta(days=day)).isoformat()) for day in days])
    close_due(at=subscription.periods.order_by("starts_at").first().ends_at + CLOSED)
    assert [line.amount.amount for line in Line.objects.order_by("position")] == [D(1), D(0), D(1), D(0)]
    assert_clean(*SUBJECTS)


PERCENTAGES = [
    # fields                                            amount   why
    ({}, "10.40", "1.3% of 800"),
    ({"fixed_fee": D(2)}, "18.40", "and 2 for each of four"),
    ({"fixed_fee": D(2), "free_events": 3}, "7.20", "only the last one pays"),
    ({"fixed_fee": D(2), "free_value": D(250)}, "11.15", "two are free, one in part"),
    ({"least_per_event": D(1), "most_per_event": D(4)}, "9.55", "each within its bounds"),
]


@pytest.mark.parametrize(("fields", "amount", "why"), PERCENTAGES)
def test_a_percentage_is_billed_in_the_order_of_time(fields, amount, why):
    metered("sum", [rate(model="percentage", percent=D("1.3"), **fields)])
    values = [(20, 400), (7, 100), (5, 50), (9, 250)]
    for day, value in values:
        send(used(f"e{day}", f"2026-01-{day:02}T00:00:00Z", value))
    assert bill() == [(D(800), D(amount))], why
    assert_clean(*SUBJECTS)


def test_a_late_event_takes_the_free_event_of_a_later_one():
    """The first event is free; when an earlier one arrives, that one is, and the first pays."""
    metered("sum", [rate(model="percentage", percent=D(10), free_events=1)])
    send(used("b", "2026-01-10T00:00:00Z", 100), used("c", "2026-01-11T00:00:00Z", 10))
    assert bill() == [(D(110), D("1.00"))]
    send(used("a", "2026-01-02T00:00:00Z", 5), at=FEB + 2 * CLOSED)
    assert bill(MAR) == [(D(5), D("10.00"))]
    assert_clean(*SUBJECTS)


def test_ranges_of_value_have_their_own_percentage():
    tiers = [tier(100, 0, 1) | {"percent": D(2)}, tier(None, 0, 0) | {"percent": D(1)}]
    metered("sum", [rate(model="graduated_percentage", tiers=tiers)])
    send(used("a", "2026-01-10T00:00:00Z", 300))
    assert bill() == [(D(300), D("5.00"))]
    assert_clean(*SUBJECTS)


def test_a_value_is_computed_and_billed():
    metered("sum", [rate("0.01")], value_property="", expression="prompt + 4 * completion / 2")
    send(
        used("a", "2026-01-10T00:00:00Z", prompt=100, completion="12.5"),
        used("b", "2026-01-11T00:00:00Z", prompt=1, completion=1),
        used("c", "2026-01-12T00:00:00Z", prompt=7),
    )
    assert [unmatched_usage.detail for unmatched_usage in UnmatchedUsage.objects.all()] == [
        "metered: “completion” is missing"
    ]
    assert bill() == [(D(128), D("1.28"))]
    assert_clean(*SUBJECTS)


def test_a_computed_level_is_weighed_like_one_that_is_sent():
    metered("weighted_sum", [rate("31")], value_property="", expression="bytes / 1024", recurring=True)
    send(used("a", "2026-01-01T00:00:00Z", bytes=2048))
    assert bill() == [(D(2), D("62.00"))]
    assert bill(MAR) == [(D(2), D("62.00"))]
    assert_clean(*SUBJECTS)


def test_the_cost_of_events_is_billed_with_a_markup():
    metered("sum", [rate(model="dynamic", markup=D("1.2"))], price_property="cost")
    send(used("a", "2026-01-10T00:00:00Z", 2, cost="0.105"), used("b", "2026-01-11T00:00:00Z", 3, cost=4))
    assert bill() == [(D(5), D("4.93"))]
    assert_clean(*SUBJECTS)


def test_an_event_without_its_cost_is_unmatched_and_not_free():
    metered("sum", [rate(model="dynamic")], price_property="cost")
    send(used("a", "2026-01-10T00:00:00Z", 2))
    close_due(at=FEB + CLOSED)
    assert not Invoice.objects.exists()
    assert_clean(*SUBJECTS)


BOUNDS = [
    # price                      units  amounts            why
    ({"minimum": D(10)}, 3, ["3.00", "7.00"], "up to the minimum"),
    ({"minimum": D(10)}, 0, ["10.00"], "also without usage"),
    ({"maximum": D(5)}, 8, ["8.00", "-3.00"], "down to the maximum"),
    ({"minimum": D(2), "maximum": D(5)}, 4, ["4.00"], "within both"),
]


@pytest.mark.parametrize(("price", "units", "amounts", "why"), BOUNDS)
def test_a_prices_bounds_have_their_own_lines(price, units, amounts, why):
    subscription = metered("sum", [rate("1")], price=price)
    if units:
        send(used("a", "2026-01-10T00:00:00Z", units))
    expected = preview(at=FEB, subscription=subscription)
    assert [amount for _, amount in bill()] == list(map(D, amounts)) == [line.amount for line in expected.lines], why
    assert_clean(*SUBJECTS)


def test_late_usage_is_set_off_against_the_minimum():
    metered("sum", [rate("1")], price={"minimum": D(10)})
    send(used("a", "2026-01-10T00:00:00Z", 3))
    assert [amount for _, amount in bill()] == [D("3.00"), D("7.00")]
    send(used("late", "2026-01-11T00:00:00Z", 4), at=FEB + 2 * CLOSED)
    # February's own minimum, 4.00 more of January and 4.00 less of January's minimum top-up.
    assert sorted(amount for _, amount in bill(MAR)) == [D("-4.00"), D("4.00"), D("10.00")]
    assert_clean(*SUBJECTS)


def test_a_minimum_exceeded_by_late_usage_is_credited():
    metered("sum", [rate("1")], price={"minimum": D(10)})
    send(used("a", "2026-01-10T00:00:00Z", 3))
    bill()
    send(used("late", "2026-01-11T00:00:00Z", 20), at=FEB + 2 * CLOSED)
    assert sorted(amount for _, amount in bill(MAR)) == [D("-7.00"), D("10.00"), D("20.00")]
    assert_clean(*SUBJECTS)


def test_half_a_month_has_half_a_minimum():
    feature = make_feature("metered", meter=make_meter("metered", event_name="used"))
    version = make_plan(offers=[offer(feature, rates=[rate("1")])])
    Price.objects.update(minimum=D(31))
    subscribe(make_customer("acme"), publish(version), starts_at=FEB - timedelta(days=10))
    assert [amount for _, amount in bill()] == [D("10.00")]
    assert_clean(*SUBJECTS)
