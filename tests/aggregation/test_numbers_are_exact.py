"""JSON numbers keep their value to the last digit, in one form per value; beyond the bounds, their text."""

from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.aggregation.json_numbers import (
    MAX_DIGITS,
    OutOfBoundsNumber,
    is_within_bounds,
    parse_number,
    to_exact_number,
)

D = Decimal

READ = [
    # text                    value                    why
    ("1.0",                   1,                       "a whole number is an int, however it is written"),
    ("1e0",                   1,                       "an exponent is no difference"),
    ("100e-2",                1,                       "nor is a negative one"),
    ("1.5e3",                 1500,                    "nor is one after a point"),
    ("1.50",                  D("1.5"),                "trailing zeros carry no value"),
    ("-0.0",                  0,                       "there is one zero"),
    ("0e999999999",           0,                       "zero has no size, whatever its exponent"),
    ("1." + "0" * 98,         1,                       "100 characters are read"),
    ("0.1",                   D("0.1"),                "a tenth is a tenth, not the nearest double"),
    ("1e37",                  10**37,                  "38 digits before the point"),
    ("1e-38",                 D("1e-38"),              "38 digits after it"),
    ("9" * 38 + "." + "9" * 38, D("9" * 38 + "." + "9" * 38), "both at once, not one digit rounded"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value", "why"), READ)
def test_a_number_is_read_exactly(text, value, why):
    number = parse_number(text)

    assert (type(number), number) == (type(value), value), why


REFUSED = [
    # text               why
    ("1e38",             "39 digits before the point"),
    ("1e-39",            "39 digits after the point"),
    ("1e400",            "beyond a double, and beyond the bound"),
    ("1e999999999",      "an exponent that would fill the memory if it were written out"),
    ("-1e999999999",     "the same below zero"),
    ("1e" + "9" * 30,    "an exponent that no decimal can have"),
    ("1." + "0" * 99,    "more than 100 characters"),
    ("0." + "1" * 39,    "one digit too many after the point"),
    ("1" * 101 + ".0",   "longer than any number within bounds is written"),
    ("9" * 38 + "." + "9" * 39, "the fraction is one digit too long"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_a_number_beyond_the_bounds_keeps_its_text(text, why):
    number = parse_number(text)

    assert isinstance(number, OutOfBoundsNumber), why
    assert number.text == text


MEASURED = [
    # property     value       why
    (5,            5,          "a JSON integer"),
    (D("0.5"),     D("0.5"),   "a JSON number with a point"),
    ("12",         12,         "plain decimal text counts"),
    ("012",        12,         "leading zeros are harmless"),
    ("-3.50",      D("-3.5"),  "text may be negative: a correction"),
    ("0.1",        D("0.1"),   "and exact"),
    ("1e3",        None,       "text has no exponent"),
    ("1_000",      None,       "an underscore is Python's, not a number's"),
    ("١٢",         None,       "digits are ASCII"),
    (" 1",         None,       "no spaces"),
    ("1\n",        None,       "not even at the end"),
    ("+1",         None,       "no plus sign"),
    (".5",         None,       "a digit stands before the point"),
    ("5.",         None,       "and one after it"),
    ("0x10",       None,       "decimal only"),
    ("NaN",        None,       "not a number says so itself"),
    ("Infinity",   None,       "nor is infinity one"),
    ("",           None,       "nothing is not zero"),
    ("1" * 39,     None,       "39 digits are beyond the bound"),
    (True,         None,       "true is not one"),
    (None,         None,       "absent is not zero"),
    ([1],          None,       "a list is no number"),
    ({"a": 1},     None,       "nor is an object"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected", "why"), MEASURED)
def test_a_property_is_measured_only_if_it_is_a_number(value, expected, why):
    number = to_exact_number(value)

    assert (type(number), number) == (type(expected), expected), why


def test_an_integer_of_38_digits_is_within_bounds_and_one_more_is_not():
    assert is_within_bounds(10**MAX_DIGITS - 1)
    assert is_within_bounds(1 - 10**MAX_DIGITS)
    assert not is_within_bounds(10**MAX_DIGITS)
    assert not is_within_bounds(-(10**MAX_DIGITS))


@given(st.integers(-(10**38) + 1, 10**38 - 1), st.integers(0, 38))
def test_one_value_has_one_form_in_any_notation(units, places):
    value = D(units).scaleb(-places, Context(prec=80))

    forms = [f"{value:f}", f"{value:E}", f"{value:f}0" if "." in f"{value:f}" else f"{value:f}.0"]
    numbers = [parse_number(form) for form in forms]

    assert numbers[0] == value
    assert len({(type(number), str(number)) for number in numbers}) == 1
