"""Convert what a wallet holds into another unit, lot by lot, and back: docs/migration.md#wallets."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser

from lib.audit_log import change
from lib.decimals import EXACT, ZERO
from wallets.credit_rules.lots import Lot as Held
from wallets.credit_rules.lots import cost_between
from wallets.credit_rules.units import rounded
from wallets.ledger.grant import Grant, put
from wallets.ledger.locked_wallets import Open, open_wallets
from wallets.ledger.transactions import Sheet, against, moved, write
from wallets.models import Entry, Lot, Wallet
from wallets.models.ledger import Account, Movement

By = AbstractBaseUser | None


class CannotConvert(ValueError):
    """A wallet cannot be converted, or not back; the text says why."""


def convert(
    *, from_id: int, to_id: int, rate: Decimal, reference: str, reason: str, at: datetime, by: By = None
) -> list[Lot]:
    """
    Turn what is free in a wallet into lots of another one of the customer, of another unit, and return these.

    rate: so many units for one of the other wallet's. reference: converts a wallet once; again, it returns the lots
    that it made. Each lot keeps its cost and its conditions; what is held, or is valid only later, stays.

    :raises CannotConvert: if both hold the same unit, or what their lots cost stands in two currencies.
    """
    with change("convert credits", by=by, at=at):
        source, target = _opened(from_id, to_id, at)
        made = Lot.objects.filter(wallet=to_id, source__startswith=f"{reference}:", origin__wallet=from_id)
        if before := list(made.order_by("pk")):
            return before
        sheet = Sheet(at, reason, by.pk if by else None)
        lots = [lot for lot in source.ordered() if lot.free and lot.is_valid(at)]
        rows = Lot.objects.in_bulk([lot.id for lot in lots])
        legs, found = [], []
        for lot in lots:
            units = rounded(EXACT.divide(lot.free, rate))
            if units:
                row = rows[lot.id]
                one = _grant(row, lot, units, f"{reference}:{lot.id}", rate=rate)
                legs.append(moved(source, lot, EXACT.minus(lot.free)))
                found.append(put(target, one, sheet, kind=Movement.TRANSFER_IN))
        if legs:
            sheet.post(source, Movement.TRANSFER_OUT, reference, [*legs, against(Account.WORLD, legs)])
            write(sheet, [source, target])
        return found


def convert_back(*, from_id: int, to_id: int, reference: str, reason: str, at: datetime, by: By = None) -> list[Lot]:
    """
    Undo the conversion of that reference from wallet `from_id` into `to_id`: the same units, on the same conditions.

    :raises CannotConvert: if some of what it made is used, held, void or expired.
    """
    with change("convert credits back", by=by, at=at):
        target, source = _opened(to_id, from_id, at)
        of = Lot.objects.filter(wallet=to_id, source__startswith=f"{reference}:", origin__wallet=from_id)
        made = {row.pk: row for row in of.select_related("origin").order_by("pk")}
        back = f"{reference}:back"
        if not made or Lot.objects.filter(wallet=from_id, source__startswith=f"{back}:").exists():
            return []
        taken = Entry.objects.filter(transaction__reference=reference, transaction__wallet=from_id, lot__isnull=False)
        was = {lot_id: (-units, -money) for lot_id, units, money in taken.values_list("lot", "units", "money")}
        sheet = Sheet(at, reason, by.pk if by else None)
        legs, found = [], []
        for id_, row in made.items():
            lot = target.lots.get(id_)
            if lot is None or lot.free != row.amount:
                told = f"{row.amount.normalize():,f} {target.unit}"
                raise CannotConvert(f"Of the {told} that were converted, some are used, held or gone.")
            units, cost = was[row.origin_id]
            legs.append(moved(target, lot, EXACT.minus(row.amount)))
            one = _grant(row.origin, None, units, f"{back}:{row.origin_id}", cost=cost)
            found.append(put(source, one, sheet, kind=Movement.TRANSFER_IN))
        sheet.post(target, Movement.TRANSFER_OUT, back, [*legs, against(Account.WORLD, legs)])
        write(sheet, [source, target])
        return found


def _opened(from_id: int, to_id: int, at: datetime) -> tuple[Open, Open]:
    wallets = open_wallets([from_id, to_id], used_at=at)
    source, target = wallets[from_id], wallets[to_id]
    if source.customer_id != target.customer_id or source.unit == target.unit:
        raise CannotConvert("Both wallets must be of one customer, and hold different units.")
    if len(set(Wallet.objects.filter(pk__in=wallets).values_list("currency", flat=True))) > 1:
        raise CannotConvert("What their lots cost stands in two currencies: grant and void instead.")
    return source, target


def _grant(
    row: Lot,
    lot: Held | None,
    units: Decimal,
    source: str,
    *,
    rate: Decimal = Decimal(1),
    cost: Decimal = ZERO,
) -> Grant:
    """Return what becomes of a lot: so many units on its conditions, with the cost of what is free of it."""
    if lot is not None:
        cost = cost_between(lot, lot.remaining, lot.held)
    most = row.rollover_most
    return Grant(
        row.kind,
        units,
        source,
        cost=cost,
        valid_from=row.valid_from,
        expires_at=row.expires_at,
        features=row.features,
        priority=row.priority,
        is_paid=row.is_paid,
        rolls_over=row.rolls_over,
        rollover_most=None if most is None else rounded(EXACT.divide(most, rate)),
        rollover_days=row.rollover_days,
        rollover_ends=row.rollover_ends,
        origin_id=row.pk,
        granted_at=row.granted_at,
    )
