"""A metered quantity is rounded by its meter's rule."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.charge_models import Percentage
from plans.pricing.rating import PriceTerms, RateTerms, RateUsage, Rounding, rate_usage
from tests.pricing.strategies import LAW, decimals
from tests.pricing.worked_numbers import rows

D = Decimal


@pytest.mark.parametrize("row", rows("rounding-a-quantity"), ids=lambda row: f"{row['quantity']} {row['mode']}")
def test_a_quantity_is_rounded_as_documented(row):
    assert str(Rounding(row["mode"], int(row["places"])).apply(D(row["quantity"]))) == row["rounded"]


@pytest.mark.parametrize(("least", "amount"), [(None, "0.30"), (D(0), "0.26")])
def test_a_percentage_applies_to_the_rounded_sum_or_to_each_unrounded_event(least, amount):
    terms = PriceTerms("USD", (RateTerms(1, (), Percentage(D(10), minimum=least)),), rounding=Rounding("up"))
    assert rate_usage(terms, {1: RateUsage(D("2.6"), 2, (D("1.4"), D("1.2")))}).amount == D(amount)


@LAW
@given(decimals(-1000, 1000, 6), st.integers(0, 8))
def test_down_is_nearest_zero_up_is_farthest_and_half_up_is_one_of_them(quantity, places):
    down, half_up, up = (Rounding(mode, places).apply(quantity) for mode in ("down", "half_up", "up"))
    assert abs(down) <= abs(quantity) <= abs(up)
    assert half_up in (down, up)
    assert abs(half_up - quantity) * 2 <= D(1).scaleb(-places)
    assert up - down in (0, D(1).scaleb(-places), -D(1).scaleb(-places))


def test_a_quantity_keeps_as_many_places_as_it_can_have():
    assert Rounding("up", 38).apply(D("1e-38")) == D("1e-38")
