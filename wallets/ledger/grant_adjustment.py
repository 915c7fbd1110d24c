"""Adjust a lot that was granted in advance to the grant that is due by now."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from lib.decimals import EXACT, ZERO
from wallets.ledger.locked_wallets import lock_wallets, read_lots
from wallets.ledger.transactions import Sheet, balancing_leg, move_lot, write
from wallets.models import Entry, Lot
from wallets.models.ledger import Account, Movement


@transaction.atomic
def adjust_lot(
    *,
    lot_id: int,
    units: Decimal,
    reason: str,
    at: datetime,
    expires_at: datetime | None = None,
    rollover_ends: Sequence[datetime] = (),
) -> Decimal:
    """
    Take back the units of a lot beyond `units`, as far as they are free, and return how many were taken back.

    expires_at, rollover_ends: the lot's new expiry and rollovers; unchanged if `expires_at` is None. Units voided
        earlier count as taken back, and a lot with expired units stays unchanged.
    """
    row = Lot.objects.get(pk=lot_id)
    wallet = lock_wallets([row.wallet_id], used_at=at)[row.wallet_id]
    read_lots({wallet.id: wallet}, [lot_id])
    row.refresh_from_db()
    if row.expired:
        return ZERO
    voided_units = Entry.objects.filter(lot=lot_id, transaction__kind=Movement.VOID).aggregate(units=Sum("units"))[
        "units"
    ]
    lot = wallet.lots[lot_id]
    excess = EXACT.subtract(EXACT.add(row.amount, voided_units or ZERO), units)
    taken_back = max(min(excess, lot.free), ZERO)
    if taken_back:
        sheet = Sheet(at, reason)
        legs = [move_lot(wallet, lot, EXACT.minus(taken_back))]
        sheet.post(
            wallet, Movement.VOID, f"lot:{lot_id}:fit:{wallet.moves}", [*legs, balancing_leg(Account.WORLD, legs)]
        )
        write(sheet, [wallet])
    ends = list(rollover_ends)
    if expires_at is not None and (expires_at, ends) != (row.expires_at, row.rollover_ends):
        Lot.objects.filter(pk=lot_id).update(expires_at=expires_at, rolls_over=len(ends), rollover_ends=ends)
    return taken_back
