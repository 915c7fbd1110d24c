"""The parts that explain a line are its amount, and survive being stored."""

import json
from decimal import Decimal
from fractions import Fraction as F

import pytest
from hypothesis import given

from plans.pricing.charge_models import PerUnit
from plans.pricing.rating import PriceTerms, RateTerms, RateUsage, empty_line, rate_usage
from plans.pricing.rating_parts import RatingPart, total
from tests.pricing.strategies import LAW, catalogs, charges, quantities

D = Decimal


@LAW
@given(catalogs())
def test_parts_sum_to_the_amount_of_their_line_and_lines_to_the_rating(catalog):
    rating = rate_usage(*catalog)
    for line in rating.lines:
        assert total(line.parts) == line.amount
        assert F(line.quantity) == F(line.included) + F(line.billable) + F(line.refused)
    assert sum(F(line.amount) for line in rating.lines) == F(rating.amount)


@LAW
@given(charges, quantities)
def test_every_part_is_its_units_at_its_price_plus_its_fee(charge, quantity):
    for part in charge.rate(quantity):
        assert F(part.amount) == F(part.units) * F(part.unit_price) + F(part.flat_fee)


@LAW
@given(catalogs())
def test_a_stored_part_reads_back_equal_without_exponents(catalog):
    for part in (part for line in rate_usage(*catalog).lines for part in line.parts):
        stored = json.dumps(part.as_json())
        assert RatingPart.from_json(json.loads(stored)) == part
        assert not any("E" in text.upper() for text in part.as_json().values() if text)


def test_numbers_are_stored_without_padding_zeros_or_a_negative_zero():
    part = RatingPart(D("0"), D("1E+2"), D("10.00"), D("0.010000000000"), D("-0.00"), D("1E-7"))
    assert part.as_json() == {
        "from": "0",
        "to": "100",
        "units": "10",
        "unit_price": "0.01",
        "flat_fee": "0",
        "amount": "0.0000001",
    }


def test_a_part_is_immutable():
    with pytest.raises(AttributeError):
        RatingPart(D(0), None, D(1), D(1), D(0), D(1)).amount = D(2)


def test_the_explanation_of_a_line_is_stored_as_plain_text():
    terms = PriceTerms("USD", (RateTerms(1, (), PerUnit(D("0.0100")), "tokens"),), included=D("1E+2"))
    (line,) = rate_usage(terms, {1: D("250.50")}).lines
    assert line.as_json() == {
        "quantity": "250.5",
        "included": "100",
        "billable": "150.5",
        "refused": "0",
        "parts": [
            {"from": "0", "to": None, "units": "150.5", "unit_price": "0.01", "flat_fee": "0", "amount": "1.505"}
        ],
        "amount": "1.505",
    }
    assert (line.rate_key, line.label) == (1, "tokens")


def test_the_line_of_a_rate_with_nothing_due_is_zero():
    assert empty_line(1).as_json() == {
        "quantity": "0",
        "included": "0",
        "billable": "0",
        "refused": "0",
        "parts": [],
        "amount": "0",
    }
    assert (empty_line(1).rate_key, empty_line(1).label) == (1, "")


def test_the_usage_of_one_event_has_its_value_and_its_cost():
    assert RateUsage.from_one_event(D(5)) == RateUsage(D(5), events=1, values=(D(5),), carried=D(5))
