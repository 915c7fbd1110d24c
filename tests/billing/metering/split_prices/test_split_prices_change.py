"""Split prices under corrections, plan changes, overrides and simulations."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.metering.ingest.reprocess import reprocess
from billing.models import Period, SplitValue
from billing.simulation import simulate
from billing.subscriptions import change_plan
from tests.billing.metering.corrections.correction_setup import correct_all, correction_request
from tests.billing.metering.ingest.ingest_setup import send
from tests.billing.metering.split_prices.split_setup import (
    LADDER,
    by_key,
    calls,
    send_calls,
    subscribe_by_key,
    usage_lines,
)
from tests.builders import FEB, JAN, MAR, add_override, make_customer, make_plan, offer, publish, rate, subscribe
from tests.clean_books import clean_after_test
from tests.simulation_law import assert_simulation_equals_invoices

clean_books = clean_after_test("subscriptions", "usage", "invoices")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

D = Decimal
HOUR = timedelta(hours=2)
DAY = timedelta(days=1)


def test_a_voided_event_leaves_its_value_with_its_number():
    subscribe_by_key(included=0, bound=1)
    event = calls(30, "a")
    send(event, at=JAN + 2 * DAY)
    correct_all(correction_request(event["id"]), at=JAN + 3 * DAY)
    send(calls(40, "b"), at=JAN + 4 * DAY)
    close_due(at=FEB + HOUR)
    assert usage_lines() == [("calls: other", D(40))]


def test_a_replacement_counts_at_its_own_value():
    subscribe_by_key(included=0)
    event = calls(30, "a")
    send(event, at=JAN + 2 * DAY)
    correct_all(correction_request(event["id"], calls(35, "b")), at=JAN + 3 * DAY)
    close_due(at=FEB + HOUR)
    assert usage_lines() == [("calls: b", D(35))]


def test_reprocessed_usage_counts_at_its_value():
    version = by_key(included=0)
    customer = make_customer("acme")
    send(calls(30, "a"), at=JAN + 2 * DAY)
    subscribe(customer, version)
    assert reprocess(at=JAN + 3 * DAY).resolved == 1
    close_due(at=FEB + HOUR)
    assert usage_lines() == [("calls: a", D(30))]


def test_a_percentage_off_applies_to_each_value():
    subscription = subscribe_by_key(included=0)
    add_override(subscription, "calls", "percent", -50, at=JAN, starts_at=JAN)
    send_calls(("a", 30), ("b", 10))
    close_due(at=FEB + HOUR)
    assert usage_lines() == [("calls: a (as agreed)", D(15)), ("calls: b (as agreed)", D(5))]


def test_a_value_climbs_on_where_the_former_version_left_it():
    subscription = subscribe_by_key(included=0)
    send_calls(("a", 90), ("b", 10), ("c", 5))
    dearer = by_key(included=0, rates=[rate(tiers=[{**LADDER[0], "unit_price": D(2)}, LADDER[1]])])
    change_plan(subscription=subscription, version=dearer, at=JAN + 10 * DAY)
    close_due(at=JAN + 10 * DAY + HOUR)
    # In the new period, c has the first number.
    send_calls(("c", 5), ("a", 20), at=JAN + 11 * DAY)
    close_due(at=FEB + HOUR)
    # 10 more of a are in the first tier, and 10 in the second.
    assert usage_lines()[-2:] == [("calls: a", D(25)), ("calls: c", D(10))]


def simulated(version, *, period):
    [result] = simulate(period_ids=[period.pk], versions=[version], at=MAR)
    [bill] = result.after
    return {line.description: line.amount for line in bill.lines if line.amount}


def test_a_simulation_splits_by_another_property_or_not_at_all():
    subscription = subscribe_by_key(included=0)
    send(calls(90, "a", team="x"), calls(60, "b", team="x"), calls(30, "b"), at=JAN + 2 * DAY)
    close_due(at=FEB + HOUR)
    period = Period.objects.filter(subscription=subscription).earliest("starts_at")
    assert simulated(by_key(included=0, path="team"), period=period) == {
        "calls: (none)": D(30),
        "calls: x": D(125),
    }
    assert simulated(by_key(included=0, path=""), period=period) == {"calls": D(140)}
    assert simulated(by_key(included=20, each=True), period=period) == {"calls: a": D(70), "calls: b": D(70)}
    assert simulated(by_key(included=0, bound=1), period=period) == {"calls: a": D(90), "calls: other": D(90)}


@pytest.mark.parametrize("bound", [2, 1000])
def test_a_simulation_of_the_prices_in_force_equals_the_invoices(bound):
    subscribe_by_key(bound=bound, minimum=300)
    send_calls(("a", 150), ("b", 50), ("c", 90), ("b", 70))
    close_due(at=FEB + HOUR)
    assert_simulation_equals_invoices(at=FEB + DAY)


def test_an_unsplit_price_numbers_no_values():
    plain = publish(make_plan(offers=[offer("calls", rates=[rate(1)])]))
    subscribe(make_customer("acme"), plain)
    send(calls(1, "a"), at=JAN + 2 * DAY)
    assert not SplitValue.objects.exists()
