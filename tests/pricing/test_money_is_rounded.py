"""An exact amount is rounded half-up to the currency's minor unit."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.money import UnknownCurrency, minor_unit, round_money
from tests.pricing.strategies import CURRENCIES, LAW
from tests.pricing.worked_numbers import number, rows


@pytest.mark.parametrize("row", rows("rounding"), ids=lambda row: f"{row['amount']} {row['currency']}")
def test_money_is_rounded_as_documented(row):
    rounded = round_money(number(row["amount"]), row["currency"])
    assert str(rounded) == row["rounded"], row["why"]


@pytest.mark.parametrize(
    ("currency", "unit"),
    [("JPY", "1"), ("USD", "0.01"), ("HUF", "0.01"), ("KWD", "0.001"), ("CLF", "0.0001"), ("UYW", "0.0001")],
)
def test_a_minor_unit_is_that_of_iso_4217(currency, unit):
    assert minor_unit(currency) == Decimal(unit)


@pytest.mark.parametrize("currency", ["XXX", "XAU", "usd", "", "EURO"])
def test_a_code_without_a_minor_unit_is_refused(currency):
    with pytest.raises(UnknownCurrency, match="three-letter code"):
        round_money(Decimal("1.005"), currency)


@LAW
@given(st.fractions(max_denominator=10**6), CURRENCIES)
def test_rounding_is_off_by_at_most_half_a_unit(amount, currency):
    unit = Fraction(minor_unit(currency))
    error = Fraction(round_money(amount, currency)) - amount
    assert abs(error) <= unit / 2
    if abs(error) == unit / 2:
        assert abs(amount) < abs(amount + error), "a tie goes away from zero"


@LAW
@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=30, min_value=-(10**20), max_value=10**20), CURRENCIES
)
def test_a_decimal_and_the_fraction_it_equals_round_alike(amount, currency):
    assert str(round_money(amount, currency)) == str(round_money(Fraction(amount), currency))
    assert round_money(-amount, currency) == -round_money(amount, currency)
