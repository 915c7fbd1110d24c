"""The terms a feature is priced on: everything rating needs to know besides the quantities."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from plans.pricing.bounds import InvalidCharge, check_units
from plans.pricing.charges import PerUnit
from plans.pricing.exact import ZERO
from plans.pricing.money import minor_unit
from plans.pricing.rates import Rate
from plans.pricing.rounding import Rounding

Consumption = Literal["hard_cap", "overage"]
"""The postpaid consumption models; `credits` and `balance` join them with the wallet."""


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """
    One feature's price in one currency, for one period of use.

    rates: in the order in which included units are drawn; keys and matches are unique.
    included: units of the period that cost nothing, zero or more. For `hard_cap` they are all there is.
    rounding: how each rate's aggregate is rounded before included units are taken off; None = not at all.
    credits_below_zero: what a quantity below zero comes to: False = nothing, True = a credit (per-unit prices
        only, since q × p is the only model that has a mirror image).

    :raises InvalidCharge: if the terms contradict themselves.
    :raises UnknownCurrency: if the currency has no minor unit.

    Source: docs/pricing.md#rating.
    """

    currency: str
    rates: tuple[Rate, ...]
    included: Decimal = ZERO
    model: Consumption = "overage"
    rounding: Rounding | None = None
    credits_below_zero: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "rates", tuple(self.rates))
        minor_unit(self.currency)
        if self.included != 0:
            check_units(self.included, of="The included quantity")
        if self.model not in ("hard_cap", "overage"):
            raise InvalidCharge(f"A feature is consumed by hard_cap or overage, not {self.model!r}.")
        self._check_rates()
        self._check_credits()

    def _check_rates(self) -> None:
        keys: set[int | str] = set()
        matches: dict[frozenset[tuple[str, str]], Rate] = {}
        for rate in self.rates:
            if rate.key in keys:
                raise InvalidCharge(f"Two rates have the key {rate.key!r}: each needs its own.")
            match = frozenset(rate.match)
            if twin := matches.get(match):
                raise InvalidCharge(
                    f"Rate {rate.key!r} matches the same usage as rate {twin.key!r}, so it would never apply:"
                    " change its dimensions or remove it."
                )
            if len(dict(rate.match)) != len(rate.match):
                raise InvalidCharge(f"Rate {rate.key!r} names a dimension twice, so no use could match it.")
            keys.add(rate.key)
            matches[match] = rate

    def _check_credits(self) -> None:
        if not self.credits_below_zero:
            return
        if self.model == "hard_cap":
            raise InvalidCharge("A hard cap bills nothing, so usage below zero cannot be credited.")
        for rate in self.rates:
            if not isinstance(rate.charge, PerUnit):
                raise InvalidCharge(
                    f"Usage below zero can be credited at a per-unit price only; rate {rate.key!r} is"
                    f" {type(rate.charge).__name__}."
                )
