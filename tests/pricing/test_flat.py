"""A flat fee is due for any usage."""

from decimal import Decimal

import pytest

from plans.pricing.charge_models import Flat, InvalidQuantity
from plans.pricing.rating_parts import total
from tests.pricing.worked_numbers import rows

D = Decimal


@pytest.mark.parametrize("row", rows("flat"), ids=lambda row: row["quantity"])
def test_the_fee_is_due_as_documented(row):
    (part,) = Flat(D(row["fee"])).rate(D(row["quantity"]))
    assert (part.units, total([part])) == (D(row["quantity"]), D(row["amount"]))


@pytest.mark.parametrize("quantity", ["-1", "NaN", "Infinity", "1e51"])
def test_an_invalid_quantity_is_rejected(quantity):
    with pytest.raises(InvalidQuantity, match="from 0 to"):
        Flat(D(29)).rate(D(quantity))
