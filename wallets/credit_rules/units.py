"""Amounts of prepaid value: 12 decimal places, so that one token at $2.50 per million is not lost."""

from decimal import Decimal
from fractions import Fraction

from lib.decimals import exact_sum
from lib.money import round_to

PLACES = 12
SMALLEST_STEP = Decimal(1).scaleb(-PLACES)
"""The smallest step of credits, and of money within a wallet."""

MAX_UNITS = Decimal("1e18")
"""More than any wallet holds, and few enough digits for exact sums."""


class InvalidAmount(ValueError):
    """The amount is not a valid amount of prepaid value; the text gives the reason."""


def check_amount(amount: Decimal) -> Decimal:
    """
    Return an amount that can be granted, held or taken, unchanged.

    :raises InvalidAmount: unless it is above zero, at most `MAX_UNITS`, and has at most 12 decimal places.
    """
    if not amount.is_finite() or not 0 < amount <= MAX_UNITS:
        raise InvalidAmount(f"The amount must be above zero and at most {MAX_UNITS:,f}, not {amount}.")
    if amount != round_to(amount, SMALLEST_STEP):
        raise InvalidAmount(f"{amount:f} has more than 12 decimal places. Round it first.")
    return amount


def round_units(amount: Decimal | Fraction) -> Decimal:
    """Round an amount half-up to 12 places."""
    return round_to(amount, SMALLEST_STEP)


def add_units(*amounts: Decimal) -> Decimal:
    """Return the exact sum."""
    return exact_sum(amounts)
