"""Units billed by an earlier version count toward the tiers: the new version continues where they end."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given

from lib.decimals import EXACT
from plans.pricing.charge_models import Charge, Graduated, PerUnit, Volume
from plans.pricing.rating import PriceTerms, RateTerms, rate_usage
from plans.pricing.rating_parts import total
from tests.pricing.strategies import LAW, quantities, tier_lists
from tests.pricing.test_graduated import documented_ladder
from tests.pricing.worked_numbers import rows

D = Decimal
NOTHING = D(0)


def cost(charge: Charge, quantity: Decimal, prior_units: Decimal = NOTHING) -> Fraction:
    rating = rate_usage(PriceTerms("EUR", (RateTerms(1, (), charge),)), {1: quantity}, prior_units={1: prior_units})
    return Fraction(rating.amount)


@pytest.mark.parametrize("row", rows("tiers-after-a-plan-change"), ids=lambda row: row["why"])
def test_usage_continues_after_the_prior_units_as_documented(row):
    charge = {"graduated": Graduated, "volume": Volume}[row["model"]](documented_ladder())
    parts = charge.rate(D(row["quantity"]), prior_units=D(row["billed before"]))
    assert total(parts) == D(row["amount"]), row["why"]
    assert len(parts) == int(row["parts"])


@LAW
@given(tier_lists(), quantities, quantities)
def test_tiers_in_two_steps_cost_the_same_as_in_one(tiers, first, second):
    charge = Graduated(tiers)
    assert cost(charge, first) + cost(charge, second, first) == cost(charge, EXACT.add(first, second))


@LAW
@given(tier_lists(), quantities, quantities)
def test_parts_start_where_the_prior_units_end(tiers, climbed, quantity):
    parts = Graduated(tiers).rate(quantity, prior_units=climbed)
    assert sum((Fraction(part.units) for part in parts), Fraction(0)) == Fraction(quantity)
    assert [part.start for part in parts] == [climbed, *[part.end for part in parts]][: len(parts)]


@LAW
@given(tier_lists(), quantities, quantities)
def test_volume_prices_new_units_at_the_tier_of_the_total(tiers, climbed, quantity):
    (part, *none) = Volume(tiers).rate(quantity, prior_units=climbed) or [None]
    assert none == []
    if part is not None:
        (reached,) = Volume(tiers).rate(EXACT.add(climbed, quantity))
        assert (part.start, part.end, part.unit_price) == (reached.start, reached.end, reached.unit_price)
        assert part.flat_fee == (0 if climbed > part.start else reached.flat_fee)


def test_a_line_records_its_prior_units():
    terms = PriceTerms("EUR", (RateTerms(1, (), Graduated(documented_ladder())),))
    lines = [rate_usage(terms, {1: D(3)}, prior_units=climbed).lines[0] for climbed in ({1: D(100)}, {})]
    assert [line.prior_units for line in lines] == [100, 0]


def test_only_tiers_consider_prior_units():
    assert cost(PerUnit(D(2)), D(3), prior_units=D(100)) == 6
