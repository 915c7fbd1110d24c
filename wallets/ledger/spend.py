"""Take units from wallets for usage, and give them back when the usage turns out to be less."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from wallets.credit_rules.allocation import Allocation, LotShare, allocate_from_lots
from wallets.credit_rules.at_zero_policy import AtZeroPolicy, ShortfallSplit, split_shortfall
from wallets.credit_rules.units import check_amount
from wallets.ledger.errors import InsufficientUnits
from wallets.ledger.grant import apply_repayment
from wallets.ledger.locked_wallets import LockedWallet, lock_wallet, read_lots
from wallets.ledger.references import EarlierTransaction, request_digest
from wallets.ledger.transactions import Leg, NewTransaction, Sheet, balancing_leg, move_lot, write
from wallets.models.ledger import Account, Movement


@dataclass(frozen=True, slots=True)
class SpendRequest:
    """
    The usage to pay for.

    amount: units, above zero. feature_id: the feature used; None for something else. at: time of use.
    at_zero, limit: the policy at zero, and the overdraft limit.
    reference: unique in each wallet. draw: the drawdown it belongs to.
    """

    amount: Decimal
    at: datetime
    reference: str
    feature_id: int | None = None
    at_zero: AtZeroPolicy = AtZeroPolicy.BLOCK
    limit: Decimal = ZERO
    draw: int | None = None


class SpendOutcome(NamedTuple):
    """
    The result of a spend.

    units: taken from lots. owed: added to the debt. uncovered: neither. balance: of the wallet, or of all of them.
    """

    units: Decimal
    owed: Decimal
    uncovered: Decimal
    balance: Decimal


@transaction.atomic
def spend(
    *,
    wallet_id: int,
    amount: Decimal,
    reference: str,
    at: datetime,
    used_at: datetime | None = None,
    feature_id: int | None = None,
    at_zero: AtZeroPolicy = AtZeroPolicy.BLOCK,
    limit: Decimal = ZERO,
    reason: str = "",
    by_id: int | None = None,
) -> SpendOutcome:
    """
    Take an amount from one wallet, all or nothing if it blocks; repeating the same reference returns the same
    outcome.

    used_at: time of use; `at`, the current time, if None. limit: the overdraft limit; the wallet's own policy and
        limit take precedence.

    :raises InvalidAmount: if the amount is invalid.
    :raises InsufficientUnits: if the wallet has too few units, and the policy at zero refuses.
    :raises ReferenceConflict: if the reference belongs to a different movement.
    """
    request = SpendRequest(check_amount(amount), used_at or at, reference, feature_id, at_zero, limit)
    digest = request_digest(Movement.SPEND, amount, feature_id)
    wallet, earlier = lock_wallet(wallet_id, reference, used_at=request.at)
    if earlier is not None:
        return _repeat_outcome(earlier.check_same_request(reference, digest))
    sheet = Sheet(at, reason, by_id)
    outcome = take_from_wallets([wallet], request, sheet, digest=digest)
    refuse_uncovered(request, [wallet], outcome)
    with prepared_statements.commit_with_last_statements():
        write(sheet, [wallet])
    return outcome


def refuse_uncovered(request: SpendRequest, wallets: Sequence[LockedWallet], outcome: SpendOutcome) -> None:
    """
    Refuse usage beyond the available units, unless it continues as overage.

    :raises InsufficientUnits: with the available units.
    """
    if outcome.uncovered and at_zero_rule(wallets[-1] if wallets else None, request)[0] is not AtZeroPolicy.OVERAGE:
        available = EXACT.subtract(request.amount, outcome.uncovered)
        raise InsufficientUnits(request.amount, available, wallets[-1].unit if wallets else "units")


def _repeat_outcome(earlier: EarlierTransaction) -> SpendOutcome:
    covered = EXACT.minus(earlier.units)
    owed = EXACT.subtract(covered, earlier.from_lots)
    return SpendOutcome(earlier.from_lots, owed, earlier.uncovered, earlier.balance_after)


def at_zero_rule(wallet: LockedWallet | None, request: SpendRequest) -> tuple[AtZeroPolicy, Decimal]:
    """Return the policy at zero and the overdraft limit: the wallet's own, or else the plan's."""
    if wallet is None:
        return request.at_zero, ZERO
    at_zero = AtZeroPolicy(wallet.at_zero) if wallet.at_zero else request.at_zero
    return at_zero, request.limit if wallet.grace is None else wallet.grace


def take_from_wallets(
    wallets: Sequence[LockedWallet], request: SpendRequest, sheet: Sheet, *, digest: str = ""
) -> SpendOutcome:
    """
    Take the cost of a use from locked wallets, one after the other, and post it.

    Units that no lot covers are owed by the last wallet, or uncovered. Without a wallet, all are uncovered.
    """
    missing = request.amount
    units = owed = uncovered = ZERO
    for index, wallet in enumerate(wallets):
        allocation = allocate_from_lots(wallet.ordered_lots(), missing, feature=request.feature_id, at=request.at)
        is_last = index == len(wallets) - 1
        split = _owe_shortfall(wallet, allocation.missing, request) if is_last else ShortfallSplit(ZERO, ZERO)
        if allocation.shares or split.owed or (is_last and split.uncovered):
            _post_spend(wallet, allocation, split, request, sheet, digest)
        units = EXACT.add(units, EXACT.subtract(missing, allocation.missing))
        missing, owed, uncovered = allocation.missing, split.owed, split.uncovered
    if not wallets:
        uncovered = missing
    balance = ZERO
    for wallet in wallets:
        balance = EXACT.add(balance, wallet.balance)
    return SpendOutcome(units, owed, uncovered, balance)


def _owe_shortfall(wallet: LockedWallet, missing: Decimal, request: SpendRequest) -> ShortfallSplit:
    if not missing:
        return ShortfallSplit(ZERO, ZERO)
    at_zero, limit = at_zero_rule(wallet, request)
    split = split_shortfall(missing, at_zero, debt=wallet.total_debt, limit=limit)
    if split.owed:
        wallet.debt = EXACT.add(wallet.debt, split.owed)
        wallet.debt_limit = max(wallet.debt_limit, limit)
    return split


def _post_spend(
    wallet: LockedWallet,
    allocation: Allocation,
    split: ShortfallSplit,
    request: SpendRequest,
    sheet: Sheet,
    digest: str,
) -> NewTransaction:
    reclaim_expired(wallet, allocation.shares, request, sheet)
    legs = [move_lot(wallet, wallet.lots[share.lot.id], EXACT.minus(share.units)) for share in allocation.shares]
    if split.owed:
        legs.append(Leg(Account.WALLET, EXACT.minus(split.owed)))
    return sheet.post(
        wallet,
        Movement.SPEND,
        request.reference,
        [*legs, *_balancing_legs(wallet, legs)],
        used_at=request.at,
        feature_id=request.feature_id,
        draw=request.draw,
        uncovered=split.uncovered,
        digest=digest,
    )


def reclaim_expired(wallet: LockedWallet, shares: Iterable[LotShare], request: SpendRequest, sheet: Sheet) -> None:
    """Reclaim units from breakage for use from before the expiry."""
    reclaimed_legs = [
        move_lot(wallet, wallet.lots[share.lot.id], share.reclaimed, reclaimed=True)
        for share in shares
        if share.reclaimed
    ]
    if reclaimed_legs:
        legs = [*reclaimed_legs, balancing_leg(Account.BREAKAGE, reclaimed_legs)]
        sheet.post(wallet, Movement.REVIVE, f"{request.reference}:revive", legs, used_at=request.at)


# The wallet's entries of a drawdown, by the index on (draw, id); the latest entry of each lot decides the order.
_TAKEN_BY_DRAWDOWN = """
SELECT e.wallet_id, e.lot_id, -sum(e.units), max(e.id)
FROM wallets_transaction t JOIN wallets_entry e ON e.transaction_id = t.id AND e.account = 'wallet'
WHERE t.draw = %s AND t.kind IN ('spend', 'give_back')
GROUP BY 1, 2 HAVING sum(e.units) < 0 ORDER BY 4
"""


def give_back(
    wallets: Sequence[LockedWallet], amount: Decimal, *, feature_id: int, draw: int, reference: str, sheet: Sheet
) -> Decimal:
    """
    Give back units that a drawdown took from these wallets, the latest first; return how many were given back.

    Debt from the drawdown is canceled; if a lot has repaid it since, that lot gets the units back. An expired lot
    gets its units back too, and expires again.
    """
    wallets_by_id = {wallet.id: wallet for wallet in wallets}
    taken_rows = [row for row in _read_lot_sums(_TAKEN_BY_DRAWDOWN, [draw]) if row[0] in wallets_by_id]
    read_lots(wallets_by_id, [lot_id for _, lot_id, _ in taken_rows if lot_id])
    missing = amount
    legs_by_wallet: dict[int, list[Leg]] = {}
    for wallet_id, lot_id, units in reversed(taken_rows):
        returned = min(units, missing)
        if not returned:
            break
        wallet = wallets_by_id[wallet_id]
        missing = EXACT.subtract(missing, returned)
        if lot_id is None:
            wallet.debt = EXACT.subtract(wallet.debt, returned)
            legs_by_wallet.setdefault(wallet_id, []).append(Leg(Account.WALLET, returned))
        else:
            legs_by_wallet.setdefault(wallet_id, []).append(move_lot(wallet, wallet.lots[lot_id], returned))
    for wallet_id, wallet_legs in legs_by_wallet.items():
        wallet = wallets_by_id[wallet_id]
        legs = [*wallet_legs, *_balancing_legs(wallet, wallet_legs)]
        sheet.post(wallet, Movement.GIVE_BACK, reference, legs, feature_id=feature_id, draw=draw)
        # Lots have repaid some of the debt that is canceled now.
        if wallet.debt < 0:
            _reverse_repayments(wallet, reference, sheet)
    return EXACT.subtract(amount, missing)


def _balancing_legs(wallet: LockedWallet, legs: Sequence[Leg]) -> list[Leg]:
    """Return the balancing entries of the accounts for used units: earned revenue and promotional units."""
    promotional = [leg for leg in legs if leg.lot_id is not None and not wallet.lots[leg.lot_id].is_paid]
    paid = [leg for leg in legs if leg not in promotional]
    earned_legs = [balancing_leg(Account.EARNED, paid)] if paid else []
    return [*earned_legs, balancing_leg(Account.PROMOTIONAL, promotional)] if promotional else earned_legs


_REPAID_BY_LOT = """
SELECT e.wallet_id, e.lot_id, -sum(e.units), max(e.id)
FROM wallets_transaction t JOIN wallets_entry e ON e.transaction_id = t.id AND e.lot_id IS NOT NULL
WHERE t.wallet_id = %s AND t.kind = 'repay'
GROUP BY 1, 2 HAVING sum(e.units) < 0 ORDER BY 4
"""


def _reverse_repayments(wallet: LockedWallet, reference: str, sheet: Sheet) -> None:
    """Return units to lots that repaid a debt which has been canceled, the latest first."""
    rows = [(lot_id, units) for _, lot_id, units in _read_lot_sums(_REPAID_BY_LOT, [wallet.id]) if lot_id]
    read_lots({wallet.id: wallet}, [lot_id for lot_id, _ in rows])
    legs: list[Leg] = []
    for lot_id, units in reversed(rows):
        returned = min(units, EXACT.minus(wallet.debt))
        if not returned:
            break
        legs += apply_repayment(wallet, lot_id, EXACT.minus(returned))
    sheet.post(wallet, Movement.REPAY, f"{reference}:unpay", legs)


def _read_lot_sums(query: str, parameters: Sequence[object]) -> list[tuple[int, int | None, Decimal]]:
    with prepared_statements.cursor() as cursor:
        cursor.execute(query, parameters, binary=True)
        return [row[:3] for row in cursor.fetchall()]
