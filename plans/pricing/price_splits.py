"""
Prices split by a property of events whose values are not listed in advance: an API key, a workspace, a region.

Each value has a rate of its own, derived from the listed rate. So it has its own line and its own tiers. Values are
numbered from 1 in the order in which they were first stored; a derived rate's key combines the number with the key of
the listed rate, which keeps the usage beyond the bound on their number.

Source: docs/pricing.md#split-prices.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from lib.decimals import to_plain_string
from plans.pricing.rates import RateTerms, RateValue
from plans.pricing.validation import InvalidCharge

SplitText = str | None
"""A value of the property as text; None if an event has no such property, which is not the same as an empty text."""

DEFAULT_BOUND = 1_000
MAX_BOUND = 10_000
MAX_VALUE_LENGTH = 200

# Above every id of a rate. The greatest key, of value 10,000, stays far below 2 to the power of 63.
KEYS_PER_VALUE = 2**40

NO_PROPERTY = "(none)"
OTHER_VALUES = "other"


@dataclass(frozen=True, slots=True)
class PriceSplit:
    """
    The property that a price is split by.

    path: dotted path of the property.
    bound: number of values with lines of their own, 1 to 10,000; usage of further values is *other*.
    allowance_per_value: whether the price's allowance holds for each value, and not for all of them together; *other*
        has none then. Terms without derived rates are those of a single value.

    :raises InvalidCharge: if the bound is out of range.
    """

    path: str
    bound: int = DEFAULT_BOUND
    allowance_per_value: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.bound <= MAX_BOUND:
            raise InvalidCharge(f"A price is split into 1 to {MAX_BOUND:,} values, not {self.bound:,}.")


def to_split_text(value: object) -> SplitText:
    """
    Return a property's value as text: numbers that are equal have the same text, and so have objects and lists as
    their absence, None.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return to_plain_string(Decimal(value)) if isinstance(value, int | Decimal) else None


def split_key(rate_key: int, position: int) -> int:
    """Return the key of the rate that is derived from a listed one for the value with this number; 0 = the listed."""
    return position * KEYS_PER_VALUE + rate_key


def listed_key(key: int) -> int:
    """Return the key of the listed rate that a rate is derived from; keys below zero are no rates and stay."""
    return key if key < 0 else key % KEYS_PER_VALUE


def split_position(key: int) -> int:
    """Return the number of the value that a rate is derived for; 0 for a listed rate."""
    return 0 if key < 0 else key // KEYS_PER_VALUE


def value_label(value: SplitText) -> str:
    """Return the text of a value on an invoice line."""
    return NO_PROPERTY if value is None else value or '""'


def derive_rates(
    rates: tuple[RateTerms, ...], split: PriceSplit, positions: Mapping[SplitText, int]
) -> tuple[RateTerms, ...]:
    """
    Return the rates with one for each of these values before the listed rate that it is derived from.

    The values are in the order of their texts, so that the amount doesn't depend on the order in which they arrived.
    """
    if not positions:
        return rates
    values = sorted(positions, key=lambda value: (value is not None, value or ""))
    derived = []
    for rate in rates:
        derived += [_derive_rate(rate, split.path, value, positions[value]) for value in values]
        others = RateValue(split.path, None, 0, OTHER_VALUES)
        derived.append(replace(rate, label=f"{rate.label}: {OTHER_VALUES}", split_value=others))
    return tuple(derived)


def _derive_rate(rate: RateTerms, path: str, value: SplitText, position: int) -> RateTerms:
    text = value_label(value)
    return replace(
        rate,
        key=split_key(int(rate.key), position),
        label=f"{rate.label}: {text}",
        split_value=RateValue(path, value, position, text),
    )
