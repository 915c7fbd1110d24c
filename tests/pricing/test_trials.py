"""In a trial usage is counted as ever, and costs what its version says: nothing, or its price without any dues."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing import charges
from plans.pricing.rating import PriceTerms, Rate, Usage, rate_usage
from plans.pricing.trials import on_trial
from tests.pricing.worked import rows

D = Decimal
LADDER = (charges.Tier(D(10), D("1.50")), charges.Tier(None, D("0.10"), D(5)))
CHARGES = [
    charges.Flat(D(29)),
    charges.PerUnit(D("0.0000025")),
    charges.Package(D(10), D(15)),
    charges.Graduated(LADDER),
    charges.Volume(LADDER),
    charges.Percentage(D("2.9"), D("0.30"), least=D(1), most=D(9)),
    charges.Dynamic(D("1.2")),
]


def terms(charge, **fields):
    return PriceTerms("USD", (Rate(1, (), charge),), **fields)


@pytest.mark.parametrize("row", rows("trials"), ids=lambda row: row["why"])
def test_calls_come_to_what_the_page_says(row):
    price = terms(charges.PerUnit(D("0.10")), included=D(100), minimum=D(20))
    rated = rate_usage(on_trial(price, is_free=row["usage in the trial"] == "free"), {1: D(row["calls"])})
    assert (rated.invoiced, rated.quantity) == (D(row["amount"]), D(row["calls"])), row["why"]


@given(charge=st.sampled_from(CHARGES), quantity=st.integers(0, 500))
def test_free_usage_is_divided_as_ever_and_worth_nothing(charge, quantity):
    used = {1: Usage(D(quantity), 2, (D(quantity), D(20)), D(quantity))}
    (line,) = rate_usage(on_trial(terms(charge), is_free=True), used).lines
    (ever,) = rate_usage(terms(charge), used).lines
    assert line.amount == 0
    assert all(part.unit_price == part.flat_fee == part.amount == 0 for part in line.parts)
    assert (line.quantity, line.billable, len(line.parts)) == (ever.quantity, ever.billable, len(ever.parts))


@given(charge=st.sampled_from(CHARGES[1:]), quantity=st.integers(0, 500))
def test_billed_usage_costs_what_it_ever_does(charge, quantity):
    used = {1: Usage(D(quantity), 2, (D(quantity), D(20)), D(quantity))}
    assert rate_usage(on_trial(terms(charge), is_free=False), used) == rate_usage(terms(charge), used)


def test_a_flat_price_is_waived_whatever_usage_costs():
    assert rate_usage(on_trial(terms(charges.Flat(D(29))), is_free=False), {}).amount == 0


def test_there_is_no_minimum_and_no_discount_but_a_maximum():
    bounded = on_trial(terms(charges.PerUnit(D(1)), minimum=D(20), maximum=D(50), discount=D(10)), is_free=False)
    assert [rate_usage(bounded, {1: D(units)}).invoiced for units in (5, 70)] == [5, 50]
