"""Rates by dimension: the selection of the price that a unit of usage is charged at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from lib.decimals import EXACT
from plans.pricing.charge_models import Charge
from plans.pricing.validation import InvalidCharge

LIST_PRICE = Decimal(1)
# The list price raised by 1,000 percent, which is the most that an override may do.
MAX_FACTOR = Decimal(11)
MAX_FACTOR_PLACES = 24


class RateValue(NamedTuple):
    """
    One value of the property that a price is split by: plans/pricing/price_splits.py.

    path: of the property. value: None matches usage without the property.
    position: its number, from 1; 0 for all further values, whose usage stays at the listed rate.
    text: as on an invoice line.
    """

    path: str
    value: str | None
    position: int
    text: str


@dataclass(frozen=True, slots=True)
class RateTerms:
    """
    The charge for usage whose dimensions match.

    key: identifies the rate in the quantities to rate; unique within a price.
    match: (dimension, value) pairs that usage must all carry; empty for the default rate, which matches all usage.
    label: the text of the invoice line.
    factor: multiplies all prices of the rate, 0 to 11, with at most 24 decimal places: 0.8 is 20% off.
    split_value: the value that a rate of a split price is derived for; None for a listed rate.

    :raises InvalidCharge: if the factor is out of these bounds.

    Source: docs/pricing.md#overrides.
    """

    key: int | str
    match: tuple[tuple[str, str], ...]
    charge: Charge
    label: str = ""
    factor: Decimal = LIST_PRICE
    split_value: RateValue | None = None

    @property
    def position(self) -> int:
        """Number of the value that the rate is derived for; 0 for a listed rate."""
        return self.split_value.position if self.split_value else 0

    @property
    def full_match(self) -> dict[str, str | None]:
        """All that usage must carry, the value of a split price included."""
        match: dict[str, str | None] = dict(self.match)
        return (
            match | {self.split_value.path: self.split_value.value} if self.split_value and self.position else match
        )

    def __post_init__(self) -> None:
        if self.factor is LIST_PRICE:
            return
        if not self.factor.is_finite() or not 0 <= self.factor <= MAX_FACTOR:
            raise InvalidCharge(f"Prices are multiplied by 0 to {MAX_FACTOR}, not {self.factor}.")
        if -int(self.factor.normalize(EXACT).as_tuple().exponent) > MAX_FACTOR_PLACES:
            raise InvalidCharge(f"A factor may have at most {MAX_FACTOR_PLACES} decimal places: {self.factor:f}.")


def match_rate(rates: Iterable[RateTerms], dimensions: Mapping[str, str]) -> RateTerms | None:
    """
    Return the most specific rate that matches some usage: the one with the most matched dimensions.

    dimensions: dimension → value of the usage, as text; dimensions that no rate names are ignored.

    Among equally specific rates the first listed wins. None means that no rate matches: the caller reports the usage
    as unmatched.

    Source: docs/pricing.md#rates-by-dimension.
    """
    best_rate, most_matched = None, -1
    for rate in rates:
        match = rate.full_match
        if len(match) > most_matched and all(dimensions.get(name) == value for name, value in match.items()):
            best_rate, most_matched = rate, len(match)
    return best_rate
