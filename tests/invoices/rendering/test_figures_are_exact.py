"""Numbers are formatted for the customer's locale, with every digit."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from invoices.rendering.formats import Figures
from lib.currencies import CREDITS, MINOR_UNITS

D = Decimal


def figures(locale: str = "en_US", currency: str = "USD", zone: str = "UTC") -> Figures:
    return Figures(Locale.parse(locale), currency, ZoneInfo(zone))


MONEY = [
    # locale  currency amount             written            why
    ("en_US", "USD", "1071.4200", "$1,071.42", "the column's four places are not the currency's two"),
    ("en_US", "USD", "0", "$0.00", "zero has places too"),
    ("en_US", "USD", "-5", "-$5.00", "a credit"),
    ("en_US", "USD", "0.0000025", "$0.0000025", "digits beyond the minor unit are all shown"),
    ("de_DE", "EUR", "1071.42", "1.071,42\xa0€", "the symbol comes last"),
    ("de_CH", "CHF", "1071.42", "CHF\xa01’071.42", "an apostrophe groups"),
    ("en_IN", "INR", "1234567.89", "₹12,34,567.89", "lakh and crore"),
    ("en_001", "JPY", "1234.5", "JP¥1,234.5", "half a yen is not rounded away"),
    ("en_US", "JPY", "120", "¥120", "yen have no minor unit"),
    ("en_US", "KWD", "1.5", "KWD\xa01.500", "dinars have three places"),
    ("en_US", "ISK", "1500", "ISK\xa01,500", "krónur have none by ISO 4217"),
    ("fr_FR", "EUR", "1234.5", "1\u202f234,50\xa0€", "narrow spaces"),
    (
        "en_US",
        "USD",
        "9" * 50 + ".123456789012345678",
        "$" + "99," + "999," * 15 + "999.123456789012345678",
        "any length",
    ),
]


@pytest.mark.parametrize(("locale", "currency", "amount", "written", "why"), MONEY)
def test_money_is_formatted_in_the_locale_with_all_digits(locale, currency, amount, written, why):
    assert figures(locale, currency).money(D(amount)) == written, why


@given(
    st.decimals(-(10**30), 10**30, allow_nan=False, allow_infinity=False, places=20),
    st.sampled_from(sorted(MINOR_UNITS.keys() - {CREDITS})),
)
def test_no_digit_of_any_amount_is_lost(amount, currency):
    written = figures("en_US", currency).money(amount)
    digits = re.search(r"\d[\d,]*(\.\d+)?$", written)
    assert D(digits[0].replace(",", "")) == amount.copy_abs()
    assert written.startswith("-") == (amount.is_signed())


@given(st.decimals(-(10**40), 10**40, allow_nan=False, allow_infinity=False, places=38))
def test_no_digit_of_any_quantity_is_lost(quantity):
    assert D(figures().quantity(quantity).replace(",", "")) == quantity


PRICES = [
    # prices of a line             per        written                      why
    (["0.0000025"], "1000000", ["$2.50"], "shown per number of units that is legible"),
    (["0.0035"], "1000", ["$3.50"], "below a cent"),
    (["0.000875"], "1000", ["$0.875"], "a tenth of a dollar can be read"),
    (["0.05"], "1", ["$0.05"], "a cent or more is shown per unit"),
    (["0.0125"], "1", ["$0.0125"], "and keeps its digits"),
    (["0"], "1", ["$0.00"], "nothing is nothing for one as well"),
    (["0.012", "0.0035"], "1000", ["$12.00", "$3.50"], "the tiers of a line are shown per same number of units"),
    (["0.000000000001"], "1000000000000", ["$1.00"], "the least price there is"),
]


@pytest.mark.parametrize(("prices", "per", "written", "why"), PRICES)
def test_tiny_prices_are_shown_for_more_units(prices, per, written, why):
    usd_figures = figures()
    units = usd_figures.legible_quantity(map(D, prices))
    assert (units, [usd_figures.price(D(price), per=units) for price in prices]) == (D(per), written), why


UNITS = [
    # locale  quantity  unit        text
    ("en_GB", "82000", "token", "tokens"),
    ("en_GB", "1", "token", "token"),
    ("en_GB", "0.5", "query", "queries"),
    ("en_GB", "12.5", "GB-month", "GB-month"),
    ("de_DE", "82000", "token", "Token"),
    ("fr_FR", "685048", "token", "tokens"),
    ("fr_FR", "1", "token", "token"),
    ("de_DE", "2", "GB-month", "GB-month"),
]


@pytest.mark.parametrize(("locale", "quantity", "unit", "text"), UNITS)
def test_units_have_the_plural_of_their_language(locale, quantity, unit, text):
    with translation.override(locale[:2]):
        assert figures(locale).unit(D(quantity), unit) == text


def test_percentages_keep_their_digits():
    assert [figures().percent(D(rate)) for rate in ("19.0000", "8.8750", "0.0000")] == ["19%", "8.875%", "0%"]
    assert figures("de_DE").percent(D("7.7")) == "7,7\xa0%"


SPANS = [
    ("en_GB", "UTC", datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "1–31 Oct 2026"),
    ("de_DE", "UTC", datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "1.–31. Okt. 2026"),
    (
        "en_GB",
        "Asia/Tokyo",
        datetime(2026, 9, 30, 15, tzinfo=UTC),
        datetime(2026, 10, 31, 15, tzinfo=UTC),
        "1–31 Oct 2026",
    ),
    ("en_GB", "UTC", datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC), "1 Oct 2026"),
]


@pytest.mark.parametrize(("locale", "zone", "start", "end", "written"), SPANS)
def test_half_open_intervals_are_shown_as_their_days(locale, zone, start, end, written):
    assert figures(locale, zone=zone).days_text(start, end) == written


def test_dates_are_written_in_words():
    assert figures("de_DE").day(date(2026, 11, 15)) == "15. November 2026"
