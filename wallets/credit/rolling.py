"""What rolls over when a lot expires."""

from decimal import Decimal

from wallets.credit.lots import Lot


def rolled_over(lot: Lot, most: Decimal | None) -> Decimal:
    """
    Return what of a lot goes on in another one instead of expiring.

    most: units; None for all. What a reservation holds stays where it is until that ends.
    """
    return lot.free if most is None else min(lot.free, most)
