"""Grant value into wallets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain

from django.db import transaction
from django.utils.translation import gettext as _

from lib.decimals import EXACT, ZERO
from wallets.credit_rules import lots
from wallets.credit_rules.units import check_amount
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.locked_wallets import LockedWallet, lock_wallets
from wallets.ledger.transactions import Leg, Sheet, balancing_leg, move_lot, write
from wallets.models import Lot
from wallets.models.ledger import Account, Movement
from wallets.models.lots import PAID, LotKind, TaxPoint


@dataclass(frozen=True, slots=True)
class Grant:
    """
    The amount and terms of a grant.

    source: the reason for the grant, such as a purchase; a wallet accepts each source once. valid_from: the time of
        the grant if None.
    tax_point: when its cost is taxed.
    is_paid: whether it counts as paid; determined by its kind if None.
    rolls_over, rollover_most, rollover_days: how often and how much rolls over at expiry, and for how long.
        rollover_ends: the ends of the rolled-over lots, in place of `rolls_over` and `rollover_days`.
    granted_at: for a rolled-over lot, the time of the first grant; older lots are taken first.
    """

    kind: str
    amount: Decimal
    source: str
    cost: Decimal = ZERO
    tax_point: str = TaxPoint.SOLD
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
    Grant lots into a wallet, and repay its debt with them; sources that were granted already are skipped.

    Return the lots of these grants, in their order.

    :raises WalletNotFound: if there is no such wallet, or it is closed.
    :raises LedgerRefused: if an amount or a term is invalid; the text says which.
    """
    return grant_all(grants={wallet_id: grants}, at=at, reason=reason, by_id=by_id)[wallet_id]


@transaction.atomic
def grant_all(
    *, grants: Mapping[int, Sequence[Grant]], at: datetime, reason: str = "", by_id: int | None = None
) -> dict[int, list[Lot]]:
    """
    Grant lots into several wallets as `grant` does, in a fixed number of statements; return them by wallet.

    :raises WalletNotFound, LedgerRefused: as `grant`; nothing is granted then.
    """
    for grant in chain.from_iterable(grants.values()):
        _check_grant(grant, at)
    wallets = lock_wallets(grants, used_at=at)
    # Read under the locks, so that a repeated request sees the lots of the first one.
    lots_by_key = _read_existing_lots(grants)
    new_lots = {
        (wallet_id, grant.source): _new_lot(wallet_id, grant, at)
        for wallet_id, wallet_grants in grants.items()
        for grant in wallet_grants
        if (wallet_id, grant.source) not in lots_by_key
    }
    sheet = Sheet(at, reason, by_id)
    for row in Lot.objects.bulk_create(new_lots.values()):
        _post_grant(wallets[row.wallet_id], row, sheet)
    if sheet.transactions:
        write(sheet, wallets.values())
    lots_by_key |= new_lots
    return {
        wallet_id: [lots_by_key[wallet_id, grant.source] for grant in wallet_grants]
        for wallet_id, wallet_grants in grants.items()
    }


def _read_existing_lots(grants: Mapping[int, Sequence[Grant]]) -> dict[tuple[int, str], Lot]:
    sources = [grant.source for grant in chain.from_iterable(grants.values())]
    existing_lots = Lot.objects.filter(wallet__in=grants, source__in=sources)
    return {(lot.wallet_id, lot.source): lot for lot in existing_lots}


def grant_lot(
    wallet: LockedWallet,
    grant: Grant,
    sheet: Sheet,
    *,
    kind: Movement = Movement.GRANT,
    source_legs: Sequence[Leg] = (),
) -> Lot:
    """
    Add a lot to a locked wallet, post its source, and repay debt with it.

    source_legs: entries of the wallet's other lots that it comes from; the outside world if empty.
    """
    row = _new_lot(wallet.id, grant, sheet.at)
    row.save(force_insert=True)
    _post_grant(wallet, row, sheet, kind=kind, source_legs=source_legs)
    return row


def _new_lot(wallet_id: int, grant: Grant, at: datetime) -> Lot:
    return Lot(
        wallet_id=wallet_id,
        kind=grant.kind,
        amount=grant.amount,
        remaining=ZERO,  # moved with the entries
        cost=grant.cost,
        tax_point=grant.tax_point,
        is_paid=grant.kind in PAID if grant.is_paid is None else grant.is_paid,
        priority=grant.priority,
        valid_from=grant.valid_from or at,
        expires_at=grant.expires_at,
        features=sorted(grant.features),
        rolls_over=len(grant.rollover_ends) or grant.rolls_over,
        rollover_most=grant.rollover_most,
        rollover_days=grant.rollover_days,
        rollover_ends=list(grant.rollover_ends),
        origin_id=grant.origin_id,
        granted_at=grant.granted_at or at,
        source=grant.source,
    )


def _post_grant(
    wallet: LockedWallet, row: Lot, sheet: Sheet, *, kind: Movement = Movement.GRANT, source_legs: Sequence[Leg] = ()
) -> None:
    wallet.lots[row.pk] = lot = _to_pure_lot(wallet, row)
    legs = [*source_legs, move_lot(wallet, lot, row.amount)]
    sheet.post(wallet, kind, f"lot:{row.pk}", legs if source_legs else [*legs, balancing_leg(Account.WORLD, legs)])
    repay_debt(wallet, row.pk, sheet, reference=f"lot:{row.pk}:repay")


def repay_debt(wallet: LockedWallet, lot_id: int, sheet: Sheet, *, reference: str) -> None:
    """Repay debt from a lot, as far as it goes; a lot restricted to some features repays none."""
    lot = wallet.lots[lot_id]
    units = min(lot.free, wallet.debt)
    if not units or lot.features or not lot.is_valid(sheet.at):
        return
    sheet.post(wallet, Movement.REPAY, reference, apply_repayment(wallet, lot_id, units))


def apply_repayment(wallet: LockedWallet, lot_id: int, units: Decimal) -> list[Leg]:
    """
    Repay this much debt from a lot, and return the entries; a negative amount returns units to the lot.

    The usage happened before: only the lot's cost is earned now, and promotional units are posted separately.
    """
    wallet.debt = EXACT.subtract(wallet.debt, units)
    lot = wallet.lots[lot_id]
    legs = [move_lot(wallet, lot, EXACT.minus(units)), Leg(Account.WALLET, units)]
    if lot.is_paid:
        return [*legs, balancing_leg(Account.EARNED, legs)]
    legs.append(Leg(Account.EARNED, EXACT.minus(units)))
    return [*legs, balancing_leg(Account.PROMOTIONAL, legs)]


def _to_pure_lot(wallet: LockedWallet, row: Lot) -> lots.Lot:
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


def _check_grant(grant: Grant, at: datetime) -> None:
    check_amount(grant.amount)
    if grant.cost:
        check_amount(grant.cost)
    valid_from = grant.valid_from or at
    if grant.expires_at is not None and grant.expires_at <= valid_from:
        text = _("The expiry (%(time)s) must be after the start.")
        raise LedgerRefused(text % {"time": f"{grant.expires_at:%Y-%m-%d %H:%M}"}, field="expires_at")
    if (grant.rolls_over or grant.rollover_ends) and grant.expires_at is None:
        raise LedgerRefused(_("Only units that expire can roll over. Enter an expiry."), field="rolls_over")
    if grant.kind not in LotKind.values:
        raise LedgerRefused(_("“%(kind)s” is not a kind of grant.") % {"kind": grant.kind}, field="kind")
