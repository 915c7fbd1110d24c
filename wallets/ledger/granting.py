"""Put value into a wallet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from plans.pricing.exact import EXACT, ZERO
from wallets.credit import lots
from wallets.credit.units import checked
from wallets.ledger.opening import Open, open_wallets
from wallets.ledger.posting import Leg, Sheet, against, moved, write
from wallets.ledger.refusing import LedgerRefused
from wallets.models import Lot
from wallets.models.ledger import Account, Movement
from wallets.models.lots import PAID, LotKind


@dataclass(frozen=True, slots=True)
class Grant:
    """
    What is granted, and on which conditions.

    source: what grants it, such as a purchase; a wallet takes each once. valid_from: from the grant on if None.
    is_paid: whether it counts as paid for; as its kind says if None. rolls_over, rollover_most, rollover_days: how
    often and how much goes on in a new lot when it expires, and for how long.
    """

    kind: str
    amount: Decimal
    source: str
    cost: Decimal = ZERO
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    features: Sequence[int] = ()
    priority: int = 50
    is_paid: bool | None = None
    rolls_over: int = 0
    rollover_most: Decimal | None = None
    rollover_days: int | None = None
    origin_id: int | None = None


@transaction.atomic
def grant(
    *, wallet_id: int, grants: Sequence[Grant], at: datetime, reason: str = "", by_id: int | None = None
) -> list[Lot]:
    """
    Put lots into a wallet, and pay with them what it owes; what a source has granted already is left as it is.

    Return the lots of these grants, in their order.

    :raises NoWallet: if there is no such wallet, or it is closed.
    :raises LedgerRefused: if an amount or its conditions are none; the text says which.
    """
    for one in grants:
        _check(one, at)
    wallet = open_wallets([wallet_id], used_at=at)[wallet_id]
    found = {
        lot.source: lot for lot in Lot.objects.filter(wallet=wallet_id, source__in=[one.source for one in grants])
    }
    sheet = Sheet(at, reason, by_id)
    for one in grants:
        if one.source not in found:
            found[one.source] = put(wallet, one, sheet)
    if sheet.postings:
        write(sheet, [wallet])
    return [found[one.source] for one in grants]


def put(wallet: Open, one: Grant, sheet: Sheet, *, kind: Movement = Movement.GRANT, taken: Sequence[Leg] = ()) -> Lot:
    """
    Add a lot to a wallet that is open, post where it comes from, and pay with it what is owed.

    taken: the entries of other lots of the wallet that it comes from; the outside world if there are none.
    """
    row = Lot.objects.create(
        wallet_id=wallet.id,
        kind=one.kind,
        amount=one.amount,
        remaining=ZERO,  # moved with the entries
        cost=one.cost,
        is_paid=one.kind in PAID if one.is_paid is None else one.is_paid,
        priority=one.priority,
        valid_from=one.valid_from or sheet.at,
        expires_at=one.expires_at,
        features=sorted(one.features),
        rolls_over=one.rolls_over,
        rollover_most=one.rollover_most,
        rollover_days=one.rollover_days,
        origin_id=one.origin_id,
        granted_at=sheet.at,
        source=one.source,
    )
    wallet.lots[row.pk] = lot = _as_pure(wallet, row)
    legs = [*taken, moved(wallet, lot, one.amount)]
    sheet.post(wallet, kind, f"lot:{row.pk}", legs if taken else [*legs, against(Account.WORLD, legs)])
    repay(wallet, row.pk, sheet, reference=f"lot:{row.pk}:repay")
    return row


def repay(wallet: Open, lot_id: int, sheet: Sheet, *, reference: str) -> None:
    """Pay what a wallet owes from a lot, as far as it goes; one that is kept for some features pays no debt."""
    lot = wallet.lots[lot_id]
    units = min(lot.free, wallet.debt)
    if not units or lot.features or not lot.is_valid(sheet.at):
        return
    sheet.post(wallet, Movement.REPAY, reference, repaid(wallet, lot_id, units))


def repaid(wallet: Open, lot_id: int, units: Decimal) -> list[Leg]:
    """
    Pay so much of what a wallet owes from a lot, and return the entries; below zero the lot gets it back.

    What was used stays used: only the lot's cost is earned now, and what was given away is told apart.
    """
    wallet.debt = EXACT.subtract(wallet.debt, units)
    lot = wallet.lots[lot_id]
    legs = [moved(wallet, lot, EXACT.minus(units)), Leg(Account.WALLET, units)]
    if lot.is_paid:
        return [*legs, against(Account.EARNED, legs)]
    legs.append(Leg(Account.EARNED, EXACT.minus(units)))
    return [*legs, against(Account.PROMOTIONAL, legs)]


def _as_pure(wallet: Open, row: Lot) -> lots.Lot:
    return lots.Lot(
        row.pk,
        row.amount,
        row.remaining,
        cost=row.cost,
        is_paid=row.is_paid,
        valid_from=row.valid_from,
        expires_at=row.expires_at,
        features=frozenset(row.features),
        priority=row.priority,
        granted_at=row.granted_at,
        wallet_id=wallet.id,
        wallet_priority=wallet.priority,
    )


def _check(one: Grant, at: datetime) -> None:
    checked(one.amount)
    if one.cost:
        checked(one.cost)
    begins = one.valid_from or at
    if one.expires_at is not None and one.expires_at <= begins:
        raise LedgerRefused(
            f"It would expire at {one.expires_at:%Y-%m-%d %H:%M}, before it begins.", field="expires_at"
        )
    if one.rolls_over and one.expires_at is None:
        raise LedgerRefused("Only what expires rolls over: say when.", field="rolls_over")
    if one.kind not in LotKind.values:
        raise LedgerRefused(f"“{one.kind}” is no kind of grant.", field="kind")
