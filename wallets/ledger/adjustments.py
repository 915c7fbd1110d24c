"""Operators' adjustments of lots: void, refund, transfer and extend."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from lib.audit_log import audited_transaction
from lib.decimals import EXACT, exact_sum, to_plain_string
from wallets.credit_rules.lots import cost_between
from wallets.credit_rules.units import check_amount
from wallets.ledger.errors import InsufficientUnits, LedgerRefused, ReferenceConflict
from wallets.ledger.grant import Grant, grant_lot
from wallets.ledger.locked_wallets import LockedWallet, lock_wallet, lock_wallets, read_lots
from wallets.ledger.notifications import announce_lot_adjustment, announce_wallet_event
from wallets.ledger.references import request_digest
from wallets.ledger.transactions import Sheet, balancing_leg, move_lot, write
from wallets.models import Lot, Wallet
from wallets.models.ledger import Account, Movement


def void(*, lot_id: int, amount: Decimal, reference: str, reason: str, at: datetime, by: User | None = None) -> Lot:
    """
    Void units of a lot without paying for them; repeating the same reference is no error.

    :raises LedgerRefused: if fewer units are free, or no reason is given.
    """
    return _remove_units(Movement.VOID, lot_id, amount, reference, reason, at, by)


def refund(*, lot_id: int, amount: Decimal, reference: str, reason: str, at: datetime, by: User | None = None) -> Lot:
    """
    Take units of a paid lot out of the wallet; their cost is to be paid back.

    :raises LedgerRefused: if the lot was not paid for, fewer units are free, or no reason is given.
    """
    return _remove_units(Movement.REFUND, lot_id, amount, reference, reason, at, by)


def _remove_units(
    kind: Movement,
    lot_id: int,
    amount: Decimal,
    reference: str,
    reason: str,
    at: datetime,
    by: User | None,
) -> Lot:
    check_amount(amount)
    _check_reason(reason)
    with audited_transaction(f"{kind} credits", by=by, at=at):
        row = Lot.objects.get(pk=lot_id)
        wallet, earlier = lock_wallet(row.wallet_id, reference, used_at=at)
        digest = request_digest(kind, lot_id, amount)
        if earlier is not None:
            earlier.check_same_request(reference, digest)
            return row
        read_lots({wallet.id: wallet}, [lot_id])
        lot = wallet.lots[lot_id]
        if kind == Movement.REFUND and not lot.cost:
            raise LedgerRefused(_("The lot was free. Void it instead."), field="lot")
        if lot.free < amount:
            raise InsufficientUnits(amount, lot.free, wallet.unit)
        sheet = Sheet(at, reason, by.pk if by else None)
        legs = [move_lot(wallet, lot, EXACT.minus(amount))]
        sheet.post(wallet, kind, reference, [*legs, balancing_leg(Account.WORLD, legs)], digest=digest)
        write(sheet, [wallet])
        row.refresh_from_db()
        announce_lot_adjustment(row, str(kind), at=at, key_suffix=reference, amount=amount)
        return row


class WalletVoid(NamedTuple):
    """voided: units that left the wallet. held: units that reservations hold, and that stay. balance: afterwards."""

    voided: Decimal
    held: Decimal
    balance: Decimal


def void_all(*, wallet_id: int, reference: str, reason: str, at: datetime, by: User | None = None) -> WalletVoid:
    """
    Void all units of a wallet that are not held, of whatever lot, in one transaction of the ledger.

    Repeating the same reference voids nothing and returns the amounts of the first time.

    :raises WalletNotFound: if there is no such wallet, or it is closed.
    :raises LedgerRefused: if no unit is free, or no reason is given.
    """
    _check_reason(reason)
    with audited_transaction("void all credits", by=by, at=at):
        wallet, earlier = lock_wallet(wallet_id, reference, used_at=at)
        held = exact_sum(lot.held for lot in wallet.lots.values())
        digest = request_digest(Movement.VOID, "all", wallet_id)
        if earlier is not None:
            earlier.check_same_request(reference, digest)
            return WalletVoid(earlier.from_lots, held, earlier.balance_after)
        lots = [lot for lot in wallet.ordered_lots() if lot.free]
        if not lots:
            text = _("The wallet has no units to void; reservations hold %(held)s %(unit)s. Release them first.")
            empty = _("The wallet is empty. There is nothing to void.")
            raise LedgerRefused(text % {"held": f"{held.normalize():f}", "unit": wallet.unit} if held else empty)
        units = exact_sum(lot.free for lot in lots)
        sheet = Sheet(at, reason, by.pk if by else None)
        legs = [move_lot(wallet, lot, EXACT.minus(lot.free)) for lot in lots]
        sheet.post(wallet, Movement.VOID, reference, [*legs, balancing_leg(Account.WORLD, legs)], digest=digest)
        write(sheet, [wallet])
        announce_wallet_event(
            "adjusted",
            Wallet.objects.get(pk=wallet_id),
            at=at,
            key_suffix=f"void all:{reference}",
            lot=None,
            change="void",
            amount=to_plain_string(units),
            expires_at=None,
        )
        return WalletVoid(units, held, wallet.balance)


def transfer(
    *,
    from_id: int,
    to_id: int,
    amount: Decimal,
    reference: str,
    reason: str,
    at: datetime,
    by: User | None = None,
) -> list[Lot]:
    """
    Move units to another wallet of the same customer and unit, lot by lot and on unchanged terms.

    Return the new lots. Repeating the same reference returns the lots of the first time.

    :raises LedgerRefused: if the wallets differ in customer or unit, there are too few units, or no reason is given.
    """
    check_amount(amount)
    _check_reason(reason)
    if from_id == to_id:
        raise LedgerRefused(_("Choose another wallet as the destination."), field="to")
    with audited_transaction("transfer credits", by=by, at=at):
        wallets = lock_wallets([from_id, to_id], used_at=at)
        source, target = wallets[from_id], wallets[to_id]
        if (source.customer_id, source.unit) != (target.customer_id, target.unit):
            raise LedgerRefused(
                _("Both wallets must belong to the same customer and hold the same unit."), field="to"
            )
        if source.seller_id != target.seller_id:
            text = _("The wallets belong to different sellers. Choose a wallet of the same seller.")
            raise LedgerRefused(text, field="to")
        if len(set(Wallet.objects.filter(pk__in=wallets).values_list("currency", flat=True))) > 1:
            text = _("The wallets' costs are in different currencies. Void the units here and grant them there.")
            raise LedgerRefused(text, field="to")
        # Read under the locks, so that a repeated request sees the lots of the first one.
        earlier_lots = Lot.objects.filter(wallet=to_id, source__startswith=f"transfer:{reference}:")
        if transferred := list(earlier_lots.order_by("id")):
            return _check_same_transfer(transferred, amount, reference)
        sheet = Sheet(at, reason, by.pk if by else None)
        new_lots = _transfer_lots(source, target, amount, reference, sheet)
        write(sheet, [source, target])
        for lot in new_lots:
            announce_lot_adjustment(lot, "transfer", at=at, key_suffix=reference, amount=lot.amount)
        return new_lots


def _transfer_lots(
    source: LockedWallet, target: LockedWallet, amount: Decimal, reference: str, sheet: Sheet
) -> list[Lot]:
    # Lots of any feature: a restricted lot stays restricted in the new wallet.
    lots = [lot for lot in source.ordered_lots() if lot.free and lot.is_valid(sheet.at)]
    missing, new_lots, legs = amount, [], []
    rows = {row.pk: row for row in Lot.objects.filter(pk__in=[lot.id for lot in lots])}
    for lot in lots:
        units = min(lot.free, missing)
        if not units:
            break
        missing = EXACT.subtract(missing, units)
        row = rows[lot.id]
        grant = Grant(
            row.kind,
            units,
            f"transfer:{reference}:{lot.id}",
            cost=cost_between(lot, lot.remaining, EXACT.subtract(lot.remaining, units)),
            valid_from=row.valid_from,
            expires_at=row.expires_at,
            features=row.features,
            priority=row.priority,
            tax_point=row.tax_point,
            is_paid=row.is_paid,
            rolls_over=row.rolls_over,
            rollover_most=row.rollover_most,
            rollover_days=row.rollover_days,
            rollover_ends=row.rollover_ends,
            origin_id=row.pk,
        )
        legs.append(move_lot(source, lot, EXACT.minus(units)))
        new_lots.append(grant_lot(target, grant, sheet, kind=Movement.TRANSFER_IN))
    if missing:
        raise InsufficientUnits(amount, EXACT.subtract(amount, missing), source.unit)
    sheet.post(source, Movement.TRANSFER_OUT, f"transfer:{reference}", [*legs, balancing_leg(Account.WORLD, legs)])
    return new_lots


def _check_same_transfer(lots: list[Lot], amount: Decimal, reference: str) -> list[Lot]:
    if sum(lot.amount for lot in lots) != amount:
        raise ReferenceConflict(reference)
    return lots


def extend(*, lot_id: int, expires_at: datetime | None, reason: str, at: datetime, by: User | None = None) -> Lot:
    """
    Extend the expiry of a lot, or remove it; a lot without expiry no longer rolls over.

    :raises LedgerRefused: if the new expiry is not later, the lot has gone to breakage, or no reason is given.
    """
    _check_reason(reason)
    with audited_transaction("extend credits", by=by, at=at, reason=reason):
        row = Lot.objects.get(pk=lot_id)
        wallet = lock_wallets([row.wallet_id], used_at=at)[row.wallet_id]
        read_lots({wallet.id: wallet}, [lot_id])
        lot = wallet.lots[lot_id]
        if lot.expires_at is None or (expires_at is not None and expires_at <= lot.expires_at):
            text = _("The new expiry must be after the current one, or empty.")
            raise LedgerRefused(text, field="expires_at")
        if lot.expired or not lot.remaining:
            raise LedgerRefused(_("The lot has no remaining units. Grant new ones instead."), field="lot")
        ends = [end for end in row.rollover_ends if expires_at and end > expires_at]
        rolls_over = len(ends) if row.rollover_ends else row.rolls_over if expires_at else 0
        Lot.objects.filter(pk=lot_id).update(expires_at=expires_at, rolls_over=rolls_over, rollover_ends=ends)
        row.refresh_from_db()
        announce_lot_adjustment(row, "extend", at=at, key_suffix="")
        return row


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise LedgerRefused(_("Enter a reason."), field="reason")
