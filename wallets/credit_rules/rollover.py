"""Units that roll over when a lot expires."""

from decimal import Decimal

from lib.decimals import EXACT, ZERO
from wallets.credit_rules.lots import Lot


def rollover_units(lot: Lot, limit: Decimal | None, *, already_rolled_over: Decimal = ZERO) -> Decimal:
    """
    Return the units of a lot that roll over into another lot instead of expiring.

    limit: the most units; None for all. already_rolled_over: units that rolled over at an earlier expiry, because
        late corrections may return some. Held units stay until their reservation ends.
    """
    if limit is None:
        return lot.free
    return min(lot.free, max(EXACT.subtract(limit, already_rolled_over), ZERO))
