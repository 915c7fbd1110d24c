"""Turn what an operation does to open wallets into transactions with their entries, and write them at one go."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from lib.failpoints import reached
from wallets.credit_rules.lots import Lot, cost_between
from wallets.ledger.hash_chain import FACTS, LEG, seal_of
from wallets.ledger.locked_wallets import Open
from wallets.models.ledger import Account, Movement


class Leg(NamedTuple):
    """One entry to be: what an account gains. lot: of whose units the wallet's are; None for what it owes."""

    account: str
    units: Decimal
    money: Decimal = ZERO
    lot_id: int | None = None
    place: int | None = None
    balance_after: Decimal | None = None


@dataclass(slots=True)
class Posting:
    """A transaction to be, and its entries."""

    wallet_id: int
    kind: str
    reference: str
    at: datetime
    legs: list[Leg]
    units: Decimal
    balance_after: Decimal
    used_at: datetime | None = None
    feature_id: int | None = None
    draw: int | None = None
    uncovered: Decimal = ZERO
    reason: str = ""
    by_id: int | None = None
    digest: str = ""
    seal: str = ""


@dataclass(slots=True)
class Sheet:
    """What one operation does: the wallets it has opened, and the movements to write."""

    at: datetime
    reason: str = ""
    by_id: int | None = None
    postings: list[Posting] = field(default_factory=list)

    def post(self, wallet: Open, kind: Movement, reference: str, legs: Iterable[Leg], **facts: Any) -> Posting:
        """
        Add a movement to a wallet that is open; its entries must sum to zero.

        facts: further fields of the posting, such as the feature that was used.
        """
        placed = []
        before = wallet.balance
        for leg in legs:
            if leg.account == Account.WALLET:
                wallet.balance = EXACT.add(wallet.balance, leg.units)
                wallet.moves += 1
                placed.append(leg._replace(place=wallet.moves, balance_after=wallet.balance))
            else:
                placed.append(leg)
        units = EXACT.subtract(wallet.balance, before)
        posting = Posting(
            wallet.id,
            kind,
            reference,
            self.at,
            placed,
            units,
            wallet.balance,
            reason=self.reason,
            by_id=self.by_id,
            **facts,
        )
        wallet.seal = posting.seal = seal_of(wallet.seal, _facts(posting), map(_leg, posting.legs))
        self.postings.append(posting)
        return posting


_facts, _leg = attrgetter(*FACTS), attrgetter(*LEG)


def moved(wallet: Open, lot: Lot, units: Decimal, *, reclaimed: bool = False, expired: bool = False) -> Leg:
    """
    Move what is left of a lot by so many units, and return the wallet's entry for it.

    expired: they go to breakage. reclaimed: they come back from there.
    """
    left = EXACT.add(lot.remaining, units)
    gone = lot.expired
    if reclaimed or expired:
        gone = EXACT.subtract(lot.expired, units)
    wallet.put(replace(lot, remaining=left, expired=gone))
    return Leg(Account.WALLET, units, EXACT.minus(cost_between(lot, lot.remaining, left)), lot.id)


def against(account: Account, legs: Sequence[Leg]) -> Leg:
    """Return the entry of another account that balances these."""
    units, money = ZERO, ZERO
    for leg in legs:
        units, money = EXACT.subtract(units, leg.units), EXACT.subtract(money, leg.money)
    return Leg(account, units, money)


_WRITE = """
WITH t AS (
    INSERT INTO wallets_transaction (wallet_id, kind, reference, digest, at, used_at, feature_id, draw, units,
        uncovered, balance_after, seal, reason, by_id)
    SELECT w, k, r, g, a, u, f, d, n, m, b, s, y, p
    FROM jsonb_to_recordset(%s::jsonb) AS sent(i int, w bigint, k text, r text, g text, a timestamptz, u timestamptz,
        f bigint, d bigint, n numeric, m numeric, b numeric, s text, y text, p bigint)
    ORDER BY i RETURNING id, wallet_id, reference
), e AS (
    INSERT INTO wallets_entry (transaction_id, wallet_id, account, lot_id, units, money, place, balance_after)
    SELECT t.id, t.wallet_id, c, l, n, m, p, b FROM jsonb_to_recordset(%s::jsonb) AS sent(i int, w bigint, r text,
        c text, l bigint, n numeric, m numeric, p bigint, b numeric)
    JOIN t ON (t.wallet_id, t.reference) = (sent.w, sent.r)
    ORDER BY i
), lots AS (
    UPDATE wallets_lot SET remaining = n, held = h, expired = x FROM jsonb_to_recordset(%s::jsonb)
        AS sent(i bigint, n numeric, h numeric, x numeric)
    WHERE wallets_lot.id = sent.i
)
UPDATE wallets_wallet SET balance = b, debt = d, debt_held = h, debt_limit = l, moves = m, seal = s
FROM jsonb_to_recordset(%s::jsonb) AS sent(i bigint, b numeric, d numeric, h numeric, l numeric, m bigint, s text)
WHERE wallets_wallet.id = sent.i
"""


def write(sheet: Sheet, wallets: Iterable[Open]) -> None:
    """Write all movements of a sheet, and leave its wallets and lots as they are now, in one statement."""
    entries = [
        {
            "i": place,
            "w": posting.wallet_id,
            "r": posting.reference,
            "c": leg.account,
            "l": leg.lot_id,
            "n": leg.units,
            "m": leg.money,
            "p": leg.place,
            "b": leg.balance_after,
        }
        for place, (posting, leg) in enumerate((one, leg) for one in sheet.postings for leg in one.legs)
    ]
    wallets = list(wallets)
    lots = [wallet.lots[id_] for wallet in wallets for id_ in wallet.moved]
    with prepared_statements.cursor() as cursor:
        cursor.execute(
            _WRITE,
            [
                _document(_row(place, one) for place, one in enumerate(sheet.postings)),
                _document(entries),
                _document({"i": one.id, "n": one.remaining, "h": one.held, "x": one.expired} for one in lots),
                _document(
                    {
                        "i": one.id,
                        "b": one.balance,
                        "d": one.debt,
                        "h": one.debt_held,
                        "l": one.debt_limit,
                        "m": one.moves,
                        "s": one.seal,
                    }
                    for one in wallets
                ),
            ],
        )
    for wallet in wallets:
        wallet.moved.clear()
    reached("wallet.after_write")


def _row(place: int, posting: Posting) -> dict[str, Any]:
    return {
        "i": place,
        "w": posting.wallet_id,
        "k": posting.kind,
        "r": posting.reference,
        "g": posting.digest,
        "a": posting.at,
        "u": posting.used_at,
        "f": posting.feature_id,
        "d": posting.draw,
        "n": posting.units,
        "m": posting.uncovered,
        "b": posting.balance_after,
        "s": posting.seal,
        "y": posting.reason,
        "p": posting.by_id,
    }


def _document(rows: Iterable[dict[str, Any]]) -> str:
    return msgspec.json.encode(list(rows)).decode()
