"""
Numbers and dates in the customer's locale.

Nothing is rounded here: a figure with more digits than its currency's minor unit shows all of them, so the printed
amount is the charged one.
"""

import copy
import decimal
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_interval, format_skeleton
from babel.numbers import NumberPattern

from lib.decimals import EXACT, ZERO
from lib.formats import format_money
from lib.money import minor_unit
from lib.unit_words import unit_word

LEGIBLE_PRICE = Decimal("0.1")
ONE = Decimal(1)
THOUSAND = Decimal(1000)
# Ends the search: list prices have twelve decimal places at most, so they are legible at this quantity.
MAX_PRICE_QUANTITY = Decimal("1e12")
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Figures:
    """Formats figures in one locale and currency; `zone` determines dates."""

    locale: Locale
    currency: str
    zone: ZoneInfo

    def money(self, amount: Decimal) -> str:
        """Return an amount with its symbol: at least the minor unit's places, and every digit beyond them."""
        return format_money(amount, self.currency, locale=self.locale)

    def legible_quantity(self, unit_prices: Iterable[Decimal]) -> Decimal:
        """
        Return the number of units for which to print these prices, so that the smallest is legible: 0.0000025 →
        1000000.

        One unit, unless a price is below the minor unit; then the smallest power of a thousand units that raises it
        to a tenth of the major unit or more.
        """
        smallest_price = min((abs(price) for price in unit_prices if price), default=ZERO)
        quantity = ONE
        if ZERO < smallest_price < minor_unit(self.currency):
            while smallest_price * quantity < LEGIBLE_PRICE and quantity < MAX_PRICE_QUANTITY:
                quantity *= THOUSAND
        return quantity

    def unit(self, quantity: Decimal, unit: str) -> str:
        """Return a unit as it reads after a quantity, in the active language."""
        return unit_word(unit, quantity, self.locale)

    def price(self, unit_price: Decimal, *, per: Decimal = ONE) -> str:
        """Return the price of `per` units, exact: 0.0000025 for 1000000 → "$2.50"."""
        return self.money(EXACT.multiply(unit_price, per))

    def quantity(self, quantity: Decimal) -> str:
        return self._format_number(_pattern(self.locale, "decimal"), quantity)

    def percent(self, rate: Decimal) -> str:
        """Return a rate given in percent: 8.8750 → 8.875%."""
        return self._format_number(_pattern(self.locale, "percent"), rate.scaleb(-2, EXACT))

    def day(self, day: date) -> str:
        return format_date(day, "long", locale=self.locale)

    def short_day(self, day: date) -> str:
        return format_skeleton("MMMd", day, locale=self.locale)

    def month(self, day: date) -> str:
        return format_skeleton("yMMM", day, locale=self.locale)

    def moment(self, at: datetime) -> str:
        """Return a date and time in the customer's time zone."""
        local = at.astimezone(self.zone)
        return f"{format_skeleton('yMMMd', local, locale=self.locale)}, {local:%H:%M}"

    def days(self, start: datetime, end: datetime) -> tuple[date, date]:
        """Return the first and the last day of the half-open interval [start, end); one day when it is empty."""
        first = start.astimezone(self.zone).date()
        return first, max(first, (end - INSTANT).astimezone(self.zone).date())

    def days_text(self, start: datetime, end: datetime) -> str:
        """Return the days of the half-open interval [start, end), both named inclusively."""
        first, last = self.days(start, end)
        return format_interval(first, last, "yMMMd", locale=self.locale)

    def _format_number(self, pattern: NumberPattern, number: Decimal) -> str:
        with decimal.localcontext(EXACT):
            text: str = pattern.apply(number, self.locale, decimal_quantization=False)
        return text


@lru_cache(maxsize=256)
def _pattern(locale: Locale, kind: str) -> NumberPattern:
    """Return the locale's own pattern, with as many places as the number has."""
    patterns = {"decimal": lambda: locale.decimal_formats[None], "percent": lambda: locale.percent_formats[None]}
    pattern: NumberPattern = copy.copy(patterns[kind]())
    pattern.frac_prec = (0, 0)
    return pattern
