"""What rolls over when a lot expires."""

from decimal import Decimal

from lib.decimals import EXACT, ZERO
from wallets.credit_rules.lots import Lot


def rollover_units(lot: Lot, limit: Decimal | None, *, already_rolled_over: Decimal = ZERO) -> Decimal:
    """
    Return what of a lot goes on in another one instead of expiring.

    most: units; None for all. before: what of it went on when it expired before, since late corrections may give
    something back. What a reservation holds stays where it is until that ends.
    """
    if limit is None:
        return lot.free
    return min(lot.free, max(EXACT.subtract(limit, already_rolled_over), ZERO))
