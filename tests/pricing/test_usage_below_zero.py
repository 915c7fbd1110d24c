"""A negative quantity costs nothing, or is a credit where the terms say so."""

from decimal import Decimal

import pytest

from plans.pricing.charge_models import Flat, Graduated, Package, PerUnit, PriceTier, Volume
from plans.pricing.rating import PriceTerms, RateTerms, rate_usage

D = Decimal
LADDER = (PriceTier(None, D(1), D(5)),)


@pytest.mark.parametrize("charge", [PerUnit(D(3)), Package(D(10), D(1)), Graduated(LADDER), Volume(LADDER)])
def test_it_costs_nothing_and_uses_no_included_units(charge):
    rates = (RateTerms(1, (("model", "a"),), charge), RateTerms(2, (), PerUnit(D(1))))
    rating = rate_usage(PriceTerms("USD", rates, included=D(5)), {1: D(-4), 2: D(7)})
    below, other = rating.lines
    assert (below.quantity, below.included, below.billable, below.amount) == (D(-4), D(0), D(0), D(0))
    assert (other.included, other.amount) == (D(5), D(2))


def test_a_flat_fee_stays_due():
    assert rate_usage(PriceTerms("USD", (RateTerms(1, (), Flat(D(29))),)), {1: D(-4)}).amount == D(29)


def test_it_is_a_credit_where_the_terms_say_so():
    terms = PriceTerms("USD", (RateTerms(1, (), PerUnit(D(3))),), included=D(5), credits_below_zero=True)
    (line,) = rate_usage(terms, {1: D(-4)}).lines
    assert (line.included, line.billable, line.amount) == (D(0), D(-4), D(-12))
