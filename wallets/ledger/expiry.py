"""Expiry of lots: units roll over into a new lot, or go to breakage."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from customers.notifications import announce
from customers.notifications.announcement import Facts
from lib.decimals import EXACT, ZERO, to_plain_string
from wallets.credit_rules.lots import cost_between
from wallets.credit_rules.rollover import rollover_units
from wallets.credit_rules.units import add_units
from wallets.ledger.grant import Grant, grant_lot, repay_debt
from wallets.ledger.locked_wallets import LockedWallet, lock_wallets
from wallets.ledger.transactions import Sheet, balancing_leg, move_lot, write
from wallets.models import Lot
from wallets.models.ledger import Account, Movement
from wallets.models.lots import LotKind


@transaction.atomic
def expire(*, wallet_id: int, at: datetime, grace_period: timedelta) -> int:
    """
    Expire due lots of a wallet, and return how many; repeating it expires nothing twice.

    grace_period: how long to wait for late usage from before an expiry.

    Held units stay in their lot until the hold ends. A rolled-over lot is valid from the expiry on.
    """
    wallet = lock_wallets([wallet_id], used_at=at)[wallet_id]
    sheet = Sheet(at)
    expired_lots = [
        lot for lot in wallet.ordered_lots() if lot.free and lot.expires_at and lot.expires_at <= at - grace_period
    ]
    rows = {row.pk: row for row in Lot.objects.filter(pk__in=[lot.id for lot in expired_lots])}
    rolled_over = _read_rolled_over(rows.values())
    breakage = add_units(
        *(_expire_lot(wallet, rows[lot.id], rolled_over.get(lot.id, ZERO), sheet) for lot in expired_lots)
    )
    # Lots that rolled over, or have become valid since the last run, repay debt.
    for lot in wallet.ordered_lots():
        if wallet.debt and lot.free and not lot.features and lot.is_valid(at):
            repay_debt(wallet, lot.id, sheet, reference=f"lot:{lot.id}:repay:{wallet.moves}")
    write(sheet, [wallet])
    if breakage:
        _announce_expiry(wallet, breakage, at=at)
    return len(expired_lots)


def _read_rolled_over(rows: Iterable[Lot]) -> dict[int, Decimal]:
    """Return the units already rolled over, for lots that expire again because units were returned to them."""
    lot_ids = [row.pk for row in rows if row.rolls_over and row.rollover_most is not None]
    if not lot_ids:
        return {}
    # Transferred and converted lots have the same origin but another source.
    rollover_lots = Lot.objects.filter(origin__in=lot_ids, source__startswith="lot:")
    return dict(rollover_lots.values_list("origin").annotate(Sum("amount")))


def _expire_lot(wallet: LockedWallet, row: Lot, already_rolled_over: Decimal, sheet: Sheet) -> Decimal:
    """Post the expiry of a lot, and return the units that went to breakage."""
    lot = wallet.lots[row.pk]
    rollover = (
        rollover_units(lot, row.rollover_most, already_rolled_over=already_rolled_over) if row.rolls_over else ZERO
    )
    breakage = EXACT.subtract(lot.free, rollover)
    # Numbered by `moves`, because a lot expires more than once if a hold or late usage kept units of it.
    reference = f"lot:{row.pk}:expire:{wallet.moves}"
    if rollover:
        _roll_over(wallet, row, rollover, sheet, reference)
    if breakage:
        legs = [move_lot(wallet, wallet.lots[row.pk], EXACT.minus(breakage), expired=True)]
        sheet.post(wallet, Movement.EXPIRE, reference, [*legs, balancing_leg(Account.BREAKAGE, legs)])
    return breakage


def _announce_expiry(wallet: LockedWallet, breakage: Decimal, *, at: datetime) -> None:
    facts: Facts = {
        "wallet": wallet.id,
        "unit": wallet.unit,
        "amount": to_plain_string(breakage),
        "balance": to_plain_string(wallet.balance),
    }
    announce(
        kind="wallet.expired",
        customer_id=wallet.customer_id,
        seller_id=wallet.seller_id,
        facts=facts,
        key=f"wallet:{wallet.id}:expired:{wallet.moves}",
        at=at,
    )


def _roll_over(wallet: LockedWallet, row: Lot, units: Decimal, sheet: Sheet, reference: str) -> None:
    lot = wallet.lots[row.pk]
    remaining = EXACT.subtract(lot.remaining, units)
    grant = Grant(
        LotKind.ROLLOVER,
        units,
        f"lot:{row.pk}:{reference}",
        cost=cost_between(lot, lot.remaining, remaining),
        valid_from=row.expires_at,
        expires_at=_rollover_expires_at(row),
        features=row.features,
        priority=row.priority,
        tax_point=row.tax_point,
        is_paid=row.is_paid,
        rolls_over=row.rolls_over - 1,
        rollover_most=row.rollover_most,
        rollover_days=row.rollover_days,
        rollover_ends=row.rollover_ends[1:],
        origin_id=row.pk,
        granted_at=row.granted_at,
    )
    leg = move_lot(wallet, lot, EXACT.minus(units))
    grant_lot(wallet, grant, sheet, kind=Movement.ROLL_OVER, source_legs=[leg])


def _rollover_expires_at(row: Lot) -> datetime:
    if row.rollover_ends:
        end: datetime = row.rollover_ends[0]
        return end
    assert row.expires_at is not None  # noqa: S101  only what expires rolls over
    duration = row.expires_at - row.valid_from
    if row.rollover_days is not None:
        duration = timedelta(days=row.rollover_days)
    return row.expires_at + duration
