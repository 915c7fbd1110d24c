"""Numbers as staff read them: every digit that counts, none that does not."""

import decimal
from decimal import Decimal

from babel.numbers import format_currency, format_decimal

from plans.pricing.exact import EXACT

LOCALE = "en_US"
SHORTEST_WORD = 3


def number(quantity: Decimal | int) -> str:
    """Return a quantity with its thousands apart and without padding: 12500.500 → "12,500.5"."""
    with decimal.localcontext(EXACT):
        return str(format_decimal(quantity, locale=LOCALE, decimal_quantization=False))


def units(quantity: Decimal | int, unit: str) -> str:
    """Return a quantity with its unit, in the plural where it is one: “1 token”, “2,500 tokens”, “3 GB”."""
    return f"{number(quantity)} {unit if quantity == 1 else plural(unit)}".rstrip()


def plural(unit: str) -> str:
    """Return the plural of a word; what is no word (GB, kWh, ms) has none."""
    if len(unit) < SHORTEST_WORD or not unit.islower() or not unit.isalpha() or unit.endswith("s"):
        return unit
    if unit.endswith("y") and unit[-2] not in "aeiou":
        return f"{unit[:-1]}ies"
    return f"{unit}s"


def money(amount: Decimal, currency: str) -> str:
    """Return an amount in the currency's own places: 1234.5 USD → "$1,234.50"; a finer one keeps its digits."""
    with decimal.localcontext(EXACT):
        exact = str(format_currency(amount, currency, locale=LOCALE, decimal_quantization=False))
    rounded = str(format_currency(amount, currency, locale=LOCALE))
    return exact if len(exact) > len(rounded) else rounded
