"""All units cost the price of the tier that the quantity falls in."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given

from plans.pricing.charge_models import InvalidQuantity, Volume
from plans.pricing.rating_parts import total
from tests.pricing.strategies import LAW, quantities, tier_lists
from tests.pricing.test_graduated import documented_ladder
from tests.pricing.worked_numbers import rows

D = Decimal
LEAST = D("1e-9")


@pytest.mark.parametrize("row", rows("volume"), ids=lambda row: row["quantity"])
def test_all_units_are_priced_at_the_tier_reached_as_documented(row):
    parts = Volume(documented_ladder()).rate(D(row["quantity"]))
    assert total(parts) == D(row["amount"]), row["why"]
    reached = [(str(part.start), "" if part.end is None else str(part.end)) for part in parts]
    assert reached == ([(row["from"], row["to"])] if row["from"] else [])


@LAW
@given(tier_lists(), quantities.filter(bool))
def test_volume_has_no_hole(tiers, quantity):
    (part,) = Volume(tiers).rate(quantity)
    assert part.units == quantity
    assert part.start < quantity
    assert part.end is None or quantity <= part.end


@LAW
@given(tier_lists())
def test_a_bound_belongs_to_the_tier_below_and_any_more_to_the_one_above(tiers):
    charge = Volume(tiers)
    for below, above in pairwise(tiers):
        (at,), (beyond,) = charge.rate(below.up_to), charge.rate(below.up_to + LEAST)
        assert (at.unit_price, at.flat_fee) == (below.unit_price, below.flat_fee)
        assert (beyond.unit_price, beyond.flat_fee) == (above.unit_price, above.flat_fee)


def test_usage_below_zero_falls_in_no_tier():
    with pytest.raises(InvalidQuantity, match="-1"):
        Volume(documented_ladder()).rate(D(-1))
