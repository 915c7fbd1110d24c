"""
A meter can compute its value; usage that can't be computed is reported with its reason and affects no other usage.
"""

from decimal import Decimal

import pytest

from billing.models.unmatched_usage import UnmatchedReason
from plans.models import Meter
from tests.billing.metering.ingest.ingest_setup import call, counted, send, unmatched
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe
from tests.clean_books import assert_clean

pytestmark = pytest.mark.django_db

D = Decimal


def subscribe_to(*meters: Meter) -> None:
    offers = [offer(make_feature(meter.code, meter=meter), rates=[rate("1", label="-")]) for meter in meters]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))


def computed(expression: str, **fields: object) -> Meter:
    fields = {"event_name": "api.call", "aggregation": "sum", **fields}
    return make_meter("work", expression=expression, **fields)


def test_computed_values_are_summed_exactly():
    subscribe_to(computed("size(parts) + usage.seconds * 0.1"))
    send(
        call("a", properties={"parts": [1, 2], "usage": {"seconds": 0.1}}),
        call("b", properties={"parts": "abc", "usage": {"seconds": "0.7"}}),
    )
    assert counted() == {"work/-/03": (2, D("5.08"))}
    assert_clean("usage", "invoices")


def test_an_event_without_a_value_is_reported_with_the_reason():
    subscribe_to(computed("a / b"), make_meter("calls", event_name="api.call"))
    send(
        call("a", properties={"a": 1}), call("b", properties={"a": 1, "b": 0}), call("c", properties={"a": 1, "b": 4})
    )
    assert counted() == {"work/-/03": (1, D("0.25")), "calls/-/03": (3, 3)}
    assert sorted(unmatched()) == [
        (UnmatchedReason.BAD_VALUE, "work", "work: the expression divides by zero"),
        (UnmatchedReason.BAD_VALUE, "work", "work: “b” is missing"),
    ]
    assert_clean("usage", "invoices")


def test_an_invalid_expression_does_not_affect_other_meters():
    subscribe_to(computed("a +"), make_meter("calls", event_name="api.call"))
    send(call("a", properties={"a": 1}))
    assert counted() == {"calls/-/03": (1, 1)}
    ((reason, of_meter, detail),) = unmatched()
    assert (reason, of_meter) == (UnmatchedReason.BAD_VALUE, "work")
    assert detail.startswith("work: its expression cannot be read.")


def test_computed_values_and_counted_events_can_require_a_cost_as_well():
    charged = [rate(model="dynamic", label="-")]
    meters = (
        computed("n * 2", price_property="cost"),
        make_meter("calls", event_name="api.call", price_property="cost"),
    )
    offers = [offer(make_feature(meter.code, meter=meter), rates=charged) for meter in meters]
    subscribe(make_customer("acme"), publish(make_plan(offers=offers)))
    send(call("a", properties={"n": 1}), call("b", properties={"n": 1, "cost": 3}))
    assert counted() == {"work/-/03": (1, 2), "calls/-/03": (1, 1)}
    assert sorted(detail for _, _, detail in unmatched()) == [
        "calls: “cost” is missing or not a number",
        "work: “cost” is missing or not a number",
    ]
    assert_clean("usage", "invoices")
