"""The most specific unit cost in force applies, and the margin is the share of the price above it."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from plans.catalog.dimension_text import parse_match
from plans.pricing.charge_models import Dynamic, Flat, Graduated, Package, Percentage, PerUnit, PriceTier
from plans.pricing.cost_rates import CostRate, find_cost
from plans.pricing.unit_margin import margin_percent, unit_prices
from tests.pricing.worked_numbers import rows

D = Decimal


def day(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


RECORDED, USED = rows("unit-costs"), rows("unit-costs", table=1)
COSTS = [
    CostRate(tuple(parse_match(row["match"]).items()), D(row["cost"]), day(row["from"]), day(row["until"]))
    for row in RECORDED
]


@pytest.mark.parametrize("row", USED, ids=lambda row: row["why"] or "usual")
def test_the_documented_cost_applies(row):
    unit_cost = find_cost(COSTS, {"model": row["model"], "token": row["token"]}, day(row["used at"]))
    assert (unit_cost.cost if unit_cost else None) == (D(row["cost"]) if row["cost"] else None), row["why"]


@pytest.mark.parametrize("row", rows("margins"), ids=lambda row: row["why"] or "usual")
def test_the_margin_is_as_documented(row):
    margin = margin_percent(Fraction(row["price"]), D(row["cost"]))
    assert margin == (D(row["margin"]) if row["margin"] else None), row["why"]


LADDER = (PriceTier(D(10), D(2), D(5)), PriceTier(None, D(1)))
CHARGES = [
    # charge                              prices above             why
    (PerUnit(D("0.5")), [(0, "1/2")], "as it is"),
    (Package(D(1000), D("0.7")), [(0, "7/10000")], "the package used up"),
    (Graduated(LADDER), [(0, "2"), (10, "1")], "each tier's, its fee aside"),
    (Dynamic(D("1.5"), "unit_cost"), [(0, "3/10")], "the cost of 0.2 with its markup"),
    (Dynamic(D("1.5")), [], "the cost of events is unknown"),
    (Flat(D(9)), [], "of no unit"),
    (Percentage(D(3)), [], "of no unit"),
]


@pytest.mark.parametrize(("charge", "prices", "why"), CHARGES)
def test_a_unit_has_the_documented_prices(charge, prices, why):
    priced = [(unit_price.above_units, unit_price.price) for unit_price in unit_prices(charge, D("0.2"))]
    assert priced == [(D(above), Fraction(price)) for above, price in prices], why
