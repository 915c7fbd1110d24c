"""
Which lots a spend takes, and how much of each.

Source: docs/wallets.md#the-order-of-lots.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from lib.decimals import EXACT, ZERO
from wallets.credit_rules.lots import Lot

NEVER = datetime.max.replace(tzinfo=UTC)


class LotShare(NamedTuple):
    """
    What is taken of one lot.

    units: above zero. reclaimed: of those, what had gone to breakage and comes back from there first.
    """

    lot: Lot
    units: Decimal
    reclaimed: Decimal = ZERO


class Allocation(NamedTuple):
    """What lots give toward an amount; missing: what none of them could."""

    shares: tuple[LotShare, ...]
    missing: Decimal


def order_lots(lots: Iterable[Lot], *, promotional_first: bool = True) -> list[Lot]:
    """
    Return lots in the order in which they are taken.

    Wallet by wallet; within one by priority, the earliest expiry (none last), what is promotional before what is
    paid for where so set, what is kept for some features before what is for all, the time of the grant, the number.
    """
    return sorted(lots, key=lambda lot: _sort_key(lot, promotional_first))


def _sort_key(lot: Lot, promotional_first: bool) -> tuple[Any, ...]:
    return (
        lot.wallet_priority,
        lot.wallet_id,
        lot.priority,
        lot.expires_at or NEVER,
        lot.is_paid if promotional_first else False,
        not lot.features,
        lot.granted_at or NEVER,
        lot.id,
    )


def allocate_from_lots(
    ordered_lots: Iterable[Lot], amount: Decimal, *, feature: int | None, at: datetime, reclaims_expired: bool = True
) -> Allocation:
    """
    Take an amount from lots that were valid at the time of use and are for the feature, as far as they go.

    ordered: as `in_order` returns them. amount: zero or more. at: when the use was.
    revives: whether what has expired since the use is taken back from breakage.

    What is held for reservations is left alone.
    """
    shares: list[LotShare] = []
    missing = amount
    for lot in ordered_lots:
        if not missing:
            break
        available = EXACT.add(lot.free, lot.expired) if reclaims_expired else lot.free
        if available <= 0 or not lot.is_valid(at) or not lot.is_for(feature):
            continue
        units = min(available, missing)
        shares.append(LotShare(lot, units, max(EXACT.subtract(units, lot.free), ZERO)))
        missing = EXACT.subtract(missing, units)
    return Allocation(tuple(shares), missing)


def find_lot_boundaries(lots: Iterable[Lot], since: datetime, until: datetime) -> list[datetime]:
    """Return the moments in (since, until] at which a lot becomes valid or expires: what is taken changes there."""
    boundaries = {
        boundary
        for lot in lots
        for boundary in (lot.valid_from, lot.expires_at)
        if boundary and since < boundary <= until
    }
    return sorted(boundaries)
