"""An amount shows at least its currency's minor unit, and every digit it has."""

from decimal import Decimal

import pytest

from lib.api.number_fields import serialize_amount

CASES = [
    # amount        currency  text            why
    ("12.3", "USD", "12.30", "padded to the minor unit"),
    ("12.3000", "USD", "12.30", "as the column keeps it"),
    ("20", "USD", "20.00", "a whole amount too"),
    ("1500", "JPY", "1500", "a currency without a minor unit"),
    ("1500.0000", "JPY", "1500", "as the column keeps it"),
    ("1.5", "KWD", "1.500", "three places"),
    ("0.0000006", "USD", "0.0000006", "an exact amount is not rounded"),
    ("0", "USD", "0.00", "nothing"),
    ("0E-9", "USD", "0.00", "nothing, as Decimal may write it"),
    ("-0.00", "USD", "0.00", "nothing has no sign"),
    ("-5.5", "EUR", "-5.50", "a credit"),
    ("1E+3", "EUR", "1000.00", "never an exponent"),
    ("7", "XXX", "7", "a code without a minor unit is shown as it is"),
]


@pytest.mark.parametrize(("amount", "currency", "text", "why"), CASES)
def test_an_amount_reads(amount, currency, text, why):
    assert serialize_amount(Decimal(amount), currency) == {"amount": text, "currency": currency}, why
