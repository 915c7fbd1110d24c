"""Lots that expire: what rolls over goes on in a new lot, the rest goes to breakage."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from customers.notifications import announce
from lib.decimals import EXACT, ZERO, plain
from wallets.credit_rules.lots import cost_between
from wallets.credit_rules.rollover import rolled_over
from wallets.credit_rules.units import added
from wallets.ledger.grant import Grant, put, repay
from wallets.ledger.locked_wallets import Open, open_wallets
from wallets.ledger.transactions import Sheet, against, moved, write
from wallets.models import Lot
from wallets.models.ledger import Account, Movement
from wallets.models.lots import LotKind


@transaction.atomic
def expire(*, wallet_id: int, at: datetime, waiting: timedelta) -> int:
    """
    Expire what is due in a wallet, and return how many lots did; none that did already.

    waiting: how long late usage from before an expiry is waited for.

    What a reservation holds stays in its lot until that ends. What rolls over is valid from the expiry on.
    """
    wallet = open_wallets([wallet_id], used_at=at)[wallet_id]
    sheet = Sheet(at)
    due = [lot for lot in wallet.ordered() if lot.free and lot.expires_at and lot.expires_at <= at - waiting]
    rows = {row.pk: row for row in Lot.objects.filter(pk__in=[lot.id for lot in due])}
    rolled = _rolled_before(rows.values())
    expired = added(*(_expire(wallet, rows[lot.id], rolled.get(lot.id, ZERO), sheet) for lot in due))
    for lot in wallet.ordered():
        if wallet.debt and lot.free and not lot.features and lot.is_valid(at):
            repay(wallet, lot.id, sheet, reference=f"lot:{lot.id}:repay:{wallet.moves}")
    write(sheet, [wallet])
    if expired:
        _tell(wallet, expired, at=at)
    return len(due)


def _rolled_before(rows: Iterable[Lot]) -> dict[int, Decimal]:
    """Return what of lots that expire once more, since something came back to them, has rolled over already."""
    again = [row.pk for row in rows if row.rolls_over and row.rollover_most is not None]
    if not again:
        return {}
    made = Lot.objects.filter(origin__in=again, source__startswith="lot:")
    return dict(made.values_list("origin").annotate(Sum("amount")))


def _expire(wallet: Open, row: Lot, rolled: Decimal, sheet: Sheet) -> Decimal:
    """Post what becomes of a lot that is over, and return how much of it went to breakage."""
    lot = wallet.lots[row.pk]
    goes_on = rolled_over(lot, row.rollover_most, before=rolled) if row.rolls_over else ZERO
    gives_up = EXACT.subtract(lot.free, goes_on)
    # A lot that a hold or late usage kept something of expires more than once.
    reference = f"lot:{row.pk}:expire:{wallet.moves}"
    if goes_on:
        _roll_over(wallet, row, goes_on, sheet, reference)
    if gives_up:
        legs = [moved(wallet, wallet.lots[row.pk], EXACT.minus(gives_up), expired=True)]
        sheet.post(wallet, Movement.EXPIRE, reference, [*legs, against(Account.BREAKAGE, legs)])
    return gives_up


def _tell(wallet: Open, expired: Decimal, *, at: datetime) -> None:
    facts = {"wallet": wallet.id, "unit": wallet.unit, "amount": plain(expired), "balance": plain(wallet.balance)}
    announce(
        kind="wallet.expired",
        customer_id=wallet.customer_id,
        facts=facts,
        key=f"wallet:{wallet.id}:expired:{wallet.moves}",
        at=at,
    )


def _roll_over(wallet: Open, row: Lot, units: Decimal, sheet: Sheet, reference: str) -> None:
    lot = wallet.lots[row.pk]
    left = EXACT.subtract(lot.remaining, units)
    one = Grant(
        LotKind.ROLLOVER,
        units,
        f"lot:{row.pk}:{reference}",
        cost=cost_between(lot, lot.remaining, left),
        valid_from=row.expires_at,
        expires_at=_lasts_until(row),
        features=row.features,
        priority=row.priority,
        is_paid=row.is_paid,
        rolls_over=row.rolls_over - 1,
        rollover_most=row.rollover_most,
        rollover_days=row.rollover_days,
        rollover_ends=row.rollover_ends[1:],
        origin_id=row.pk,
        granted_at=row.granted_at,
    )
    leg = moved(wallet, lot, EXACT.minus(units))
    put(wallet, one, sheet, kind=Movement.ROLL_OVER, taken=[leg])


def _lasts_until(row: Lot) -> datetime:
    if row.rollover_ends:
        return row.rollover_ends[0]
    lasts = row.expires_at - row.valid_from
    if row.rollover_days is not None:
        lasts = timedelta(days=row.rollover_days)
    return row.expires_at + lasts
