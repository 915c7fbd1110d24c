"""Hold units for upcoming use, until they are spent, released, or the hold lapses."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from wallets.credit_rules.allocation import allocate_from_lots
from wallets.credit_rules.at_zero_policy import AtZeroPolicy, split_shortfall
from wallets.credit_rules.units import add_units, check_amount
from wallets.ledger.errors import LedgerRefused, ReferenceConflict
from wallets.ledger.locked_wallets import LockedWallet, lock_customer_wallets, read_lots
from wallets.ledger.spend import SpendOutcome, SpendRequest, at_zero_rule, refuse_uncovered, take_from_wallets
from wallets.ledger.transactions import Sheet, write
from wallets.models import Entry, Hold, HoldShare, Transaction, Wallet
from wallets.models.holds import HoldState


class HoldIsOver(LedgerRefused):
    """The hold was committed or released, or it has lapsed."""

    def __init__(self, hold: Hold) -> None:
        text = _("The hold “%(reference)s” is %(state)s. Create a new one.")
        super().__init__(text % {"reference": hold.reference, "state": hold.get_state_display()})
        self.hold = hold


@transaction.atomic
def hold(
    *, customer_id: int, unit: str, request: SpendRequest, until: datetime, seller_id: int | None = None
) -> Hold:
    """
    Hold the units that a use may cost; repeating the same reference returns the same hold.

    seller_id: the seller whose wallets pay; None for wallets of any seller.
    request.at: the current time, which is also the time of use for the choice of lots. until: when the hold lapses.

    :raises InvalidAmount: if the amount is invalid.
    :raises InsufficientUnits: if there are too few units, and the policy at zero refuses.
    :raises ReferenceConflict: if the reference belongs to a different hold.
    """
    check_amount(request.amount)
    wallets = lock_customer_wallets([(customer_id, unit)], used_at=request.at)[customer_id, unit]
    existing = Hold.objects.filter(customer=customer_id, reference=request.reference).first()
    if existing is not None:
        if (existing.unit, existing.amount, existing.feature_id) != (unit, request.amount, request.feature_id):
            raise ReferenceConflict(request.reference)
        return existing
    # Holds that are over still reserve units until they are lapsed.
    lapse_holds(wallets, customer_id, unit, at=request.at)
    payers = [wallet for wallet in wallets if seller_id in (None, wallet.seller_id)]
    shares, outcome = _hold_units(payers, request)
    refuse_uncovered(request, payers, outcome)
    hold = Hold.objects.create(
        customer_id=customer_id,
        reference=request.reference,
        unit=unit,
        amount=request.amount,
        uncovered=outcome.uncovered,
        feature_id=request.feature_id,
        at=request.at,
        until=until,
    )
    for share in shares:
        share.hold = hold
    HoldShare.objects.bulk_create(shares)
    write(Sheet(request.at), wallets)
    return hold


def _hold_units(wallets: Sequence[LockedWallet], request: SpendRequest) -> tuple[list[HoldShare], SpendOutcome]:
    shares: list[HoldShare] = []
    missing, owed, uncovered = request.amount, ZERO, ZERO
    for index, wallet in enumerate(wallets):
        # Expired units may be reclaimed for use from before the expiry, but can't be held.
        allocation = allocate_from_lots(
            wallet.ordered_lots(), missing, feature=request.feature_id, at=request.at, reclaims_expired=False
        )
        for lot, units, _cost in allocation.shares:
            wallet.replace_lot(replace(lot, held=EXACT.add(lot.held, units)))
            shares.append(HoldShare(wallet_id=wallet.id, lot_id=lot.id, units=units))
        missing = allocation.missing
        if missing and index == len(wallets) - 1:
            at_zero, limit = at_zero_rule(wallet, request)
            owed, uncovered = split_shortfall(missing, at_zero, debt=wallet.total_debt, limit=limit)
            if owed:
                wallet.debt_held = EXACT.add(wallet.debt_held, owed)
                wallet.debt_limit = max(wallet.debt_limit, limit)
                shares.append(HoldShare(wallet_id=wallet.id, lot_id=None, units=owed))
    if not wallets:
        uncovered = missing
    return shares, SpendOutcome(EXACT.subtract(request.amount, missing), owed, uncovered, ZERO)


@transaction.atomic
def commit(
    *, hold_id: int, amount: Decimal, at: datetime, at_zero: AtZeroPolicy = AtZeroPolicy.BLOCK, limit: Decimal = ZERO
) -> SpendOutcome:
    """
    Spend the units actually used of a hold, and release the rest; repeating it returns the same outcome.

    amount: zero or more; units beyond the hold are taken as by any spend, as far as the policy at zero allows. Lots
        are chosen by the time of the hold.

    :raises HoldIsOver: if it was released or has lapsed.
    :raises InsufficientUnits: if there are too few units and the policy at zero refuses; the hold stays.
    :raises ReferenceConflict: if it was committed with another amount.
    """
    hold, wallets = _lock_hold(hold_id)
    if hold.state == HoldState.COMMITTED:
        return _repeat_commit(hold, amount)
    if hold.state != HoldState.OPEN or hold.until <= at:
        raise HoldIsOver(hold)
    sheet = Sheet(at)
    outcome = _commit_locked(wallets, hold, SpendRequest(amount, hold.at, "", hold.feature_id, at_zero, limit), sheet)
    with prepared_statements.commit_with_last_statements():
        write(sheet, wallets)
    return outcome


def release_locked(wallets: Sequence[LockedWallet], hold: Hold, *, at: datetime) -> None:
    """
    Release a hold in locked wallets, because its units are taken now; the caller writes the wallets.

    A hold that is over holds nothing any more.
    """
    hold.refresh_from_db()
    if hold.state == HoldState.OPEN:
        _release_units(wallets, [hold])
        _end_holds([hold], HoldState.RELEASED, at=at)


def _commit_locked(wallets: Sequence[LockedWallet], hold: Hold, request: SpendRequest, sheet: Sheet) -> SpendOutcome:
    """Release a hold in locked wallets and take the units used; the caller writes the wallets."""
    held_ids = set(hold.shares.values_list("wallet_id", flat=True))
    sellers = {wallet.seller_id for wallet in wallets if wallet.id in held_ids}
    _release_units(wallets, [hold])
    _end_holds([hold], HoldState.COMMITTED, at=sheet.at)
    if not request.amount:
        return SpendOutcome(ZERO, ZERO, ZERO, ZERO)
    request = replace(request, at=hold.at, reference=_reference(hold))
    # Units beyond the hold come from wallets of the seller that holds the others.
    payers = [wallet for wallet in wallets if not sellers or wallet.seller_id in sellers]
    outcome = take_from_wallets(payers, request, sheet)
    refuse_uncovered(request, payers, outcome)
    return outcome


def _repeat_commit(hold: Hold, amount: Decimal) -> SpendOutcome:
    units = owed = uncovered = ZERO
    last_id = 0
    for commit in Transaction.objects.filter(
        wallet__customer=hold.customer_id, reference=_reference(hold)
    ).prefetch_related("entries"):
        taken = EXACT.minus(sum((entry.units for entry in commit.entries.all() if entry.lot_id), ZERO))
        units = EXACT.add(units, taken)
        owed = EXACT.add(owed, EXACT.subtract(EXACT.minus(commit.units), taken))
        uncovered, last_id = EXACT.add(uncovered, commit.uncovered), max(last_id, commit.pk)
    if add_units(units, owed, uncovered) != amount:
        raise ReferenceConflict(hold.reference)
    return SpendOutcome(units, owed, uncovered, _balance_after(hold, last_id))


def _balance_after(hold: Hold, transaction_id: int) -> Decimal:
    """Return the total balance of the hold's wallets after a transaction, which had locked all of them."""
    entries = Entry.objects.filter(wallet=OuterRef("pk"), place__isnull=False, transaction__lte=transaction_id)
    latest = Subquery(entries.order_by("-place").values("balance_after")[:1])
    wallets = Wallet.objects.filter(customer=hold.customer_id, unit=hold.unit)
    return add_units(*wallets.values_list(Coalesce(latest, ZERO), flat=True))


def _reference(hold: Hold) -> str:
    return f"hold:{hold.pk}"


@transaction.atomic
def release(*, hold_id: int, at: datetime) -> Hold:
    """
    Release a hold; repeating it is no error.

    :raises HoldIsOver: if it was committed.
    """
    hold, wallets = _lock_hold(hold_id)
    if hold.state == HoldState.COMMITTED:
        raise HoldIsOver(hold)
    if hold.state == HoldState.OPEN:
        _release_units(wallets, [hold])
        _end_holds([hold], HoldState.RELEASED, at=at)
        write(Sheet(at), wallets)
    return hold


def lapse_holds(wallets: Sequence[LockedWallet], customer_id: int, unit: str, *, at: datetime) -> None:
    """Lapse holds whose time is over, in locked wallets; the caller writes the wallets."""
    lapsed = list(Hold.objects.filter(customer=customer_id, unit=unit, state=HoldState.OPEN, until__lte=at))
    if lapsed:
        _release_units(wallets, lapsed)
        _end_holds(lapsed, HoldState.LAPSED, at=at)


def _lock_hold(hold_id: int) -> tuple[Hold, list[LockedWallet]]:
    """Lock the wallets of a hold, and return them with the hold as read under the lock."""
    hold = Hold.objects.get(pk=hold_id)
    key = hold.customer_id, hold.unit
    wallets = lock_customer_wallets([key], used_at=hold.at)[key]
    hold.refresh_from_db()
    return hold, wallets


def _release_units(wallets: Sequence[LockedWallet], holds: Iterable[Hold]) -> None:
    wallets_by_id = {wallet_state.id: wallet_state for wallet_state in wallets}
    shares = list(HoldShare.objects.filter(hold__in=list(holds)))
    read_lots(wallets_by_id, [hold_share.lot_id for hold_share in shares if hold_share.lot_id])
    for share in shares:
        wallet = wallets_by_id[share.wallet_id]
        if share.lot_id is None:
            wallet.debt_held = EXACT.subtract(wallet.debt_held, share.units)
        else:
            lot = wallet.lots[share.lot_id]
            wallet.replace_lot(replace(lot, held=EXACT.subtract(lot.held, share.units)))


def _end_holds(holds: Iterable[Hold], state: HoldState, *, at: datetime) -> None:
    for hold in holds:
        hold.state, hold.ended_at = state, at
    Hold.objects.filter(pk__in=[hold.pk for hold in holds]).update(state=state, ended_at=at)
