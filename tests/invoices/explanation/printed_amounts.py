"""Read the amounts of an explanation back from its text, in each language."""

import re
from decimal import Decimal

from babel import Locale
from babel.numbers import get_currency_symbol, get_decimal_symbol, get_group_symbol

from lib.money import minor_unit


def printed_sum(sentence: str, currency: str, locale: Locale) -> tuple[Decimal, Decimal]:
    """Return the amount left of “=” and the sum of the amounts right of it."""
    total, _, terms = sentence.partition(" = ")
    amounts, end = [], 0
    for found in _money(currency, locale).finditer(terms):
        # The sign stands before the words of the part.
        is_negative = re.match(r" ?− ", terms[end : found.start()]) is not None
        amounts.append(_number(found, currency, locale) * (-1 if is_negative else 1))
        end = found.end()
    (first,) = _money(currency, locale).finditer(total)
    return _number(first, currency, locale), sum(amounts, Decimal(0))


def printed_steps(sentence: str, currency: str, locale: Locale) -> Decimal:
    """Return the sum of the signed amounts after the colon."""
    separator = re.search(r"[\s\u00a0\u202f]?: ", sentence)
    reasons = sentence[separator.end() :] if separator else ""
    return sum(
        (
            _number(found, currency, locale) * (-1 if reasons[: found.start()].endswith("−") else 1)
            for found in _money(currency, locale).finditer(reasons)
        ),
        Decimal(0),
    )


def _money(currency: str, locale: Locale) -> re.Pattern[str]:
    """Return the pattern of an amount with its symbol on the locale's side of it."""
    group = re.escape(get_group_symbol(locale)) + r"\u00a0\u202f"
    places = -int(minor_unit(currency).as_tuple().exponent)
    digits = rf"\d[\d{group}]*" + (
        rf"{re.escape(get_decimal_symbol(locale))}\d{{{places}}}" if places else r"(?<=\d)"
    )
    symbol = re.escape(get_currency_symbol(currency, locale))
    if locale.currency_formats["standard"].pattern.startswith("¤"):
        return re.compile(rf"{symbol}[\u00a0\u202f]?(?P<digits>{digits})")
    return re.compile(rf"(?P<digits>{digits})[\u00a0\u202f]{symbol}")


def _number(found: re.Match[str], currency: str, locale: Locale) -> Decimal:
    separator = get_decimal_symbol(locale) if minor_unit(currency) < 1 else "\0"
    whole, _, fraction = found["digits"].partition(separator)
    return Decimal(re.sub("[^0-9]", "", whole) + "." + (fraction or "0"))
