"""The units of a tier cost no more than its maximum: docs/pricing.md#maximum-of-a-tier."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given

from lib.decimals import EXACT
from plans.pricing.charge_models import Graduated, InvalidCharge, PriceTier, Volume
from plans.pricing.rating import PriceTerms, RateTerms, rate_usage
from plans.pricing.rating_parts import total
from tests.pricing.strategies import LAW, limited_tiers, quantities
from tests.pricing.worked_numbers import rows

D = Decimal
TIERS = (
    PriceTier(D(10), D("1.50"), D(0), D(12)),
    PriceTier(D(100), D("0.50"), D(2), D(30)),
    PriceTier(None, D("0.10"), D(5)),
)


@pytest.mark.parametrize("row", rows("maximum-of-a-tier"), ids=lambda row: f"{row['model']} {row['quantity']}")
def test_a_maximum_limits_its_tier_as_documented(row):
    charge = {"graduated": Graduated, "volume": Volume}[row["model"]](TIERS)
    parts = charge.rate(D(row["quantity"]), prior_units=D(row["billed before"]))
    assert (total(parts), len(parts)) == (D(row["amount"]), int(row["parts"])), row["why"]


@LAW
@given(limited_tiers, quantities)
def test_a_graduated_price_never_exceeds_the_sum_of_its_maximums(tiers, quantity):
    parts = Graduated(tiers).rate(quantity)
    for part, tier in zip(parts, tiers, strict=False):
        assert tier.maximum is None or part.amount <= tier.maximum
        assert part.amount == EXACT.add(EXACT.multiply(part.units, part.unit_price), part.flat_fee)


@LAW
@given(limited_tiers, quantities, quantities)
def test_usage_billed_in_two_parts_costs_as_much_as_at_once(tiers, before, after):
    charge = Graduated(tiers)
    at_once = total(charge.rate(EXACT.add(before, after)))
    assert EXACT.add(total(charge.rate(before)), total(charge.rate(after, prior_units=before))) == at_once


def test_a_committed_discount_comes_before_the_maximum():
    tiers = (PriceTier(None, D(1), D(0), D(60)),)
    terms = PriceTerms("USD", (RateTerms(1, (), Graduated(tiers)),), discount=D(50))
    assert [rate_usage(terms, {1: D(units)}).amount for units in (100, 120, 200)] == [50, 60, 60]


def test_a_negative_maximum_is_rejected():
    with pytest.raises(InvalidCharge, match="Tier 1's maximum"):
        Graduated((replace(TIERS[-1], maximum=D(-1)),))
