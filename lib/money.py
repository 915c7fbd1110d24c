"""Amounts in a currency's minor unit: rounded once, split without a remainder."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm

from lib.currencies import MINOR_UNITS
from lib.decimals import EXACT, HALF_UP, ZERO


class UnknownCurrency(ValueError):
    """The code is not a currency of ISO 4217, so its minor unit is unknown."""


def minor_unit(currency: str) -> Decimal:
    """
    Return the smallest amount of a currency: JPY 1, USD 0.01, KWD 0.001.

    :raises UnknownCurrency: for a code that ISO 4217 gives no minor unit.

    Source: docs/pricing.md#rounding.
    """
    try:
        return MINOR_UNITS[currency]
    except KeyError:
        raise UnknownCurrency(
            f"{currency!r} is not an ISO 4217 currency. Use a three-letter code such as EUR."
        ) from None


def round_money(amount: Decimal | Fraction, currency: str) -> Decimal:
    """
    Round an exact amount half-up (ties away from zero) to the currency's minor unit.

    This happens once, when an amount becomes an invoice line; a fraction is rounded from its exact value, never from
    a truncated decimal.

    :raises UnknownCurrency: for a code that ISO 4217 gives no minor unit.

    Source: docs/pricing.md#rounding.
    """
    return round_to(amount, minor_unit(currency))


def round_to(amount: Decimal | Fraction, unit: Decimal) -> Decimal:
    """Round half-up (ties away from zero) to a power of ten such as 0.01; the result shows all its places."""
    if isinstance(amount, Fraction):
        steps = abs(amount) / Fraction(unit)
        count = (2 * steps.numerator + steps.denominator) // (2 * steps.denominator)
        amount = EXACT.multiply(Decimal(count if amount > 0 else -count), unit)
    rounded = amount.quantize(unit, context=HALF_UP)
    return rounded or EXACT.multiply(ZERO, unit)  # never "-0.00"


def allocate(total: Decimal, weights: Sequence[Decimal | int | Fraction], unit: Decimal) -> tuple[Decimal, ...]:
    """
    Split a total in proportion to weights, in whole units, without a remainder (largest remainder).

    total: a whole number of units, of either sign. weights: zero or more each; if all are zero, the split is even.

    Return one share per weight. They sum to the total exactly, and each is less than one unit from its exact share.
    The units left after rounding down go to the largest remainders, the earlier weight first among equals, so a
    negative total splits as the mirror image of the positive one. A zero weight gets nothing unless all are zero.

    :raises ValueError: if the total is not whole units, a weight is negative, or there is no weight for a total.

    Source: docs/pricing.md#allocation.
    """
    count, rest = EXACT.divmod(total.copy_abs(), unit)
    if rest:
        raise ValueError(f"{total} is not a whole number of {unit}. Round it before splitting it.")
    if not weights:
        if total:
            raise ValueError(f"{total} can't be split without weights. Give at least one.")
        return ()
    counts = _largest_remainder(int(count), _whole(weights))
    sign = -1 if total < 0 else 1
    return tuple(EXACT.multiply(Decimal(sign * share), unit) for share in counts)


def _whole(weights: Sequence[Decimal | int | Fraction]) -> list[int]:
    """Return whole numbers in the same proportion as the weights."""
    fractions = [Fraction(weight) for weight in weights]
    if min(fractions) < 0:
        raise ValueError(f"A weight is negative ({min(weights)}). Split credits and charges separately.")
    if not any(fractions):
        return [1] * len(fractions)
    common_denominator = lcm(*(fraction.denominator for fraction in fractions))
    return [int(fraction * common_denominator) for fraction in fractions]


def _largest_remainder(count: int, weights: list[int]) -> list[int]:
    weight_sum = sum(weights)
    shares, remainders = zip(*(divmod(count * weight, weight_sum) for weight in weights), strict=True)
    counts = list(shares)
    by_remainder = sorted(range(len(weights)), key=lambda index: -remainders[index])
    for place in by_remainder[: count - sum(counts)]:
        counts[place] += 1
    return counts
