"""Billing in steps what has come in so far always sums to the price of the whole."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.charges import Package, PerUnit
from plans.pricing.money import round_money
from plans.pricing.rating import PriceTerms, Rate, rate_usage
from tests.pricing.strategies import CURRENCIES, LAW, charges, quantities
from tests.pricing.worked import rows

D = Decimal


@pytest.mark.parametrize(("table", "charge"), [(0, Package(D(10), D(15))), (1, PerUnit(D("0.001")))])
def test_steps_are_billed_as_documented(table, charge):
    billed = D(0)
    for row in rows("cumulative-minus-billed", table=table):
        price = rate_usage(PriceTerms("USD", (Rate(1, (), charge),)), {1: D(row["used so far"])}).invoiced
        assert (price, billed, price - billed) == tuple(
            D(row[column]) for column in ("price of all", "billed before", "to bill now")
        )
        billed = price


@LAW
@given(charges, quantities, st.lists(quantities, max_size=4), CURRENCIES)
def test_the_lines_of_all_steps_sum_to_the_price_of_the_last(charge, included, steps, currency):
    terms = PriceTerms(currency, (Rate(1, (), charge),), included)
    lines, billed = [], D(0)
    for used in [*steps, D(100)]:
        due = rate_usage(terms, {1: used}).invoiced - billed
        lines.append(due)
        billed += due
    assert sum(lines) == round_money(rate_usage(terms, {1: D(100)}).amount, currency)
