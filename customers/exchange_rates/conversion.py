"""The rate of a day between two currencies, as a pure function of published rates: docs/exchange-rates.md#lookup."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

EURO = "EUR"


class DatedRate(NamedTuple):
    """A published rate. rate: units of the currency that one euro buys, above zero."""

    day: date
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Conversion:
    """
    How an amount is converted on a day.

    factor: exact; an amount in the source currency times it is the amount in the target currency. None if a rate is
        missing; then `problem` says which.
    """

    factor: Fraction | None
    problem: str = ""


class RateBook:
    """Published rates of one source. rates: currency → its rates in any order; the last one of a day counts."""

    def __init__(self, rates: Mapping[str, Iterable[DatedRate]]) -> None:
        by_day = {currency: dict(dated) for currency, dated in rates.items()}
        self._days = {currency: sorted(dated) for currency, dated in by_day.items()}
        self._rates = by_day

    def rate_on(self, currency: str, day: date) -> Decimal | None:
        """Return the last rate on or before a day; None if there is none."""
        if currency == EURO:
            return Decimal(1)
        days = self._days.get(currency, [])
        place = bisect_right(days, day)
        return self._rates[currency][days[place - 1]] if place else None

    def factors(self, source: str, target: str) -> list[tuple[date, Fraction]]:
        """Return the days on which the conversion changes, in order, each with its factor from then on."""
        days = sorted({*self._days.get(source, ()), *self._days.get(target, ())})
        dated = [(day, self.convert(source, target, day).factor) for day in days]
        return [(day, factor) for day, factor in dated if factor is not None]

    def convert(self, source: str, target: str, day: date) -> Conversion:
        """
        Return the conversion from one currency into another on a day, through the euro.

        The same currency converts at 1 without any rate.

        Source: docs/exchange-rates.md#lookup.
        """
        if source == target:
            return Conversion(Fraction(1))
        source_rate, target_rate = self.rate_on(source, day), self.rate_on(target, day)
        if source_rate is None or target_rate is None:
            missing = source if source_rate is None else target
            return Conversion(None, f"There is no rate of {missing} on or before {day:%Y-%m-%d}. Import one.")
        return Conversion(Fraction(target_rate) / Fraction(source_rate))
