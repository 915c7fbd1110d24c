"""Bounds of prices and quantities, with error messages in finance's words."""

from decimal import Decimal

from lib.decimals import EXACT, MAX_QUANTITY

MAX_PLACES = 12
"""Decimal places of a unit price: 0.000000000001 is the smallest one."""

MAX_UNIT_PLACES = 38
"""Decimal places of a bound, a size or an allowance: as many as an event's number may have."""

MAX_PRICE = Decimal("1e12")
"""The largest price or fee, in the currency's major unit."""


# Ten times the amount that it applies to.
MAX_PERCENT = Decimal(1000)
MAX_PERCENT_PLACES = 10
"""Two fewer than a unit price has, since a percentage is a price per hundredth."""


class InvalidCharge(ValueError):
    """A price, a package or a set of tiers is invalid; the message names the correction."""


class InvalidQuantity(ValueError):
    """A quantity cannot be priced: it is below zero, not a number, or out of bounds."""


def check_price(price: Decimal, *, subject: str) -> None:
    """
    Check a price or a fee: a finite decimal from 0 to 10¹², with at most 12 decimal places.

    subject: the subject of the message: "The unit price", "Tier 2's flat fee".

    :raises InvalidCharge: if it is anything else.
    """
    if not isinstance(price, Decimal):
        raise InvalidCharge(f"{subject} must be an exact decimal, not {price!r} ({type(price).__name__}).")
    if not price.is_finite():
        raise InvalidCharge(f"{subject} must be a finite number, not {price}.")
    if not 0 <= price <= MAX_PRICE:
        raise InvalidCharge(f"{subject} must be between 0 and {MAX_PRICE:f}; it is {price:f}.")
    if _places(price) > MAX_PLACES:
        raise InvalidCharge(f"{subject} may have at most {MAX_PLACES} decimal places; it is {price:f}.")


def check_percent(percent: Decimal, *, subject: str) -> None:
    """
    Check a percentage: a finite decimal from 0 to 1,000, with at most 10 decimal places.

    :raises InvalidCharge: if it is anything else.
    """
    if not isinstance(percent, Decimal) or not percent.is_finite():
        raise InvalidCharge(f"{subject} must be a finite decimal number, not {percent!r}.")
    if not 0 <= percent <= MAX_PERCENT:
        raise InvalidCharge(f"{subject} must be between 0 and {MAX_PERCENT}; it is {percent:f}.")
    if _places(percent) > MAX_PERCENT_PLACES:
        raise InvalidCharge(f"{subject} may have at most {MAX_PERCENT_PLACES} decimal places; it is {percent:f}.")


def check_units(units: Decimal, *, subject: str) -> None:
    """
    Check a bound or a size in units: a finite decimal above 0, up to 10⁵⁰, with at most 38 decimal places.

    :raises InvalidCharge: if it is anything else.
    """
    if not isinstance(units, Decimal) or not units.is_finite():
        raise InvalidCharge(f"{subject} must be a finite decimal number, not {units!r}.")
    if not 0 < units <= MAX_QUANTITY:
        raise InvalidCharge(f"{subject} must be above 0 and at most {MAX_QUANTITY}; it is {units}.")
    if _places(units) > MAX_UNIT_PLACES:
        raise InvalidCharge(f"{subject} may have at most {MAX_UNIT_PLACES} decimal places; it is {units}.")


def check_quantity(quantity: Decimal) -> None:
    """
    Check a quantity to price: a finite decimal from 0 to 10⁵⁰.

    :raises InvalidQuantity: if it is anything else.
    """
    if not quantity.is_finite() or not 0 <= quantity <= MAX_QUANTITY:
        raise InvalidQuantity(f"Only a quantity from 0 to 10⁵⁰ can be priced by this model, not {quantity}.")


def _places(number: Decimal) -> int:
    """Return how many decimal places the number needs; padding zeros do not count."""
    return -int(number.normalize(EXACT).as_tuple().exponent)
