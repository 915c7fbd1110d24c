"""Amounts of a wallet as text."""

from decimal import Decimal

from lib.currencies import CREDITS as CREDIT_PRICES
from lib.formats import format_money
from wallets.models.wallets import CREDITS


def shown(units: Decimal, unit: str) -> str:
    """Return units of a wallet as text: “1,250.5 credits”, “$12.30”."""
    return format_money(units, display_currency(unit))


def display_currency(unit: str) -> str:
    """Return the currency code that formats a unit: `XCR` for credits."""
    return CREDIT_PRICES if unit == CREDITS else unit
