"""Units above a hard cap are reported and cost nothing."""

from decimal import Decimal

import pytest

from plans.pricing.charge_models import Flat, PerUnit
from plans.pricing.rating import PriceTerms, RateTerms, rate_usage
from tests.pricing.worked_numbers import rows

D = Decimal


@pytest.mark.parametrize("row", rows("rating", table=1), ids=lambda row: row["quantity"])
def test_units_above_the_cap_are_refused_as_documented(row):
    terms = PriceTerms("USD", (RateTerms(1, (), PerUnit(D(1))),), included=D(500), model="hard_cap")
    (line,) = rate_usage(terms, {1: D(row["quantity"])}).lines
    assert (line.included, line.refused, line.amount) == (D(row["included"]), D(row["refused"]), D(row["amount"]))
    assert line.parts == ()


def test_the_cap_is_shared_by_all_rates_in_their_order():
    rates = (RateTerms(1, (("model", "a"),), PerUnit(D(1))), RateTerms(2, (), PerUnit(D(1))))
    rating = rate_usage(PriceTerms("USD", rates, included=D(10), model="hard_cap"), {1: D(8), 2: D(8)})
    assert [(line.included, line.refused) for line in rating.lines] == [(D(8), D(0)), (D(2), D(6))]


def test_a_flat_fee_is_due_under_a_hard_cap_too():
    terms = PriceTerms("USD", (RateTerms(1, (), Flat(D(29))),), included=D(10), model="hard_cap")
    (line,) = rate_usage(terms, {1: D(12)}).lines
    assert (line.refused, line.amount) == (D(2), D(29))
