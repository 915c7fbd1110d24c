"""
Amounts as Stripe counts them: whole numbers of a currency's smallest unit, which is not everywhere ISO 4217's.

Source: Stripe, “Supported currencies”, zero-decimal and three-decimal currencies and the special cases.
"""

from decimal import Decimal

from lib.decimals import EXACT

_NO_PLACES = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THREE_PLACES = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
_WHOLE_UNITS = frozenset(("ISK", "UGX"))  # counted in hundredths, taken in whole units


class NotTakeable(ValueError):
    """An amount that cannot be taken; the text says which can."""


def to_minor(amount: Decimal, currency: str) -> int:
    """
    Return an amount as Stripe counts it.

    :raises NotTakeable: if it is no whole number of what Stripe takes.
    """
    counted = EXACT.multiply(amount, Decimal(10) ** _places(currency))
    step = 100 if currency in _WHOLE_UNITS else 10 if currency in _THREE_PLACES else 1
    if counted % step:
        least = EXACT.divide(Decimal(step), Decimal(10) ** _places(currency))
        raise NotTakeable(f"Stripe takes {currency} in steps of {least:f}, which {amount:f} is not.")
    return int(counted)


def from_minor(counted: int, currency: str) -> Decimal:
    """Return an amount in the major unit."""
    return Decimal(counted).scaleb(-_places(currency.upper()))


def _places(currency: str) -> int:
    if currency in _NO_PLACES:
        return 0
    return 3 if currency in _THREE_PLACES else 2
