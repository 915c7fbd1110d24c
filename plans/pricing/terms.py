"""The terms of a feature's price: all inputs of rating except the quantities."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from lib.decimals import ZERO
from lib.money import minor_unit
from plans.pricing.charge_models import PerUnit, QuantityCharge
from plans.pricing.price_splits import PriceSplit
from plans.pricing.rates import RateTerms
from plans.pricing.rounding import Rounding
from plans.pricing.validation import InvalidCharge, check_price, check_units

Consumption = Literal["hard_cap", "overage"]
"""
The consumption model beyond the allowance: usage is refused or billed. Usage that a wallet pays for counts as
overage.
"""


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """
    One feature's price in one currency, for one usage period.

    rates: in the order in which they consume the allowance; keys and matches are unique.
    included: allowance of the period in units, zero or more. With `hard_cap`, further units are refused.
    rounding: rounding of each rate's aggregate before the allowance is deducted; None = none.
    credits_below_zero: whether a quantity below zero is credited (True) or costs nothing (False). Only per-unit
    prices allow a credit, since q × p is the only charge model with a mirror image.
    minimum, maximum: bounds of the feature's amount in a full period; None = unbounded.
    discount: percent off every unit price, in return for a commitment; flat fees and bounds are not discounted.
    uncovered_charge: the charge for units that the wallet did not cover while usage continued; None = no charge.
    split: the property that the price is split by; None = it is not split. The rates are then the listed ones, or
    those with rates derived for the values in use.

    :raises InvalidCharge: if the terms contradict each other.
    :raises UnknownCurrency: if the currency has no minor unit.

    Source: docs/pricing.md#rating.
    """

    currency: str
    rates: tuple[RateTerms, ...]
    included: Decimal = ZERO
    model: Consumption = "overage"
    rounding: Rounding | None = None
    credits_below_zero: bool = False
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    discount: Decimal = ZERO
    uncovered_charge: QuantityCharge | None = None
    split: PriceSplit | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "rates", tuple(self.rates))
        minor_unit(self.currency)
        if self.included != 0:
            check_units(self.included, subject="The included quantity")
        if self.model not in ("hard_cap", "overage"):
            raise InvalidCharge(f"A feature is consumed by hard_cap or overage, not {self.model!r}.")
        self._check_rates()
        self._check_credits()
        self._check_events()
        self._check_bounds()
        self._check_split()

    @property
    def is_bounded(self) -> bool:
        """Whether the price has a minimum or a maximum."""
        return self.minimum is not None or self.maximum is not None

    @property
    def reads_only_quantities(self) -> bool:
        """Whether every charge depends on the quantity alone."""
        return all(rate.charge.reads == "quantity" for rate in self.rates)

    @property
    def reads_values(self) -> bool:
        """Whether any charge depends on each event's value."""
        return any(rate.charge.reads == "values" for rate in self.rates)

    def _check_rates(self) -> None:
        keys: set[int | str] = set()
        matches: dict[frozenset[tuple[str, str | None]], RateTerms] = {}
        for rate in self.rates:
            if rate.key in keys:
                raise InvalidCharge(f"Two rates have the key {rate.key!r}: each needs its own.")
            match = frozenset(rate.full_match.items())
            if earlier_rate := matches.get(match):
                raise InvalidCharge(
                    f"Rate {rate.key!r} matches the same usage as rate {earlier_rate.key!r}, so it never"
                    " applies; change its dimensions or remove it."
                )
            if len(dict(rate.match)) != len(rate.match):
                raise InvalidCharge(f"Rate {rate.key!r} names a dimension twice, so no usage matches it.")
            keys.add(rate.key)
            matches[match] = rate

    def _check_credits(self) -> None:
        if not self.credits_below_zero:
            return
        if self.model == "hard_cap":
            raise InvalidCharge("A hard cap bills nothing, so negative usage can't be credited.")
        for rate in self.rates:
            if not isinstance(rate.charge, PerUnit):
                raise InvalidCharge(
                    f"Negative usage can be credited at a per-unit price only; rate {rate.key!r} is"
                    f" {type(rate.charge).__name__}."
                )

    def _check_events(self) -> None:
        for rate in self.rates:
            if rate.charge.reads != "quantity" and (self.included or self.model == "hard_cap"):
                raise InvalidCharge(
                    f"Rate {rate.key!r} charges the value of events, so it can't have an allowance or a hard"
                    " cap; use its free events or free value instead."
                )

    def _check_bounds(self) -> None:
        for limit, name in ((self.minimum, "minimum"), (self.maximum, "maximum")):
            if limit is not None:
                check_price(limit, subject=f"The price's {name}")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise InvalidCharge(
                f"The price's minimum ({self.minimum:f}) is above its maximum ({self.maximum:f}): no amount fits."
            )

    def _check_split(self) -> None:
        if self.split is None:
            return
        if self.model == "hard_cap":
            raise InvalidCharge("A hard cap bills nothing, so its price can't be split.")
        for rate in self.rates:
            if rate.charge.due_without_usage:
                raise InvalidCharge(f"Rate {rate.key!r} is a flat fee, which is due without a value to split it by.")
            if rate.position == 0 and self.split.path in dict(rate.match):
                raise InvalidCharge(
                    f"Rate {rate.key!r} matches {self.split.path}, by which the price is split; remove it from the"
                    " rate, or don't split the price by it."
                )
