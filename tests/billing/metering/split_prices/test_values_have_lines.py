"""From events to the invoice: each value of a split price has a line of its own."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due, preview
from billing.limits.check import check
from billing.metering.ingest.parser import event_key
from billing.metering.usage.current_usage import current_usage
from billing.metering.usage.event_trace import trace_event
from billing.models import Counter, SplitValue
from invoices.models import Invoice, Line
from plans.pricing.price_splits import value_label
from tests.billing.metering.ingest.ingest_setup import send, unmatched
from tests.billing.metering.split_prices.split_setup import SENT, calls, send_calls, subscribe_by_key, usage_lines
from tests.builders import FEB, JAN, MAR, cap, rate
from tests.clean_books import clean_after_test
from tests.pricing.worked_numbers import rows

clean_books = clean_after_test("subscriptions", "usage", "invoices")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

D = Decimal
HOUR = timedelta(hours=2)
DAY = timedelta(days=1)


@pytest.mark.parametrize("row", rows("split-prices"), ids=lambda row: row["calls"])
def test_an_invoice_has_the_documented_lines(row):
    subscription = subscribe_by_key(bound=int(row["most values"]), each=row["allowance"] == "each")
    send_calls(*((value, int(n)) for value, n in (pair.split(" ") for pair in row["calls"].split(", "))))
    drafted = preview(subscription=subscription, at=JAN + 2 * DAY)
    close_due(at=FEB + HOUR)
    lines = [(text.removeprefix("calls: "), f"{amount:.2f}") for text, amount in usage_lines()]
    assert ", ".join(map(" ".join, lines)) == row["lines"]
    assert Invoice.objects.get().net.amount == drafted.totals.net == D(row["total"])


def test_the_value_is_in_the_lines_workings_and_the_rate_is_the_listed_one():
    subscribe_by_key()
    send_calls(('a"b', 30))
    close_due(at=FEB + HOUR)
    line = Line.objects.get()
    assert (line.description, line.explanation["value"], line.rate.price.split_by) == ('calls: a"b', 'a"b', "api_key")


def test_values_are_numbered_in_the_order_of_their_arrival():
    subscribe_by_key(bound=2)
    send(calls(1, "b"), calls(1, "a"), calls(1, "b"), calls(1, "c"))
    send(calls(1, "c"), calls(1))
    assert [(value.position, value.value) for value in SplitValue.objects.order_by("position")] == [
        (1, "b"),
        (2, "a"),
    ]
    assert sorted(Counter.objects.values_list("events", "quantity")) == [(1, 1), (2, 2), (3, 3)]


def test_a_property_may_be_inside_another():
    subscribe_by_key(path="user.region")
    send(calls(30, user={"region": "eu"}), calls(40, user="nobody"))
    assert [value_label(value.value) for value in SplitValue.objects.order_by("position")] == ["eu", "(none)"]


def test_a_long_text_makes_the_event_unmatched():
    subscribe_by_key()
    send(calls(1, "k" * 200), calls(1, "k" * 201))
    [(reason, meter, detail)] = unmatched()
    assert (reason, meter) == ("bad_value", "calls")
    assert detail == "calls: the text by which calls is split has 201 characters, and at most 200 count"
    assert SplitValue.objects.count() == 1


def test_each_rate_is_split():
    subscribe_by_key(included=0, rates=[rate("2", label="Large", match={"model": "large"}), rate("1", label="Small")])
    send(calls(3, "a", model="large"), calls(5, "a"), calls(7, "b"))
    close_due(at=FEB + HOUR)
    assert usage_lines() == [("Large: a", D(6)), ("Small: a", D(5)), ("Small: b", D(7))]


def test_a_period_has_its_own_values():
    subscribe_by_key(bound=1)
    send_calls(("a", 30))
    send_calls(("b", 30), ("a", 30), at=FEB + DAY)
    close_due(at=FEB + HOUR)
    close_due(at=MAR + HOUR)
    assert usage_lines() == [("calls: a", D(10)), ("calls: b", D(10)), ("calls: other", D(30))]


def test_late_usage_is_on_a_line_of_its_value():
    subscribe_by_key(included=0)
    send_calls(("a", 30))
    close_due(at=FEB + HOUR)
    send(calls(80, "a"), calls(5, "b"), at=FEB + DAY)
    close_due(at=MAR + HOUR)
    assert usage_lines(kind="late_usage") == [("calls: a (late)", D(75)), ("calls: b (late)", D(5))]


def test_a_minimum_holds_for_all_values():
    subscribe_by_key(included=0, minimum=50)
    send_calls(("a", 30), ("b", 5))
    close_due(at=FEB + HOUR)
    assert usage_lines() == [("calls: a", D(30)), ("calls: b", D(5)), ("calls: minimum of 50", D(15))]


def test_current_usage_and_its_forecast_know_the_values():
    subscribe_by_key()
    send_calls(("a", 150), ("b", 50))
    [period] = current_usage(customer="acme", sandbox=False, at=JAN + 2 * DAY)
    [feature] = period.features
    assert [(line.value, line.amount) for line in feature.rating.lines] == [("a", D(115)), ("b", D(50))]
    assert (feature.used, feature.cost) == (200, 165)


@pytest.mark.parametrize(("key", "remaining"), [("a", 0), ("b", 15), ("new", 20)])
def test_a_check_answers_for_the_allowance_of_a_value(key, remaining):
    subscribe_by_key(each=True)
    send_calls(("a", 150), ("b", 5))
    arguments = {"customer": "acme", "feature": "calls", "quantity": D(1), "sandbox": False}
    assert check(**arguments, properties={"api_key": key}, at=JAN + 2 * DAY).remaining == remaining


def test_a_check_beyond_the_bound_has_no_allowance():
    subscribe_by_key(each=True, bound=1)
    send_calls(("a", 5))
    arguments = {"customer": "acme", "feature": "calls", "quantity": D(1), "sandbox": False}
    assert check(**arguments, properties={"api_key": "b"}, at=JAN + 2 * DAY).remaining == 0


def test_a_trace_names_the_value_and_its_line():
    subscribe_by_key()
    event = calls(30, "a")
    send(calls(30, "b"), event)
    close_due(at=FEB + HOUR)
    trace = trace_event(event_key(event["id"], source="", sandbox=False))
    [contribution] = [counted for meter in trace.meters for counted in meter.counted]
    assert (contribution.rate, contribution.price.amount) == ("calls: a", D(10))
    assert [line.position for line in contribution.lines] == [1]


@pytest.mark.parametrize("sent", sorted(SENT))
def test_stored_values_are_read_as_they_were_sent(sent):
    subscribe_by_key()
    send_calls((sent, 30))
    [period] = current_usage(customer="acme", sandbox=False, at=JAN + 2 * DAY)
    [line] = period.features[0].rating.lines
    assert line.value == {"1.0": "1"}.get(sent, sent)


@pytest.mark.parametrize(
    ("match", "spent"),
    [
        # All values cost 165.00 for 200 calls, 120 of them of the large model.
        ({"model": "large"}, D("99.00")),
        ({}, D("165.00")),
    ],
)
def test_a_spend_cap_covers_all_values_of_a_split_price(match, spent):
    subscription = subscribe_by_key()
    cap(subscription, 500, feature="calls", at=JAN, match=match)
    send(calls(120, "a", model="large"), calls(30, "a", model="small"), calls(50, "b", model="small"))
    [period] = current_usage(customer="acme", sandbox=False, at=JAN + 2 * DAY)
    assert [cap_usage.spent for cap_usage in period.caps] == [spent]
