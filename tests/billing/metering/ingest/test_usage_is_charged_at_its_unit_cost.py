"""A price can charge unit costs, at the cost in force when the units were used; the charged cost does not change."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.metering.ingest.reprocess import reprocess
from billing.models import Counter, Subscription
from invoices.models import Line
from plans.costs.unit_costs import CostRefused, remove_cost
from plans.models import Meter, UnitCost
from tests.billing.metering.corrections.correction_setup import replace
from tests.billing.metering.ingest.ingest_setup import send, unmatched
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    make_cost,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.clean_books import clean_after_test

clean_books = clean_after_test("usage", "invoices", "wallets")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

D = Decimal
HOUR = timedelta(hours=1)


def tokens() -> Meter:
    return make_meter("tokens", event_name="used", aggregation="sum", value_property="n", dimensions=["model"])


def passed_on(**fields):
    return rate(model="dynamic", cost_source="unit_cost", markup=D("1.5"), label="passed on", **fields)


def subscribe_acme(*rates, currency="USD") -> Subscription:
    offers = [offer(make_feature("tokens", meter=tokens()), rates=rates or [passed_on()], currency=currency)]
    customer = make_customer("acme", currency=currency)
    return subscribe(customer, publish(make_plan(offers=offers)), currency=currency)


def used(id_, n, at=NOW, **properties):
    sent = {"id": id_, "customer": "acme", "event": "used", "timestamp": at.isoformat()}
    return sent | {"properties": {"n": n, **properties}}


def counted_costs() -> list[Decimal]:
    return [counter.carried for counter in Counter.objects.order_by("period__starts_at", "rate_id")]


def test_usage_is_charged_at_the_most_specific_cost_of_its_time():
    make_cost(tokens(), "0.01")
    make_cost(tokens(), "0.002", match={"model": "a"})
    make_cost(tokens(), "0.003", match={"model": "a"}, since=NOW)
    subscribe_acme()
    before, after = NOW - HOUR, NOW
    send(used("1", 10, before, model="b"), used("2", 10, before, model="a"), used("3", "10.5", after, model="a"))
    assert counted_costs() == [D("0.1") + D("0.02") + D("0.0315")]


def test_the_cost_is_billed_with_its_markup():
    make_cost(tokens(), "0.000125")
    subscribe_acme()
    send(used("1", 100_000))
    close_due(at=APR + HOUR)
    assert [line.amount.amount for line in Line.objects.all()] == [D("18.75")]


def test_the_cost_is_in_the_subscriptions_currency():
    make_cost(tokens(), 2)
    make_cost(tokens(), 300, currency="JPY")
    subscribe_acme(currency="JPY")
    send(used("1", 3))
    assert counted_costs() == [D(900)]


def test_only_rates_that_charge_costs_record_them():
    make_cost(tokens(), 2, match={"model": "a"})
    subscribe_acme(passed_on(match={"model": "a"}), rate("0.5", label="others"))
    send(used("1", 3, model="a"), used("2", 4, model="b"))
    assert counted_costs() == [D(6), D(0)]


def test_each_event_costs_one_unit_where_events_are_counted():
    calls = make_meter("calls", event_name="called")
    make_cost(calls, "0.25")
    version = publish(make_plan(offers=[offer(make_feature("calls", meter=calls), rates=[passed_on()])]))
    subscribe(make_customer("acme"), version)
    send(*({"id": f"{n}", "customer": "acme", "event": "called"} for n in range(3)))
    assert counted_costs() == [D("0.75")]


def test_usage_without_a_cost_is_reported_and_billed_once_a_cost_exists():
    make_cost(tokens(), 1, since=MAR)
    subscribe_acme()
    send(used("1", 5, FEB), used("2", 5, MAR))
    assert [(reason, meter) for reason, meter, _ in unmatched()] == [("no_cost", "tokens")]
    make_cost(tokens(), 2, since=JAN)
    assert reprocess(at=NOW).resolved == 1
    assert counted_costs() == [D(10), D(5)]


def test_a_voided_event_removes_its_cost():
    make_cost(tokens(), "0.5")
    subscribe_acme()
    send(used("1", 10), used("2", 4))
    assert replace("1", used("1b", 6)) == "accepted"
    assert counted_costs() == [D(5)]


@pytest.fixture
def counted():
    """Record an hour of usage, charged at the cost since January, which is 1."""
    cost = make_cost(tokens(), 1)
    subscribe_acme()
    send(used("1", 5, NOW + timedelta(minutes=20), model="a"))
    return cost


CHANGES = [
    # change                                                 why
    (lambda: make_cost(tokens(), 2), "another figure"),
    (lambda: make_cost(tokens(), 2, since=NOW), "from the hour on"),
    (lambda: make_cost(tokens(), 2, since=NOW, match={"model": "a"}), "a more specific one"),
    (lambda: make_cost(tokens(), 1, valid_to=NOW), "an end before it"),
    (lambda: remove_cost(cost=UnitCost.objects.get(), by=None, at=NOW), "none at all"),
]


@pytest.mark.parametrize(("change", "why"), CHANGES, ids=[why for _, why in CHANGES])
def test_a_cost_that_usage_was_charged_at_can_not_be_changed(counted, change, why):
    with pytest.raises(CostRefused, match="usage up to 2026-03-10 13:00 UTC was charged"):
        change()
    assert [(unit_cost.pk, unit_cost.cost, unit_cost.valid_to) for unit_cost in UnitCost.objects.all()] == [
        (counted.pk, 1, None)
    ]


FINE = [
    # change                                                 why
    (lambda: make_cost(tokens(), 2, since=NOW + HOUR), "from the hour after"),
    (lambda: make_cost(tokens(), 2, since=NOW, match={"model": "b"}), "for usage that there was none of"),
    (lambda: make_cost(tokens(), 2, since=NOW, currency="EUR"), "in another currency"),
    (lambda: make_cost(tokens(), 1, note="as agreed"), "a note"),
    (lambda: make_cost(tokens(), 9, since=JAN - HOUR), "before it"),
]


@pytest.mark.parametrize(("change", "why"), FINE, ids=[why for _, why in FINE])
def test_a_cost_without_usage_can_be_changed(counted, change, why):
    assert change().pk


def test_a_default_cost_can_be_added_to_a_specific_one_in_use():
    make_cost(tokens(), 1, match={"model": "a"})
    subscribe_acme()
    send(used("1", 5, model="a"), used("2", 5, model="b"))
    make_cost(tokens(), 3)
    reprocess(at=NOW)
    assert counted_costs() == [D(20)]
