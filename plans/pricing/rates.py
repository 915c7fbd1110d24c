"""Rates by dimension: which price a use is charged by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from lib.decimals import EXACT
from plans.pricing.charge_models import Charge
from plans.pricing.validation import InvalidCharge

LIST_PRICE = Decimal(1)
MOST_FACTOR = Decimal(11)
MOST_FACTOR_PLACES = 24


@dataclass(frozen=True, slots=True)
class Rate:
    """
    One way of charging, for usage whose dimensions match.

    key: what the quantities to rate are filed under; unique within a price.
    match: (dimension, value) pairs that a use must all carry; empty for the default rate, which takes every
        use.
    label: how the line reads.
    factor: what all its prices are multiplied by, 0 to 11, with at most 24 decimal places: 0.8 is 20 % off.

    :raises InvalidCharge: if the factor is anything else.

    Source: docs/pricing.md#overrides.
    """

    key: int | str
    match: tuple[tuple[str, str], ...]
    charge: Charge
    label: str = ""
    factor: Decimal = LIST_PRICE

    def __post_init__(self) -> None:
        if self.factor is LIST_PRICE:
            return
        if not self.factor.is_finite() or not 0 <= self.factor <= MOST_FACTOR:
            raise InvalidCharge(f"Prices are multiplied by 0 to {MOST_FACTOR}, not {self.factor}.")
        if -int(self.factor.normalize(EXACT).as_tuple().exponent) > MOST_FACTOR_PLACES:
            raise InvalidCharge(f"A factor may have at most {MOST_FACTOR_PLACES} decimal places: {self.factor:f}.")


def match_rate(rates: Iterable[Rate], dimensions: Mapping[str, str]) -> Rate | None:
    """
    Return the most specific rate that matches a use: the one with the most matched dimensions.

    dimensions: dimension → value of the use, as text; dimensions that no rate names do not matter.

    Among equally specific rates the first listed wins. None means that no rate covers the use: it is unmatched
    usage, to be reported by the caller.

    Source: docs/pricing.md#rates-by-dimension.
    """
    best: Rate | None = None
    for rate in rates:
        if best is not None and len(rate.match) <= len(best.match):
            continue
        if all(dimensions.get(name) == value for name, value in rate.match):
            best = rate
    return best
