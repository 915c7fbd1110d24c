"""Each unit costs the price of its own tier."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.charge_models import Graduated, InvalidQuantity, PriceTier
from plans.pricing.rating_parts import total
from tests.pricing.strategies import LAW, decimals, quantities, tier_lists
from tests.pricing.worked_numbers import rows

D = Decimal
LEAST = D("1e-9")


def documented_ladder() -> tuple[PriceTier, ...]:
    return tuple(
        PriceTier(D(row["up to"]) if row["up to"] else None, D(row["unit price"]), D(row["flat fee"]))
        for row in rows("tiers")
    )


@pytest.mark.parametrize("row", rows("graduated"), ids=lambda row: row["quantity"])
def test_each_unit_is_priced_at_its_tier_as_documented(row):
    parts = Graduated(documented_ladder()).rate(D(row["quantity"]))
    assert total(parts) == D(row["amount"]), row["why"]
    assert len(parts) == int(row["parts"])


@LAW
@given(tier_lists(bounds=decimals(1, 200, 0)), st.integers(0, 250))
def test_graduated_equals_pricing_unit_by_unit(tiers, quantity):
    def tier_of(unit: int) -> PriceTier:
        return next(tier for tier in tiers if tier.up_to is None or unit <= tier.up_to)

    entered = [tier_of(unit) for unit in range(1, quantity + 1)]
    expected = sum(tier.unit_price for tier in entered) + sum(tier.flat_fee for tier in set(entered))
    assert total(Graduated(tiers).rate(D(quantity))) == expected


@LAW
@given(tier_lists())
def test_graduated_is_continuous_at_every_bound_except_for_the_fee(tiers):
    charge = Graduated(tiers)
    for below, above in pairwise(tiers):
        step = total(charge.rate(below.up_to + LEAST)) - total(charge.rate(below.up_to))
        assert step == above.flat_fee + LEAST * above.unit_price


@LAW
@given(tier_lists(), quantities, quantities)
def test_more_usage_never_costs_less(tiers, first, second):
    charge = Graduated(tiers)
    less, more = sorted([first, second])
    assert total(charge.rate(less)) <= total(charge.rate(more))


@LAW
@given(tier_lists(), quantities)
def test_parts_tile_the_quantity(tiers, quantity):
    parts = Graduated(tiers).rate(quantity)
    assert sum(Fraction(part.units) for part in parts) == Fraction(quantity)
    assert [part.start for part in parts] == [D(0), *[part.end for part in parts]][: len(parts)]
    assert all(part.units > 0 for part in parts)


def test_usage_below_zero_falls_in_no_tier():
    with pytest.raises(InvalidQuantity, match="-1"):
        Graduated(documented_ladder()).rate(D(-1))
