"""The tax of an invoice's lines, for systems that would otherwise compute another sum."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

from lib.decimals import EXACT
from lib.money import round_money


def split_tax(tax: Decimal, weights: Sequence[Decimal | Fraction], currency: str) -> list[Decimal]:
    """
    Split an invoice's tax over its lines, so that the shares sum to it exactly.

    weights: the exact tax of each line, of either sign. The shares are the increases of the rounded running total, so
    each is less than one minor unit from its exact share. If the weights sum to zero, the last line takes all.
    """
    running = list(accumulate(Fraction(weight) for weight in weights))
    if not running:
        return []
    total = running[-1]
    parts = [round_money(Fraction(tax) * part / total, currency) if total else Decimal(0) for part in running]
    parts[-1] = tax
    return [EXACT.subtract(part, before) for before, part in zip([Decimal(0), *parts], parts, strict=False)]
