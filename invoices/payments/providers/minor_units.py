"""
Amounts as Stripe counts them: integers of a currency's smallest unit, which differs from ISO 4217 for some.

Source: Stripe, “Supported currencies”, zero-decimal and three-decimal currencies and the special cases.
"""

from decimal import Decimal

from lib.decimals import EXACT

_NO_PLACES = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THREE_PLACES = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
_WHOLE_UNITS = frozenset(("ISK", "UGX"))  # given in hundredths, but charged in whole units only


class UnsupportedAmount(ValueError):
    """Stripe does not accept this amount; the text says which amounts it accepts."""


def to_minor(amount: Decimal, currency: str) -> int:
    """
    Return an amount in Stripe's smallest unit.

    :raises UnsupportedAmount: if it is not a multiple of the step that Stripe accepts in this currency.
    """
    minor_amount = EXACT.multiply(amount, Decimal(10) ** _places(currency))
    step = 100 if currency in _WHOLE_UNITS else 10 if currency in _THREE_PLACES else 1
    if minor_amount % step:
        smallest_step = EXACT.divide(Decimal(step), Decimal(10) ** _places(currency))
        raise UnsupportedAmount(
            f"Stripe accepts {currency} in steps of {smallest_step:f}; {amount:f} is not a multiple."
        )
    return int(minor_amount)


def from_minor(minor_amount: int, currency: str) -> Decimal:
    """Return an amount in the major unit."""
    return Decimal(minor_amount).scaleb(-_places(currency.upper()))


def _places(currency: str) -> int:
    if currency in _NO_PLACES:
        return 0
    return 3 if currency in _THREE_PLACES else 2
