"""The rate of a day, as a pure function of published rates."""

from datetime import date, timedelta
from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.exchange_rates.conversion import DatedRate, RateBook
from tests.docs_tables import rows

FRIDAY, MONDAY = date(2026, 1, 30), date(2026, 2, 2)
BOOK = RateBook(
    {
        "USD": [DatedRate(FRIDAY, D("1.1000")), DatedRate(MONDAY, D("1.1500"))],
        "SEK": [DatedRate(MONDAY, D("11.50"))],
    }
)


@pytest.mark.parametrize("row", rows("exchange-rates.md", "Lookup"), ids=lambda row: row["why"])
def test_it_converts_as_documented(row):
    conversion = BOOK.convert(row["from"], row["to"], date.fromisoformat(row["day"]))
    if row["factor"] == "none":
        assert conversion.factor is None
        assert row["from"] in conversion.problem or row["to"] in conversion.problem
    else:
        assert conversion.factor == Fraction(row["factor"])


def test_a_correction_of_a_day_replaces_the_rate_before_it():
    book = RateBook({"USD": [DatedRate(FRIDAY, D("1.1")), DatedRate(FRIDAY, D("1.2"))]})
    assert book.rate_on("USD", FRIDAY) == D("1.2")


def test_a_factor_holds_until_either_rate_changes():
    assert BOOK.factors("EUR", "USD") == [(FRIDAY, Fraction("1.1")), (MONDAY, Fraction("1.15"))]
    assert BOOK.factors("USD", "SEK") == [(MONDAY, Fraction(10))]
    assert BOOK.factors("EUR", "NOK") == []


RATES = st.decimals("0.0001", "9999", places=4)


@given(usd=RATES, sek=RATES, days=st.integers(0, 400))
def test_there_and_back_is_the_same_amount(usd, sek, days):
    book = RateBook({"USD": [DatedRate(FRIDAY, usd)], "SEK": [DatedRate(FRIDAY, sek)]})
    day = FRIDAY + timedelta(days=days)
    there, back = book.convert("USD", "SEK", day).factor, book.convert("SEK", "USD", day).factor
    through_euro = book.convert("USD", "EUR", day).factor * book.convert("EUR", "SEK", day).factor
    assert there * back == 1
    assert there == through_euro
