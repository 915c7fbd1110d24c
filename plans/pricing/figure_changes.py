"""
Changes of many figures at once: by a percentage, or into another currency.

Each result is rounded half-up to `step`, the smallest difference that the figure's field can store.
"""

from decimal import Decimal

from lib.decimals import EXACT
from lib.money import round_to

HUNDREDTH = Decimal("0.01")


def change_by_percent(figure: Decimal, percent: Decimal, *, step: Decimal) -> Decimal:
    """
    Return a figure raised by a percentage, or lowered by a negative one.

    percent: −100 or more, so that the result is zero or more.

    Source: docs/pricing.md#price-sheet.
    """
    factor = EXACT.add(Decimal(1), EXACT.multiply(percent, HUNDREDTH))
    return round_to(EXACT.multiply(figure, factor), step)


def convert(figure: Decimal, exchange_rate: Decimal, *, step: Decimal) -> Decimal:
    """Return a figure in another currency; exchange_rate: its units for one unit of the figure's currency."""
    return round_to(EXACT.multiply(figure, exchange_rate), step)
