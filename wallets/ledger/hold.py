"""Keep units for something that is about to be used, until it is spent, released, or its time is over."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce

from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from wallets.credit_rules.allocation import take
from wallets.credit_rules.at_zero_policy import AtZero, rest_of
from wallets.credit_rules.units import added, checked
from wallets.ledger.errors import Conflict, LedgerRefused
from wallets.ledger.locked_wallets import Open, open_of_customers, read_lots
from wallets.ledger.spend import Spent, Use, refuse_uncovered, rule_of, take_from
from wallets.ledger.transactions import Sheet, write
from wallets.models import Entry, Hold, HoldShare, Transaction, Wallet
from wallets.models.holds import HoldState


class HoldIsOver(LedgerRefused):
    """The hold was committed, released, or its time is over."""

    def __init__(self, hold: Hold) -> None:
        super().__init__(f"“{hold.reference}” is {hold.get_state_display()}: hold anew.")
        self.hold = hold


@transaction.atomic
def hold(*, customer_id: int, unit: str, use: Use, until: datetime) -> Hold:
    """
    Keep what a use may cost; the same reference again is the same hold.

    use.at: now, which is also the time of use that lots are taken by. until: when it is given back by itself.

    :raises InvalidAmount: if the amount is none.
    :raises NotEnough: if there is less, and what happens at zero does not let the use go on.
    :raises Conflict: if the reference names another hold.
    """
    checked(use.amount)
    wallets = open_of_customers([(customer_id, unit)], used_at=use.at)[customer_id, unit]
    found = Hold.objects.filter(customer=customer_id, reference=use.reference).first()
    if found is not None:
        if (found.unit, found.amount, found.feature_id) != (unit, use.amount, use.feature_id):
            raise Conflict(use.reference)
        return found
    lapse(wallets, customer_id, unit, at=use.at)
    return hold_in(wallets, customer_id, unit, use, until=until)


def hold_in(wallets: Sequence[Open], customer_id: int, unit: str, use: Use, *, until: datetime) -> Hold:
    """Keep what a use may cost in wallets that are open, and write it."""
    shares, spent = _keep(wallets, use)
    refuse_uncovered(use, wallets, spent)
    made = Hold.objects.create(
        customer_id=customer_id,
        reference=use.reference,
        unit=unit,
        amount=use.amount,
        uncovered=spent.uncovered,
        feature_id=use.feature_id,
        at=use.at,
        until=until,
    )
    for share in shares:
        share.hold = made
    HoldShare.objects.bulk_create(shares)
    write(Sheet(use.at), wallets)
    return made


def _keep(wallets: Sequence[Open], use: Use) -> tuple[list[HoldShare], Spent]:
    shares: list[HoldShare] = []
    missing, owed, uncovered = use.amount, ZERO, ZERO
    for place, wallet in enumerate(wallets):
        # What has expired by now may be spent for use from before, but not kept: of that, lots say nothing.
        taken = take(wallet.ordered(), missing, feature=use.feature_id, at=use.at, revives=False)
        for lot, units, _ in taken.shares:
            wallet.put(replace(lot, held=EXACT.add(lot.held, units)))
            shares.append(HoldShare(wallet_id=wallet.id, lot_id=lot.id, units=units))
        missing = taken.missing
        if missing and place == len(wallets) - 1:
            at_zero, limit = rule_of(wallet, use)
            owed, uncovered = rest_of(missing, at_zero, debt=wallet.owed, limit=limit)
            if owed:
                wallet.debt_held = EXACT.add(wallet.debt_held, owed)
                wallet.debt_limit = max(wallet.debt_limit, limit)
                shares.append(HoldShare(wallet_id=wallet.id, lot_id=None, units=owed))
    if not wallets:
        uncovered = missing
    return shares, Spent(EXACT.subtract(use.amount, missing), owed, uncovered, ZERO)


@transaction.atomic
def commit(
    *, hold_id: int, amount: Decimal, at: datetime, at_zero: AtZero = AtZero.BLOCK, limit: Decimal = ZERO
) -> Spent:
    """
    Spend what was really used of a hold, and give the rest back; the same again answers as it did before.

    amount: zero or more; more than is held is taken as at any use, as far as what happens at zero lets it go on. Lots
    are taken by the time at which the hold was made.

    :raises HoldIsOver: if it was released, or its time is over.
    :raises NotEnough: if there is less than was used, and the use does not go on; the hold stays.
    :raises Conflict: if it was committed with another amount.
    """
    found, wallets = _opened(hold_id)
    if found.state == HoldState.COMMITTED:
        return _committed_before(found, amount)
    if found.state != HoldState.OPEN or found.until <= at:
        raise HoldIsOver(found)
    sheet = Sheet(at)
    spent = commit_in(wallets, found, Use(amount, found.at, "", found.feature_id, at_zero, limit), sheet)
    with prepared_statements.last_of_transaction():
        write(sheet, wallets)
    return spent


def free(wallets: Sequence[Open], found: Hold, *, at: datetime) -> None:
    """
    Give back, in wallets that are open, what a hold keeps, because what it was for is taken now; the caller writes.

    One whose time is over keeps nothing any more.
    """
    found.refresh_from_db()
    if found.state == HoldState.OPEN:
        _free(wallets, [found])
        _end([found], HoldState.RELEASED, at=at)


def commit_in(wallets: Sequence[Open], found: Hold, use: Use, sheet: Sheet) -> Spent:
    """Free what a hold keeps in wallets that are open, and take what was used; the caller writes the wallets."""
    _free(wallets, [found])
    _end([found], HoldState.COMMITTED, at=sheet.at)
    if not use.amount:
        return Spent(ZERO, ZERO, ZERO, ZERO)
    use = replace(use, at=found.at, reference=_reference(found))
    spent = take_from(wallets, use, sheet)
    refuse_uncovered(use, wallets, spent)
    return spent


def _committed_before(found: Hold, amount: Decimal) -> Spent:
    units = owed = uncovered = ZERO
    last = 0
    for one in Transaction.objects.filter(
        wallet__customer=found.customer_id, reference=_reference(found)
    ).prefetch_related("entries"):
        taken = EXACT.minus(sum((entry.units for entry in one.entries.all() if entry.lot_id), ZERO))
        units = EXACT.add(units, taken)
        owed = EXACT.add(owed, EXACT.subtract(EXACT.minus(one.units), taken))
        uncovered, last = EXACT.add(uncovered, one.uncovered), max(last, one.pk)
    if added(units, owed, uncovered) != amount:
        raise Conflict(found.reference)
    return Spent(units, owed, uncovered, _balance_after(found, last))


def _balance_after(found: Hold, transaction_id: int) -> Decimal:
    """Return what the wallets that a hold may take had together after a transaction, which locked all of them."""
    up_to_it = Entry.objects.filter(wallet=OuterRef("pk"), place__isnull=False, transaction__lte=transaction_id)
    latest = Subquery(up_to_it.order_by("-place").values("balance_after")[:1])
    wallets = Wallet.objects.filter(customer=found.customer_id, unit=found.unit)
    return added(*wallets.values_list(Coalesce(latest, ZERO), flat=True))


def _reference(found: Hold) -> str:
    return f"hold:{found.pk}"


@transaction.atomic
def release(*, hold_id: int, at: datetime) -> Hold:
    """
    Give back all that is held; once more is no error.

    :raises HoldIsOver: if it was committed.
    """
    found, wallets = _opened(hold_id)
    if found.state == HoldState.COMMITTED:
        raise HoldIsOver(found)
    if found.state == HoldState.OPEN:
        _free(wallets, [found])
        _end([found], HoldState.RELEASED, at=at)
        write(Sheet(at), wallets)
    return found


def lapse(wallets: Sequence[Open], customer_id: int, unit: str, *, at: datetime) -> None:
    """Give back, in wallets that are open, what holds keep whose time is over; the caller writes the wallets."""
    over = list(Hold.objects.filter(customer=customer_id, unit=unit, state=HoldState.OPEN, until__lte=at))
    if over:
        _free(wallets, over)
        _end(over, HoldState.LAPSED, at=at)


def _opened(hold_id: int) -> tuple[Hold, list[Open]]:
    """Lock the wallets of a hold, and return it as it is under the lock."""
    found = Hold.objects.get(pk=hold_id)
    of = found.customer_id, found.unit
    wallets = open_of_customers([of], used_at=found.at)[of]
    found.refresh_from_db()
    return found, wallets


def _free(wallets: Sequence[Open], holds: Iterable[Hold]) -> None:
    opened = {one.id: one for one in wallets}
    shares = list(HoldShare.objects.filter(hold__in=list(holds)))
    read_lots(opened, [one.lot_id for one in shares if one.lot_id])
    for share in shares:
        wallet = opened[share.wallet_id]
        if share.lot_id is None:
            wallet.debt_held = EXACT.subtract(wallet.debt_held, share.units)
        else:
            lot = wallet.lots[share.lot_id]
            wallet.put(replace(lot, held=EXACT.subtract(lot.held, share.units)))


def _end(holds: Iterable[Hold], state: HoldState, *, at: datetime) -> None:
    for one in holds:
        one.state, one.ended_at = state, at
    Hold.objects.filter(pk__in=[one.pk for one in holds]).update(state=state, ended_at=at)
