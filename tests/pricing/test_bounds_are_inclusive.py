"""The largest and the smallest numbers that can be priced are priced; what lies beyond them is refused."""

from decimal import Decimal

import pytest

from plans.pricing.charges import (
    Charge,
    Flat,
    Graduated,
    InvalidCharge,
    InvalidQuantity,
    Package,
    PerUnit,
    Tier,
    Volume,
)
from plans.pricing.parts import total

D = Decimal
ONE = D(1)
MOST, BEYOND = D("1e50"), D("1e50") + D("1e23")


def charging(price: Decimal) -> list[Charge]:
    ladder = (Tier(None, price),)
    return [Flat(price), PerUnit(price), Package(ONE, price), Graduated(ladder), Volume(ladder)]


@pytest.mark.parametrize("price", ["0", "0.000000000001", "999999999999.999999999999", "1e12"])
def test_a_price_within_bounds_is_charged(price):
    assert [total(charge.rate(ONE)) for charge in charging(D(price))] == [D(price)] * 5


@pytest.mark.parametrize("price", ["-0.000000000001", "0.0000000000001", "1000000000000.000000000001"])
@pytest.mark.parametrize("model", [Flat, PerUnit, lambda price: Package(ONE, price)])
def test_a_price_beyond_them_is_refused(model, price):
    with pytest.raises(InvalidCharge, match=r"between 0 and|decimal places"):
        model(D(price))


@pytest.mark.parametrize("size", ["1e-38", "1e50"])
def test_a_package_or_tier_may_be_as_small_or_large_as_a_quantity(size):
    assert total(Package(D(size), ONE).rate(D(size))) == 1
    assert Graduated((Tier(D(size), ONE), Tier(None, ONE))).rate(D(size))[0].end == D(size)


@pytest.mark.parametrize("size", ["1e-39", "1.00000000001e50"])
def test_a_package_or_tier_beyond_any_quantity_is_refused(size):
    with pytest.raises(InvalidCharge, match="package size"):
        Package(D(size), ONE)
    with pytest.raises(InvalidCharge, match="Tier 1's upper bound"):
        Graduated((Tier(D(size), ONE), Tier(None, ONE)))


@pytest.mark.parametrize("charge", charging(ONE), ids=lambda charge: type(charge).__name__)
def test_the_largest_quantity_is_priced_and_more_is_refused(charge):
    assert charge.rate(MOST)[0].amount in (ONE, MOST)
    with pytest.raises(InvalidQuantity):
        charge.rate(BEYOND)


def test_a_per_unit_price_mirrors_the_bound_below_zero():
    assert PerUnit(ONE).rate(-MOST)[0].amount == -MOST
    with pytest.raises(InvalidQuantity):
        PerUnit(ONE).rate(-BEYOND)
