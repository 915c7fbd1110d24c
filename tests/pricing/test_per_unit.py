"""Every unit costs the same, and no digit is lost."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given

from plans.pricing.charge_models import InvalidQuantity, PerUnit
from plans.pricing.rating_parts import total
from tests.pricing.strategies import LAW, prices, quantities
from tests.pricing.worked_numbers import rows

D = Decimal


@pytest.mark.parametrize("row", rows("per_unit"), ids=lambda row: row["quantity"])
def test_units_are_priced_as_documented(row):
    parts = PerUnit(D(row["unit price"])).rate(D(row["quantity"]))
    assert total(parts) == D(row["amount"]), row["why"]
    assert len(parts) == (D(row["quantity"]) != 0)


@LAW
@given(quantities, prices)
def test_the_product_is_exact(quantity, price):
    assert Fraction(total(PerUnit(price).rate(quantity))) == Fraction(quantity) * Fraction(price)


def test_the_precision_around_a_call_does_not_matter():
    with localcontext(prec=3):
        assert total(PerUnit(D("0.123456789012")).rate(D("1234567"))) == D("152415.677640177804")


@pytest.mark.parametrize("quantity", ["NaN", "Infinity", "-Infinity", "1e51", "-1e51"])
def test_an_invalid_quantity_is_rejected(quantity):
    with pytest.raises(InvalidQuantity, match="within"):
        PerUnit(D(1)).rate(D(quantity))
