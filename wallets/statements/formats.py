"""Amounts of a wallet as people read them."""

from decimal import Decimal

from lib.currencies import CREDITS as CREDIT_PRICES
from lib.formats import format_money
from wallets.models.wallets import CREDITS


def shown(units: Decimal, unit: str) -> str:
    """Return units of a wallet with what they are: “1,250.5 credits”, “$12.30”."""
    return format_money(units, stands_in(unit))


def stands_in(unit: str) -> str:
    """Return what stands where a currency does: `XCR` for credits."""
    return CREDIT_PRICES if unit == CREDITS else unit
