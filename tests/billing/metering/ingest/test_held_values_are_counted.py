"""Values are counted for the time they are held, whatever the order of arrival, and after corrections."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.metering.usage.current_usage import current_usage
from billing.models import AggregateState, MembershipStep
from billing.subscriptions import change_plan, generate_periods
from invoices.models import Line
from tests.billing.metering.corrections.correction_setup import void
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import (
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
)
from tests.clean_books import assert_clean

pytestmark = pytest.mark.django_db

D = Decimal
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LATE = MAR + HOUR
CHANGES = [  # day, seat, operation
    (0, "a", "add"),
    (5, "b", "add"),
    (15.5, "a", "remove"),
    (15.75, "a", "add"),
    (20, "b", "remove"),
    (31, "c", "add"),
    (40, "a", "remove"),
    (45, "b", "add"),
]


def version(code, held_by, price):
    meter = make_meter(
        "seats",
        aggregation="unique",
        value_property="user",
        operation_property="operation",
        recurring=True,
        held_by=held_by,
    )
    return publish(make_plan(code, offers=[offer(make_feature("seats", meter=meter), rates=[rate(price)])]))


def event(day, seat, operation):
    return {
        "id": f"{day} {seat}",
        "customer": "acme",
        "event": "seats",
        "timestamp": (JAN + day * DAY).isoformat(),
        "properties": {"user": seat, "operation": operation},
    }


def stored():
    """Return the stored states and steps, without their ids."""
    states = AggregateState.objects.order_by("series__period__starts_at").values_list("members", "moment")
    return list(states), sorted(MembershipStep.objects.values_list("digest", "at", "key", "joins"))


@pytest.fixture
def acme(db):
    make_seller(zero_invoices="issue")
    return make_customer("acme")


@pytest.mark.parametrize(("held_by", "january"), [("second", "45.75"), ("day", "46")])
def test_a_month_is_charged_for_the_time_held(acme, held_by, january):
    subscribe(acme, version("team", held_by, "31"), JAN)
    for change in CHANGES[:5]:
        send(event(*change), at=JAN + change[0] * DAY)
    (period_usage,) = current_usage(customer="acme", sandbox=False, at=FEB - HOUR)
    assert period_usage.features[0].used > 1
    close_due(at=FEB + HOUR)
    assert [line.amount.amount for line in Line.objects.filter(kind="usage")] == [D(january)]
    assert_clean("subscriptions", "usage", "invoices")


@pytest.mark.parametrize("held_by", ["second", "day"])
def test_the_order_of_arrival_does_not_matter(acme, held_by):
    subscribe(acme, version("team", held_by, "31"), JAN)
    generate_periods(until=LATE)
    shuffled = CHANGES.copy()
    random.Random(7).shuffle(shuffled)
    for change in shuffled:
        send(event(*change), at=LATE)
    # what the oracle computes from all events in order
    assert_clean("usage")


@pytest.mark.parametrize("held_by", ["second", "day"])
def test_a_voided_event_leaves_the_state_as_if_it_had_never_been_sent(acme, held_by):
    subscribe(acme, version("team", held_by, "31"), JAN)
    generate_periods(until=LATE)
    send(*(event(*change) for change in CHANGES), at=LATE)
    before = stored()
    send(event(10, "a", "remove"), event(25, "b", "add"), at=LATE)
    assert stored() != before
    void("10 a", "25 b", at=LATE)
    assert stored() == before
    assert_clean("usage")


def test_a_plan_change_splits_the_time_exactly(acme):
    subscription = subscribe(acme, version("small", "second", "31"), JAN)
    send(event(0, "a", "add"), at=JAN)
    change_plan(subscription=subscription, version=version("large", "second", "62"), at=JAN + 10.5 * DAY)
    close_due(at=FEB + HOUR)
    assert [line.amount.amount for line in Line.objects.filter(kind="usage")] == [D("10.50"), D("41.00")]
    assert_clean("subscriptions", "usage", "invoices")


def test_late_usage_moves_the_intervals_of_its_value_only(acme):
    subscribe(acme, version("team", "second", "31"), JAN)
    generate_periods(until=MAR)
    send(event(0, "a", "add"), event(0, "b", "add"), at=JAN)
    close_due(at=FEB + HOUR)
    send(event(10, "a", "remove"), at=FEB + HOUR)
    close_due(at=MAR + HOUR)
    assert_clean("subscriptions", "usage", "invoices")
    assert Line.objects.filter(kind__in=["late_usage", "usage_credit"]).exists()
