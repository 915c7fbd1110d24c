"""
The lots that a spend takes, and the units from each.

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
    The part of a spend that one lot covers.

    units: above zero. reclaimed: the part of them that had gone to breakage and is taken back from there first.
    """

    lot: Lot
    units: Decimal
    reclaimed: Decimal = ZERO


class Allocation(NamedTuple):
    """The lots' shares of an amount. missing: the part that no lot covers."""

    shares: tuple[LotShare, ...]
    missing: Decimal


def order_lots(lots: Iterable[Lot], *, promotional_first: bool = True) -> list[Lot]:
    """
    Return lots in the order in which they are taken.

    Wallet by wallet; within a wallet by priority, earliest expiry (no expiry last), promotional before paid if so
    set, lots for some features before lots for all, time of the grant, id.
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
    Take an amount, as far as possible, from lots that were valid at the time of use and cover the feature.

    ordered_lots: as returned by `order_lots`. amount: zero or more. at: time of use.
    reclaims_expired: whether units that expired since the use are taken back from breakage.

    Units held for reservations are not taken.
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
    """Return the times in (since, until] at which a lot becomes valid or expires, so that the allocation changes."""
    boundaries = {
        boundary
        for lot in lots
        for boundary in (lot.valid_from, lot.expires_at)
        if boundary and since < boundary <= until
    }
    return sorted(boundaries)
