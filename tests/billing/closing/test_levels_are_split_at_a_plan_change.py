"""A level weighted by its duration is split exactly at a plan change: docs/closing.md#levels-across-a-plan-change."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due, preview
from billing.metering.usage.current_usage import current_usage
from billing.models import Period
from billing.subscriptions import ChangeRefused, change_plan, generate_periods
from invoices.models import Line
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    make_seller,
    offer,
    publish,
    rate,
    subscribe,
    tier,
)
from tests.clean_books import assert_clean
from tests.docs_tables import rows

SUBJECTS = ("subscriptions", "usage", "invoices")

pytestmark = pytest.mark.django_db

D = Decimal
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CHANGE = JAN + 10 * DAY  # 21 of 31 days are left


def version(code, *rates, recurring=False, measures="deltas"):
    meter = make_meter(
        "disk", aggregation="weighted_sum", value_property="gb", measures=measures, recurring=recurring
    )
    disk = make_feature("disk", meter=meter)
    return publish(make_plan(code, offers=[offer(disk, rates=list(rates))]))


def set_level(id_, moment, value, at=None):
    event = {"id": id_, "customer": "acme", "event": "disk", "timestamp": moment.isoformat()}
    send({**event, "properties": {"gb": value}}, at=at or moment)


def changed(old, new, events):
    """Send (day, value) events in January, and change from the old version to the new one on the 11th."""
    make_seller(zero_invoices="issue")
    subscription = subscribe(make_customer("acme"), old, JAN)
    for day, value in events:
        if day >= 10 and subscription.version_id == old.pk:
            change_plan(subscription=subscription, version=new, at=CHANGE)
            subscription.refresh_from_db()
        set_level(f"day {day}", JAN + day * DAY, value)
    if subscription.version_id == old.pk:
        change_plan(subscription=subscription, version=new, at=CHANGE)
    return subscription


def billed(*kinds):
    lines = Line.objects.filter(kind__in=kinds or ["usage"]).order_by("invoice_id", "position")
    return [(line.quantity, line.amount.amount) for line in lines]


def parse_events(text):
    return [(int(day), value.strip()) for day, value in (event.split(":") for event in text.split(","))]


@pytest.mark.parametrize("row", rows("closing.md", "levels-across-a-plan-change"), ids=lambda row: row["why"])
def test_each_part_is_charged_for_its_own_time_as_documented(row):
    terms = {"measures": row["measures"], "recurring": row["recurring"] == "yes"}
    old, new = version("small", rate("1"), **terms), version("large", rate("2"), **terms)
    changed(old, new, parse_events(row["events (day: value)"]))
    close_due(at=FEB + HOUR)
    parts = [("old quantity", "old part"), ("new quantity", "new part")]
    assert billed() == [(D(row[quantity]), D(row[amount])) for quantity, amount in parts]
    assert_clean(*SUBJECTS)


def test_previews_and_current_usage_count_the_level_that_the_new_part_continues():
    subscription = changed(version("small", rate("1")), version("large", rate("2")), [(0, 31)])
    close_due(at=CHANGE + HOUR)
    half = CHANGE + 10 * DAY
    (period_usage,) = current_usage(customer="acme", sandbox=False, at=half)
    (usage,) = period_usage.features
    assert (usage.used, usage.cost) == (D(10), D("20.00"))
    assert preview(subscription=subscription, at=FEB).totals.net == D("42.00")
    close_due(at=FEB + HOUR)
    assert billed()[-1] == (D(21), D("42.00"))


def test_tiers_continue_where_the_old_part_ended():
    ladder = rate(tiers=[tier(15, "1"), tier(None, "0.5")])
    changed(version("small", ladder), version("large", ladder), [(0, 31)])
    close_due(at=FEB + HOUR)
    # 10 GB-months at 1.00; then 5 at 1.00 and 16 at 0.50, as 31 GB-months cost without the change
    assert billed() == [(D(10), D("10.00")), (D(21), D("13.00"))]


def test_a_level_that_is_not_recurring_ends_with_the_interval():
    changed(version("small", rate("1")), version("large", rate("2")), [(0, 31)])
    generate_periods(until=MAR)
    close_due(at=FEB + HOUR)
    close_due(at=MAR + HOUR)
    assert [amount for _, amount in billed()] == [D("10.00"), D("42.00"), D("0.00")]
    assert_clean(*SUBJECTS)


@pytest.mark.parametrize("measures", ["deltas", "levels"])
def test_a_second_change_continues_the_level_as_well(measures):
    plans = [version(code, rate(price), measures=measures) for code, price in (("a", "1"), ("b", "2"), ("c", "3"))]
    subscription = changed(plans[0], plans[1], [(0, 31)])
    change_plan(subscription=subscription, version=plans[2], at=JAN + 20 * DAY)
    close_due(at=FEB + HOUR)
    assert billed() == [(D(10), D("10.00")), (D(10), D("20.00")), (D(11), D("33.00"))]
    assert_clean(*SUBJECTS)


@pytest.mark.parametrize("recurring", [False, True])
def test_late_usage_of_the_old_part_changes_the_level_of_the_new_one(recurring):
    old, new = (version(code, rate(price), recurring=recurring) for code, price in (("a", "1"), ("b", "2")))
    changed(old, new, [(0, 31)])
    generate_periods(until=APR)
    close_due(at=FEB + HOUR)
    set_level("late", JAN + 5 * DAY, 31, at=FEB + 2 * HOUR)
    late = Period.objects.filter(late_since__isnull=False).values_list("version__plan__code", flat=True)
    assert sorted(late) == ["a", "b"], "the audit finds a part that isn't marked"
    assert_clean("subscriptions", "usage")
    close_due(at=MAR + HOUR)
    assert billed("late_usage") == [(D(5), D("5.00"))], "31 GB more for 5 of the 10 days"
    close_due(at=APR + HOUR)
    assert billed("late_usage")[1:] == [(D(21), D("42.00"))], "the new part follows, after the tiers of the old one"
    assert not Period.objects.filter(late_since__isnull=False).exists()
    assert_clean(*SUBJECTS)


def test_a_new_version_without_a_default_rate_is_refused():
    by_region = make_meter("disk", aggregation="weighted_sum", value_property="gb", dimensions=["region"])
    disk = make_feature("disk", meter=by_region)
    old, new = (
        publish(make_plan(code, offers=[offer(disk, rates=rates)]))
        for code, rates in (("a", [rate("1")]), ("b", [rate("2", match={"region": "eu"})]))
    )
    subscription = subscribe(make_customer("acme"), old, JAN)
    with pytest.raises(ChangeRefused, match=r"B v1 has no default rate\. Change the plan at the end"):
        change_plan(subscription=subscription, version=new, at=CHANGE)
