"""Included units are assigned to the rates in their listed order, before tiers apply."""

from decimal import Decimal

import pytest
from hypothesis import given

from plans.pricing.charge_models import Flat, Graduated, PerUnit, PriceTier
from plans.pricing.rating import PriceTerms, RateTerms, Rounding, rate_usage
from tests.pricing.strategies import LAW, catalogs
from tests.pricing.worked_numbers import rows

D = Decimal
TWO_RATES = PriceTerms(
    currency="USD",
    rates=(RateTerms("A", (("model", "a"),), PerUnit(D("0.01"))), RateTerms("B", (), PerUnit(D("0.02")))),
    included=D(100),
)


@pytest.mark.parametrize("row", rows("rating"), ids=lambda row: f"{row['A']} and {row['B']}")
def test_included_units_are_used_as_documented(row):
    rating = rate_usage(TWO_RATES, {"B": D(row["B"]), "A": D(row["A"])})
    assert rating.amount == D(row["amount"])
    assert rating.quantity == D(row["A"]) + D(row["B"])
    for line in rating.lines:
        assert line.included == D(row[f"{line.rate_key} included"])
        assert line.billable == D(row[f"{line.rate_key} billed"])


@LAW
@given(catalogs())
def test_a_rate_uses_only_the_units_left_by_earlier_ones(catalog):
    terms, used = catalog
    remaining = terms.included
    for line in rate_usage(terms, used).lines:
        assert line.included == min(remaining, line.quantity)
        remaining -= line.included
    assert remaining >= 0


def test_each_rate_has_its_own_tiers():
    ladder = Graduated((PriceTier(D(10), D(2)), PriceTier(None, D(1))))
    terms = PriceTerms("USD", (RateTerms(1, (("model", "a"),), ladder), RateTerms(2, (), ladder)))
    assert [line.amount for line in rate_usage(terms, {1: D(10), 2: D(10)}).lines] == [D(20), D(20)]


def test_tiers_count_from_the_first_billable_unit():
    terms = PriceTerms(
        "USD", (RateTerms(1, (), Graduated((PriceTier(D(10), D(2)), PriceTier(None, D(1))))),), included=D(100)
    )
    (line,) = rate_usage(terms, {1: D(111)}).lines
    assert [(part.start, part.units) for part in line.parts] == [(D(0), D(10)), (D(10), D(1))]


def test_the_quantity_is_rounded_before_included_units_are_subtracted():
    terms = PriceTerms("USD", (RateTerms(1, (), PerUnit(D(10))),), included=D("0.5"), rounding=Rounding("up"))
    (line,) = rate_usage(terms, {1: D("1.4")}).lines
    assert (line.quantity, line.included, line.billable, line.amount) == (D(2), D("0.5"), D("1.5"), D(15))


def test_a_rate_without_usage_gets_no_line_unless_its_fee_is_flat():
    rates = (RateTerms(1, (("model", "a"),), Flat(D(29))), RateTerms(2, (), PerUnit(D(1))))
    rating = rate_usage(PriceTerms("USD", rates), {})
    assert [(line.rate_key, line.amount) for line in rating.lines] == [(1, D(29))]
