"""Take units from wallets for something that was used, and give them back when it turns out to be less."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from wallets.credit_rules.allocation import Share, Taken, take
from wallets.credit_rules.at_zero_policy import AtZero, Rest, rest_of
from wallets.credit_rules.units import checked
from wallets.ledger.errors import NotEnough
from wallets.ledger.grant import repaid
from wallets.ledger.locked_wallets import Open, open_for, read_lots
from wallets.ledger.references import Earlier, digest_of
from wallets.ledger.transactions import Leg, Posting, Sheet, against, moved, write
from wallets.models.ledger import Account, Movement


@dataclass(frozen=True, slots=True)
class Use:
    """
    What is to be paid for.

    amount: units, above zero. feature_id: what was used; None for something else. at: when it was used.
    at_zero, limit: what happens when nothing is left, and how much may be owed with grace.
    reference: what the movement is called; unique in each wallet. draw: the sum that it belongs to.
    """

    amount: Decimal
    at: datetime
    reference: str
    feature_id: int | None = None
    at_zero: AtZero = AtZero.BLOCK
    limit: Decimal = ZERO
    draw: int | None = None


class Spent(NamedTuple):
    """
    What a spend took.

    units: from lots. owed: on top of that, as debt. uncovered: neither. balance: of the wallet, or of all of them.
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
    at_zero: AtZero = AtZero.BLOCK,
    limit: Decimal = ZERO,
    reason: str = "",
    by_id: int | None = None,
) -> Spent:
    """
    Take an amount from one wallet, all or nothing where it blocks; the same reference again answers as it did before.

    used_at: when the use was that is paid for; `at`, which is now, if None. limit: how much may be owed with grace;
    the wallet's own rule and limit come first.

    :raises InvalidAmount: if the amount is none.
    :raises NotEnough: if the wallet has less, and what happens at zero does not let the use go on.
    :raises Conflict: if the reference names another movement.
    """
    use = Use(checked(amount), used_at or at, reference, feature_id, at_zero, limit)
    digest = digest_of(Movement.SPEND, amount, feature_id)
    wallet, before = open_for(wallet_id, reference, used_at=use.at)
    if before is not None:
        return _again(before.checked(reference, digest))
    sheet = Sheet(at, reason, by_id)
    spent = take_from([wallet], use, sheet, digest=digest)
    refuse_uncovered(use, [wallet], spent)
    with prepared_statements.last_of_transaction():
        write(sheet, [wallet])
    return spent


def refuse_uncovered(use: Use, wallets: Sequence[Open], spent: Spent) -> None:
    """
    Refuse a use that goes beyond what there is, unless it goes on and is invoiced.

    :raises NotEnough: with what there is.
    """
    if spent.uncovered and rule_of(wallets[-1] if wallets else None, use)[0] is not AtZero.OVERAGE:
        there = EXACT.subtract(use.amount, spent.uncovered)
        raise NotEnough(use.amount, there, wallets[-1].unit if wallets else "units")


def _again(before: Earlier) -> Spent:
    covered = EXACT.minus(before.units)
    owed = EXACT.subtract(covered, before.from_lots)
    return Spent(before.from_lots, owed, before.uncovered, before.balance_after)


def rule_of(wallet: Open | None, use: Use) -> tuple[AtZero, Decimal]:
    """Return what happens when nothing is left, and how much may be owed: the wallet's own rule before the plan's."""
    if wallet is None:
        return use.at_zero, ZERO
    at_zero = AtZero(wallet.at_zero) if wallet.at_zero else use.at_zero
    return at_zero, use.limit if wallet.grace is None else wallet.grace


def take_from(wallets: Sequence[Open], use: Use, sheet: Sheet, *, digest: str = "") -> Spent:
    """
    Take what a use costs from wallets that are open, one after the other, and post it.

    What no lot pays for is owed by the last of them, or uncovered. Without a wallet all of it is uncovered.
    """
    missing = use.amount
    units = owed = uncovered = ZERO
    for place, wallet in enumerate(wallets):
        taken = take(wallet.ordered(), missing, feature=use.feature_id, at=use.at)
        is_last = place == len(wallets) - 1
        rest = _rest(wallet, taken.missing, use) if is_last else Rest(ZERO, ZERO)
        if taken.shares or rest.owed or (is_last and rest.uncovered):
            _post(wallet, taken, rest, use, sheet, digest)
        units = EXACT.add(units, EXACT.subtract(missing, taken.missing))
        missing, owed, uncovered = taken.missing, rest.owed, rest.uncovered
    if not wallets:
        uncovered = missing
    balance = ZERO
    for wallet in wallets:
        balance = EXACT.add(balance, wallet.balance)
    return Spent(units, owed, uncovered, balance)


def _rest(wallet: Open, missing: Decimal, use: Use) -> Rest:
    if not missing:
        return Rest(ZERO, ZERO)
    at_zero, limit = rule_of(wallet, use)
    rest = rest_of(missing, at_zero, debt=wallet.owed, limit=limit)
    if rest.owed:
        wallet.debt = EXACT.add(wallet.debt, rest.owed)
        wallet.debt_limit = max(wallet.debt_limit, limit)
    return rest


def _post(wallet: Open, taken: Taken, rest: Rest, use: Use, sheet: Sheet, digest: str) -> Posting:
    revive(wallet, taken.shares, use, sheet)
    legs = [moved(wallet, wallet.lots[one.lot.id], EXACT.minus(one.units)) for one in taken.shares]
    if rest.owed:
        legs.append(Leg(Account.WALLET, EXACT.minus(rest.owed)))
    return sheet.post(
        wallet,
        Movement.SPEND,
        use.reference,
        [*legs, *_counter(wallet, legs)],
        used_at=use.at,
        feature_id=use.feature_id,
        draw=use.draw,
        uncovered=rest.uncovered,
        digest=digest,
    )


def revive(wallet: Open, shares: Iterable[Share], use: Use, sheet: Sheet) -> None:
    """Take back from breakage what a use from before the expiry takes of lots that have expired since."""
    back = [moved(wallet, wallet.lots[one.lot.id], one.reclaimed, reclaimed=True) for one in shares if one.reclaimed]
    if back:
        legs = [*back, against(Account.BREAKAGE, back)]
        sheet.post(wallet, Movement.REVIVE, f"{use.reference}:revive", legs, used_at=use.at)


_TAKEN = """
SELECT e.wallet_id, e.lot_id, -sum(e.units), max(e.id)
FROM wallets_transaction t JOIN wallets_entry e ON e.transaction_id = t.id AND e.account = 'wallet'
WHERE t.draw = %s AND t.kind IN ('spend', 'give_back')
GROUP BY 1, 2 HAVING sum(e.units) < 0 ORDER BY 4
"""


def return_to(
    wallets: Sequence[Open], amount: Decimal, *, feature_id: int, draw: int, reference: str, sheet: Sheet
) -> Decimal:
    """
    Give back of what a draw took from these wallets, the last first, and return how much that was.

    What was owed is no longer owed; if a lot has repaid it since, that lot gets it back. A lot that has expired since
    gets it back all the same, and expires anew.
    """
    opened = {wallet.id: wallet for wallet in wallets}
    taken = [row for row in _rows(_TAKEN, [draw]) if row[0] in opened]
    read_lots(opened, [lot_id for _, lot_id, _ in taken if lot_id])
    missing = amount
    legs: dict[int, list[Leg]] = {}
    for wallet_id, lot_id, units in reversed(taken):
        back = min(units, missing)
        if not back:
            break
        wallet = opened[wallet_id]
        missing = EXACT.subtract(missing, back)
        if lot_id is None:
            wallet.debt = EXACT.subtract(wallet.debt, back)
            legs.setdefault(wallet_id, []).append(Leg(Account.WALLET, back))
        else:
            legs.setdefault(wallet_id, []).append(moved(wallet, wallet.lots[lot_id], back))
    for wallet_id, own in legs.items():
        wallet = opened[wallet_id]
        both = [*own, *_counter(wallet, own)]
        sheet.post(wallet, Movement.GIVE_BACK, reference, both, feature_id=feature_id, draw=draw)
        if wallet.debt < 0:
            _unpay(wallet, reference, sheet)
    return EXACT.subtract(amount, missing)


def _counter(wallet: Open, legs: Sequence[Leg]) -> list[Leg]:
    """Return the entries of the accounts that used units were posted to, which balance these of the wallet."""
    free = [leg for leg in legs if leg.lot_id is not None and not wallet.lots[leg.lot_id].is_paid]
    paid = [leg for leg in legs if leg not in free]
    counter = [against(Account.EARNED, paid)] if paid else []
    return [*counter, against(Account.PROMOTIONAL, free)] if free else counter


_REPAID = """
SELECT e.wallet_id, e.lot_id, -sum(e.units), max(e.id)
FROM wallets_transaction t JOIN wallets_entry e ON e.transaction_id = t.id AND e.lot_id IS NOT NULL
WHERE t.wallet_id = %s AND t.kind = 'repay'
GROUP BY 1, 2 HAVING sum(e.units) < 0 ORDER BY 4
"""


def _unpay(wallet: Open, reference: str, sheet: Sheet) -> None:
    """Give lots back what they repaid of a debt that turns out not to have been one, the last first."""
    rows = _rows(_REPAID, [wallet.id])
    read_lots({wallet.id: wallet}, [lot_id for _, lot_id, _ in rows])
    legs: list[Leg] = []
    for _, lot_id, units in reversed(rows):
        back = min(units, EXACT.minus(wallet.debt))
        if not back:
            break
        legs += repaid(wallet, lot_id, EXACT.minus(back))
    sheet.post(wallet, Movement.REPAY, f"{reference}:unpay", legs)


def _rows(query: str, parameters: Sequence[object]) -> list[tuple[int, int | None, Decimal]]:
    with prepared_statements.cursor() as cursor:
        cursor.execute(query, parameters, binary=True)
        return [row[:3] for row in cursor.fetchall()]
