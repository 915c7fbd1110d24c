"""Put value into a wallet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain

from django.db import transaction

from lib.decimals import EXACT, ZERO
from wallets.credit_rules import lots
from wallets.credit_rules.units import checked
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.locked_wallets import Open, open_wallets
from wallets.ledger.transactions import Leg, Sheet, against, moved, write
from wallets.models import Lot
from wallets.models.ledger import Account, Movement
from wallets.models.lots import PAID, LotKind


@dataclass(frozen=True, slots=True)
class Grant:
    """
    What is granted, and on which conditions.

    source: what grants it, such as a purchase; a wallet takes each once. valid_from: from the grant on if None.
    is_paid: whether it counts as paid for; as its kind says if None. rolls_over, rollover_most, rollover_days: how
    often and how much goes on in a new lot when it expires, and for how long. rollover_ends: until when, each time,
    in place of `rolls_over` and `rollover_days`. granted_at: of what rolls over, when it was granted first; it is
    taken before what was granted later.
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
    rollover_ends: Sequence[datetime] = ()
    origin_id: int | None = None
    granted_at: datetime | None = None


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
    return grant_all(grants={wallet_id: grants}, at=at, reason=reason, by_id=by_id)[wallet_id]


@transaction.atomic
def grant_all(
    *, grants: Mapping[int, Sequence[Grant]], at: datetime, reason: str = "", by_id: int | None = None
) -> dict[int, list[Lot]]:
    """
    Put lots into several wallets as `grant` does, in a fixed number of statements, and return them by wallet.

    :raises NoWallet, LedgerRefused: as `grant`; nothing is granted then.
    """
    for one in chain.from_iterable(grants.values()):
        _check(one, at)
    wallets = open_wallets(grants, used_at=at)
    found = _granted_before(grants)
    new = {
        (wallet_id, one.source): _row(wallet_id, one, at)
        for wallet_id, of_wallet in grants.items()
        for one in of_wallet
        if (wallet_id, one.source) not in found
    }
    sheet = Sheet(at, reason, by_id)
    for row in Lot.objects.bulk_create(new.values()):
        _enter(wallets[row.wallet_id], row, sheet)
    if sheet.postings:
        write(sheet, wallets.values())
    found |= new
    return {id_: [found[id_, one.source] for one in of_wallet] for id_, of_wallet in grants.items()}


def _granted_before(grants: Mapping[int, Sequence[Grant]]) -> dict[tuple[int, str], Lot]:
    sources = [one.source for one in chain.from_iterable(grants.values())]
    there = Lot.objects.filter(wallet__in=grants, source__in=sources)
    return {(lot.wallet_id, lot.source): lot for lot in there}


def put(wallet: Open, one: Grant, sheet: Sheet, *, kind: Movement = Movement.GRANT, taken: Sequence[Leg] = ()) -> Lot:
    """
    Add a lot to a wallet that is open, post where it comes from, and pay with it what is owed.

    taken: the entries of other lots of the wallet that it comes from; the outside world if there are none.
    """
    row = _row(wallet.id, one, sheet.at)
    row.save(force_insert=True)
    _enter(wallet, row, sheet, kind=kind, taken=taken)
    return row


def _row(wallet_id: int, one: Grant, at: datetime) -> Lot:
    return Lot(
        wallet_id=wallet_id,
        kind=one.kind,
        amount=one.amount,
        remaining=ZERO,  # moved with the entries
        cost=one.cost,
        is_paid=one.kind in PAID if one.is_paid is None else one.is_paid,
        priority=one.priority,
        valid_from=one.valid_from or at,
        expires_at=one.expires_at,
        features=sorted(one.features),
        rolls_over=len(one.rollover_ends) or one.rolls_over,
        rollover_most=one.rollover_most,
        rollover_days=one.rollover_days,
        rollover_ends=list(one.rollover_ends),
        origin_id=one.origin_id,
        granted_at=one.granted_at or at,
        source=one.source,
    )


def _enter(
    wallet: Open, row: Lot, sheet: Sheet, *, kind: Movement = Movement.GRANT, taken: Sequence[Leg] = ()
) -> None:
    wallet.lots[row.pk] = lot = _as_pure(wallet, row)
    legs = [*taken, moved(wallet, lot, row.amount)]
    sheet.post(wallet, kind, f"lot:{row.pk}", legs if taken else [*legs, against(Account.WORLD, legs)])
    repay(wallet, row.pk, sheet, reference=f"lot:{row.pk}:repay")


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
    if (one.rolls_over or one.rollover_ends) and one.expires_at is None:
        raise LedgerRefused("Only what expires rolls over: say when.", field="rolls_over")
    if one.kind not in LotKind.values:
        raise LedgerRefused(f"“{one.kind}” is no kind of grant.", field="kind")
