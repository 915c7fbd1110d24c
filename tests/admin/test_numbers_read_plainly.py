"""Numbers are shown with every significant digit and no padding, and are read as people type them."""

from decimal import Decimal as D

import pytest

from lib.admin.number_fields import NumberInput, strip_padding
from lib.formats import format_amount, format_money, format_number, format_units

AMOUNTS = [
    # amount              currency  shown              why
    ("1234.5", "USD", "$1,234.50", "the currency's own places"),
    ("0.000875", "EUR", "€0.000875", "a unit price keeps its digits"),
    ("12.500000000000", "USD", "$12.50", "padding goes"),
    ("1234.5000", "JPY", "¥1,234.5", "nothing is rounded away"),
    ("5", "KWD", "KWD5.000", "three places"),
    ("5.3", "LBP", "LBP5.30", "ISO's two places, of which CLDR knows none"),
    ("-3.1", "USD", "-$3.10", "a credit"),
    ("0.000000000001", "USD", "$0.000000000001", "the smallest price"),
    ("12.5000", "XCR", "12.5 credits", "credits are no money"),
    ("1", "XCR", "1 credit", "one of them"),
]


@pytest.mark.parametrize(("amount", "currency", "shown", "why"), AMOUNTS)
def test_money(amount, currency, shown, why):
    assert format_money(D(amount), currency).replace("\xa0", "") == shown, why


@pytest.mark.parametrize(
    ("amount", "currency", "shown"), [("-1234.5000", "USD", "−1,234.50"), ("1234", "JPY", "1,234")]
)
def test_amounts_of_a_table_have_no_symbol(amount, currency, shown):
    assert format_amount(D(amount), currency) == shown


QUANTITIES = [
    # quantity              shown
    ("1E+3", "1,000"),
    ("12500.500", "12,500.5"),
    ("0E-9", "0"),
    ("123456789012345678901234567890.123", "123,456,789,012,345,678,901,234,567,890.123"),
]


@pytest.mark.parametrize(("quantity", "shown"), QUANTITIES)
def test_quantity(quantity, shown):
    assert format_number(D(quantity)) == shown


UNITS = [
    # quantity  unit       shown
    ("1", "token", "1 token"),
    ("2500", "token", "2,500 tokens"),
    ("0", "query", "0 queries"),
    ("2", "day", "2 days"),
    ("3", "GB", "3 GB"),
    ("3", "kWh", "3 kWh"),
    ("3", "ms", "3 ms"),
    ("7", "", "7"),
]


@pytest.mark.parametrize(("quantity", "unit", "shown"), UNITS)
def test_quantity_with_its_unit(quantity, unit, shown):
    assert format_units(D(quantity), unit) == shown


TYPED = [
    # typed             parsed           why
    ("10,000", "10000", "thousands apart"),
    ("1,250,000.50", "1250000.50", "with a fraction"),
    ("0,05", "0,05", "a decimal comma is left for the field to refuse"),
    ("1,23", "1,23", "no thousands"),
    ("12,3456", "12,3456", "no thousands either"),
    ("10000", "10000", "plain"),
    ("", "", "nothing"),
]


@pytest.mark.parametrize(("typed", "parsed", "why"), TYPED)
def test_typed_numbers_are_parsed(typed, parsed, why):
    assert NumberInput().value_from_datadict({"n": typed}, {}, "n") == parsed, why


SHOWN = [(D("12.500000000000"), "12.5"), (D("0E-12"), "0"), (D("1E+4"), "10000"), ("abc", "abc"), (None, None)]


@pytest.mark.parametrize(("value", "shown"), SHOWN)
def test_a_field_shows_numbers_without_padding(value, shown):
    assert NumberInput().format_value(value) == shown


@pytest.mark.parametrize(("padded", "shown"), [("10000.000000000000", "10,000"), ("-", "-"), ("0.500", "0.5")])
def test_a_read_only_field_shows_numbers_without_padding(padded, shown):
    assert strip_padding(padded) == shown
