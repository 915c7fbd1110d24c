"""The workings of a line list the levels that its quantity is made of: docs/metering.md#workings."""

from datetime import timedelta

import pytest

from billing.closing import close_due, preview
from billing.subscriptions import change_plan, generate_periods
from invoices.models import Line
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
    FEB,
    JAN,
    MAR,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.clean_books import assert_clean

pytestmark = pytest.mark.django_db

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SUBJECTS = ("subscriptions", "usage", "invoices")
HELD = {"aggregation": "unique", "value_property": "n", "operation_property": "op", "recurring": True}


def plan(code="plan", *, rates=(), **meter):
    level = make_meter("level", **{"aggregation": "weighted_sum", "value_property": "n", **meter})
    return publish(make_plan(code, offers=[offer(make_feature("level", meter=level), rates=rates or [rate("1")])]))


def change(day, n, *, at=None, **properties):
    moment = JAN + timedelta(days=1) * day
    event = {"id": f"{day} {n} {properties}", "customer": "acme", "event": "level", "timestamp": moment.isoformat()}
    send({**event, "properties": {"n": n, **properties}}, at=at or moment)


def levels(line):
    """Return (level, from, to) of a line, times in days since New Year."""
    return [(span["level"], days(span["from"]), days(span["to"])) for span in line.explanation["levels"]]


def days(text):
    return (type(JAN).fromisoformat(text) - JAN) / DAY


@pytest.mark.parametrize(
    ("measures", "changes"), [("deltas", [(0, 4), (10, 2), (20, -6)]), ("levels", [(0, 4), (10, 6), (20, 0)])]
)
def test_a_weighted_sum_lists_each_level_with_its_time(measures, changes):
    subscription = subscribe(make_customer("acme"), plan(measures=measures))
    for day, n in changes:
        change(day, n)
    draft = preview(subscription=subscription, at=FEB)
    close_due(at=FEB + HOUR)
    line = Line.objects.get(kind="usage")
    assert levels(line) == [("4", 0, 10), ("6", 10, 20), ("0", 20, 31)]
    assert draft.lines[-1].explanation.decode().count('"level"') == 3
    assert_clean(*SUBJECTS)


def test_a_level_that_is_carried_over_is_listed_from_the_start():
    subscribe(make_customer("acme"), plan(recurring=True))
    change(10, 4)
    generate_periods(until=MAR)
    close_due(at=MAR + HOUR)
    first, second = Line.objects.filter(kind="usage").order_by("pk")
    assert levels(first) == [("0", 0, 10), ("4", 10, 31)]
    assert levels(second) == [("4", 31, 59)]
    assert_clean(*SUBJECTS)


def test_each_part_of_a_split_period_lists_its_own_levels():
    subscription = subscribe(make_customer("acme"), plan())
    change(0, 4)
    change_plan(subscription=subscription, version=plan("other"), at=JAN + 10 * DAY)
    close_due(at=FEB + HOUR)
    assert [levels(line) for line in Line.objects.filter(kind="usage").order_by("pk")] == [
        [("4", 0, 10)],
        [("4", 10, 31)],
    ]
    assert_clean(*SUBJECTS)


def test_levels_of_several_dimensions_at_one_rate_are_added():
    subscribe(make_customer("acme"), plan(dimensions=["disk"], measures="levels"))
    change(0, 4, disk="a")
    change(5, 3, disk="b")
    change(10, 1, disk="a")
    close_due(at=FEB + HOUR)
    assert levels(Line.objects.get(kind="usage")) == [("4", 0, 5), ("7", 5, 10), ("4", 10, 31)]
    assert_clean(*SUBJECTS)


@pytest.mark.parametrize("held_by", ["second", "day"])
def test_held_values_list_their_number(held_by):
    subscribe(make_customer("acme"), plan(held_by=held_by, **HELD))
    change(0, "ann")
    change(5, "bob")
    change(6, "bob")  # again: no change
    change(10, "ann", op="remove")
    change(20, "bob", op="remove")
    close_due(at=FEB + HOUR)
    assert levels(Line.objects.get(kind="usage")) == [("1", 0, 5), ("2", 5, 10), ("1", 10, 20), ("0", 20, 31)]
    assert_clean(*SUBJECTS)


def test_a_long_list_is_cut_and_says_where_it_ends():
    subscribe(make_customer("acme"), plan())
    for number in range(150):
        change(number / 8, 1, at=FEB)
    close_due(at=FEB + HOUR)
    explanation = Line.objects.get(kind="usage").explanation
    assert len(explanation["levels"]) == 100
    assert explanation["levels_until"] == explanation["levels"][-1]["to"]
    assert_clean(*SUBJECTS)
