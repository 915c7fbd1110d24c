"""The cost of usage by day, model and key: its parts sum to the cost so far, and rates keep their own amounts."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from billing.metering.usage import cost_split
from billing.metering.usage.cost_split import split_cost
from billing.metering.usage.current_usage import current_usage
from billing.portal.date_ranges import Days
from billing.portal.usage_cost import read_meter_cost
from plans.models import Meter
from tests.builders import FEB
from tests.portal.accounts import DAY, TODAY, send
from tests.portal.test_usage_is_put_in_words import FIGURES

SPLITS = [
    # cost     currency  weights          parts                       why
    ("6.88", "USD", (2, 1, 1), ("3.44", "1.72", "1.72"), "in proportion"),
    ("0.01", "USD", (1, 1), ("0.01", "0.00"), "a cent is not divided"),
    ("100", "JPY", (1, 1, 1), ("34", "33", "33"), "yen have no minor unit"),
    ("1.5", "XCR", (1, 2), ("0.5", "1"), "credits have two places"),
    ("0.0000025", "XCR", (1, 0), ("0.0000025", "0"), "or as many as the cost"),
    ("5", "USD", (0, 0), ("0", "0"), "without usage, nothing is shared"),
    ("-1", "USD", (1, -5), ("-1", "0"), "usage that was taken back has no share"),
]


@pytest.mark.parametrize(("cost", "currency", "weights", "parts", "why"), SPLITS)
def test_a_cost_is_split_by_weight(cost, currency, weights, parts, why):
    shares = split_cost(Decimal(cost), currency, [Fraction(weight) for weight in weights])

    assert shares == tuple(Decimal(part) for part in parts), why


@given(
    cents=st.integers(-(10**9), 10**9), weights=st.lists(st.fractions(0, 10**6), min_size=1, max_size=50).filter(any)
)
def test_parts_sum_to_the_cost(cents, weights):
    cost = Decimal(cents).scaleb(-2)

    assert sum(split_cost(cost, "USD", weights)) == cost


def shown(client, address: str = "/portal/usage") -> str:
    return " ".join(client.get(address).content.decode().split())


@pytest.mark.django_db
def test_models_with_prices_of_their_own_have_their_own_cost(own):
    """540 + 36 calls in nine days: 500 are included, which m1 uses first: docs/pricing.md#rating."""
    [usage] = current_usage(customer="walnut", sandbox=False, at=TODAY)
    [feature] = usage.features
    context = own.client().get("/portal/usage").context
    [breakdown] = context["breakdowns"]
    costs = {value["value"]: value["cost"] for value in breakdown["values"]}
    amounts = {line.label: line.amount for line in feature.rating.lines}

    assert breakdown["name"] == "model"
    assert {value: Decimal(cost[1:]) for value, cost in costs.items()} == {
        "m1": amounts["m1"].quantize(Decimal("0.01")),
        "m2": amounts["other"].quantize(Decimal("0.01")),
    }
    assert sum(Decimal(row["cost"][1:]) for row in context["rows"]) == feature.cost
    assert sum(Decimal(value["share"]) for value in breakdown["values"]) == 100


@pytest.mark.django_db
def test_an_earlier_period_has_quantities_only(own):
    page = own.client().get("/portal/usage?period=before")

    assert page.context["has_cost"] is False
    assert all(value["cost"] == "" for value in page.context["breakdowns"][0]["values"])


@pytest.mark.django_db
def test_very_many_values_have_no_cost_by_day(own, monkeypatch):
    [usage] = current_usage(customer="walnut", sandbox=False, at=TODAY)
    days = Days(FEB.date(), TODAY.date() + timedelta(days=1), FIGURES.zone, (usage.period_id,))
    meter = Meter.objects.get()
    monkeypatch.setattr(cost_split, "MAX_ROWS", 2)

    cost = read_meter_cost(meter, days, [usage])
    assert not cost.has_days
    assert set(cost.by_value("model", ["m1", "m2"], FIGURES)) == {"m1", "m2"}

    monkeypatch.setattr(cost_split, "MAX_ROWS", 1)
    assert read_meter_cost(meter, days, [usage]) is None
    assert "too many values" in shown(own.client())


@pytest.mark.django_db
def test_many_models_are_read_in_as_many_queries_as_one(own):
    client = own.client()
    client.get("/portal/usage")
    with CaptureQueriesContext(connection) as few:
        client.get("/portal/usage")
    send(own.customer, [(FEB + DAY * 9 + timedelta(hours=hour), 1, f"m{hour}") for hour in range(12)], "walnut")
    with CaptureQueriesContext(connection) as many:
        client.get("/portal/usage")

    assert len(many) == len(few)
