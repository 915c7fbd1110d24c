"""Contradictory terms are rejected with a message that says how to change them."""

from decimal import Decimal

import pytest

from lib.money import UnknownCurrency
from plans.pricing.charge_models import Flat, InvalidCharge, Percentage, PerUnit
from plans.pricing.rating import PriceTerms, RateTerms, Rounding

D = Decimal
FREE = PerUnit(D(0))
A, EU = ("model", "a"), ("region", "eu")

REFUSED = [
    ({"rates": (RateTerms(1, (), FREE), RateTerms(1, (A,), FREE))}, "Two rates have the key 1"),
    (
        {"rates": (RateTerms(1, (), FREE), RateTerms(2, (), FREE))},
        "Rate 2 matches the same usage as rate 1, so it never applies; change its dimensions or remove it",
    ),
    (
        {"rates": (RateTerms(1, (A, EU), FREE), RateTerms(2, (EU, A), FREE))},
        "Rate 2 matches the same usage as rate 1",
    ),
    ({"rates": (RateTerms(1, (A, ("model", "b")), FREE),)}, "names a dimension twice"),
    ({"included": D(-1)}, "The included quantity must be above 0"),
    ({"included": D("NaN")}, "included quantity must be a finite"),
    ({"model": "credits"}, "hard_cap or overage, not 'credits'"),
    ({"rates": (RateTerms(1, (), Flat(D(1))),), "credits_below_zero": True}, "rate 1 is Flat"),
    ({"model": "hard_cap", "credits_below_zero": True}, "^A hard cap bills nothing"),
    (
        {"rates": (RateTerms(1, (), Percentage(D(1))),), "model": "hard_cap"},
        "it can't have an allowance or a hard cap; use its free events or free value instead",
    ),
]


@pytest.mark.parametrize(("terms", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_contradictory_terms_are_rejected(terms, message):
    with pytest.raises(InvalidCharge, match=message):
        PriceTerms(**{"currency": "USD", "rates": (), **terms})


def test_a_currency_without_a_minor_unit_is_rejected():
    with pytest.raises(UnknownCurrency, match="XAU"):
        PriceTerms("XAU", ())


@pytest.mark.parametrize(("mode", "places"), [("ceil", 0), ("up", -13), ("up", 39)])
def test_an_invalid_rounding_is_rejected(mode, places):
    with pytest.raises(InvalidCharge, match="A quantity is rounded"):
        Rounding(mode, places)
