"""A quantity without an exact price is rejected by name, never priced approximately."""

from decimal import Decimal

import pytest

from plans.pricing.charge_models import Dynamic, Graduated, InvalidQuantity, Percentage, PerUnit, PriceTier
from plans.pricing.rating import PriceTerms, RateTerms, Rounding, UnknownRate, rate_usage

D = Decimal
TERMS = PriceTerms("USD", (RateTerms("tokens", (), PerUnit(D("0.01"))),), included=D(10))


@pytest.mark.parametrize("rounding", [None, Rounding("up")])
@pytest.mark.parametrize(
    "quantity", ["NaN", "sNaN", "Infinity", "-Infinity", "1e-39", "1e51", "1e999999", "1e-999999"]
)
def test_a_quantity_out_of_bounds_is_refused(quantity, rounding):
    terms = PriceTerms(
        "USD", (RateTerms("tokens", (), Graduated((PriceTier(None, D(1)),))),), D(10), rounding=rounding
    )
    with pytest.raises(InvalidQuantity, match=r"^Only a quantity from 0|cannot be priced exactly: check the events"):
        rate_usage(terms, {"tokens": D(quantity)})


@pytest.mark.parametrize("charge", [Percentage(D(2)), Dynamic()], ids=lambda charge: type(charge).__name__)
def test_a_quantity_alone_is_refused_where_events_are_charged(charge):
    with pytest.raises(
        InvalidQuantity, match=r"^Rate 'tokens' rates individual events, but only a quantity was given"
    ):
        rate_usage(PriceTerms("USD", (RateTerms("tokens", (), charge),)), {"tokens": D(1)})


def test_the_longest_numbers_allowed_are_exact():
    quantity = D("9" * 50 + "." + "9" * 38)
    (line,) = rate_usage(
        PriceTerms("USD", (RateTerms(1, (), PerUnit(D("999999999999.999999999999"))),)), {1: quantity}
    ).lines
    assert len(line.amount.as_tuple().digits) == 50 + 38 + 12 + 12


def test_usage_under_an_unknown_rate_is_rejected_not_dropped():
    with pytest.raises(UnknownRate, match=r"'images', 'sms'.*unmatched"):
        rate_usage(TERMS, {"tokens": D(1), "sms": D(1), "images": D(0)})


def test_a_float_is_refused():
    with pytest.raises(TypeError):
        rate_usage(TERMS, {"tokens": 1.5})
