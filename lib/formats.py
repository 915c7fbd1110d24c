"""Numbers for staff pages: with every significant digit, without padding."""

import copy
import decimal
import re
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import NumberPattern, format_decimal, get_currency_name, get_currency_symbol

from lib.currencies import CREDITS
from lib.decimals import EXACT
from lib.money import UnknownCurrency, minor_unit, round_money

LOCALE = Locale("en", "US")
LETTER_BEFORE_DIGIT = re.compile(
    r"(?<=[^\W\d_])(?=\d)"
)  # CLDR separates CHF and similar codes from the digits; Babel doesn't
SHORTEST_WORD = 3
CREDIT = "credit"
SHORT_UNITS = ((10**9, "B"), (10**6, "M"), (10**3, "k"))


def format_number(quantity: Decimal | int) -> str:
    """Return a quantity with thousands separators and without padding: 12500.500 → "12,500.5"."""
    with decimal.localcontext(EXACT):
        return str(format_decimal(quantity, locale=LOCALE, decimal_quantization=False))


def format_units(quantity: Decimal | int, unit: str) -> str:
    """Return a quantity with its unit in the singular or plural: “1 token”, “2,500 tokens”, “3 GB”."""
    return f"{format_number(quantity)} {unit if quantity == 1 else pluralize(unit)}".rstrip()


def pluralize(unit: str) -> str:
    """Return the plural of a word; unit symbols (GB, kWh, ms) have none."""
    if len(unit) < SHORTEST_WORD or not unit.islower() or not unit.isalpha() or unit.endswith("s"):
        return unit
    if unit.endswith("y") and unit[-2] not in "aeiou":
        return f"{unit[:-1]}ies"
    return f"{unit}s"


def format_money(amount: Decimal, currency: str, *, locale: Locale = LOCALE) -> str:
    """
    Return an amount with its symbol, with at least the decimal places of ISO 4217 and every further digit.

    1234.5 USD → "$1,234.50"; a unit price keeps its digits. Credits have no symbol: "12.5 credits".
    """
    with decimal.localcontext(EXACT):
        if currency == CREDITS:
            number_text = format_decimal(amount, locale=locale, decimal_quantization=False)
            return f"{number_text} {CREDIT if abs(amount) == 1 else pluralize(CREDIT)}"
        money_text = _money_pattern(locale, _places(currency)).apply(
            amount, locale, currency=currency, currency_digits=False, decimal_quantization=False
        )
    return LETTER_BEFORE_DIGIT.sub("\N{NO-BREAK SPACE}", money_text)


def format_amount(amount: Decimal, currency: str) -> str:
    """Return a rounded amount without its symbol, for tables of one currency: −1234.5 USD → "−1,234.50"."""
    return f"{round_money(amount, currency):,f}".replace("-", "−")


def format_short(number: float, currency: str = "") -> str:
    """
    Return a round number for the axis of a chart, with the symbol of its currency: −80000 USD → "−$80k".
    """
    size, unit = next(((size, unit) for size, unit in SHORT_UNITS if abs(number) >= size), (1, ""))
    symbol = get_currency_symbol(currency, LOCALE) if currency and currency != CREDITS else ""
    text = f"{symbol}{abs(number) / size:g}{unit}"
    return f"−{text}" if number < 0 else text


def plural_name(currency: str) -> str:
    """Return the name of a currency's amounts: "US dollars"."""
    return str(get_currency_name(currency, count=2, locale=LOCALE))


def currency_name(currency: str) -> str:
    """Return the name of a price's currency: USD, or credits."""
    return pluralize(CREDIT) if currency == CREDITS else currency


def _places(currency: str) -> int:
    try:
        return -int(minor_unit(currency).as_tuple().exponent)
    except UnknownCurrency:
        return 0


@lru_cache(maxsize=256)
def _money_pattern(locale: Locale, places: int) -> NumberPattern:
    """Return the locale's pattern with ISO 4217's number of decimal places, which CLDR does not always have."""
    pattern: NumberPattern = copy.copy(locale.currency_formats["standard"])
    pattern.frac_prec = (places, places)
    return pattern
