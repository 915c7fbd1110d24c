"""Turn changes of locked wallets into transactions with entries, and write them in one statement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from lib.failpoints import hit_failpoint
from wallets.credit_rules.lots import Lot, cost_between
from wallets.ledger.hash_chain import SEALED_ENTRY_FIELDS, SEALED_TRANSACTION_FIELDS, compute_seal
from wallets.ledger.locked_wallets import LockedWallet
from wallets.models.ledger import Account, Movement


class Leg(NamedTuple):
    """An entry to write: the gain of one account. lot_id: the lot of the wallet's units; None for its debt."""

    account: str
    units: Decimal
    money: Decimal = ZERO
    lot_id: int | None = None
    place: int | None = None
    balance_after: Decimal | None = None


@dataclass(slots=True)
class NewTransaction:
    """A transaction to write, and its entries."""

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
    """The movements of one operation."""

    at: datetime
    reason: str = ""
    by_id: int | None = None
    transactions: list[NewTransaction] = field(default_factory=list)

    def post(
        self, wallet: LockedWallet, kind: Movement, reference: str, legs: Iterable[Leg], **fields: Any
    ) -> NewTransaction:
        """
        Add a movement of a locked wallet; its entries must sum to zero.

        fields: further fields of the transaction, such as the feature used.
        """
        numbered_legs = []
        balance_before = wallet.balance
        for leg in legs:
            if leg.account == Account.WALLET:
                wallet.balance = EXACT.add(wallet.balance, leg.units)
                wallet.moves += 1
                numbered_legs.append(leg._replace(place=wallet.moves, balance_after=wallet.balance))
            else:
                numbered_legs.append(leg)
        units = EXACT.subtract(wallet.balance, balance_before)
        transaction = NewTransaction(
            wallet.id,
            kind,
            reference,
            self.at,
            numbered_legs,
            units,
            wallet.balance,
            reason=self.reason,
            by_id=self.by_id,
            **fields,
        )
        wallet.seal = transaction.seal = compute_seal(
            wallet.seal, _sealed_fields(transaction), map(_sealed_leg_fields, transaction.legs)
        )
        self.transactions.append(transaction)
        return transaction


_sealed_fields, _sealed_leg_fields = attrgetter(*SEALED_TRANSACTION_FIELDS), attrgetter(*SEALED_ENTRY_FIELDS)


def move_lot(
    wallet: LockedWallet, lot: Lot, units: Decimal, *, reclaimed: bool = False, expired: bool = False
) -> Leg:
    """
    Change the remaining units of a lot, and return the wallet's entry for the change.

    expired: the units go to breakage. reclaimed: they are taken back from there.
    """
    remaining = EXACT.add(lot.remaining, units)
    expired_units = lot.expired
    if reclaimed or expired:
        expired_units = EXACT.subtract(lot.expired, units)
    wallet.replace_lot(replace(lot, remaining=remaining, expired=expired_units))
    return Leg(Account.WALLET, units, EXACT.minus(cost_between(lot, lot.remaining, remaining)), lot.id)


def balancing_leg(account: Account, legs: Sequence[Leg]) -> Leg:
    """Return the entry of another account that balances these."""
    units, money = ZERO, ZERO
    for leg in legs:
        units, money = EXACT.subtract(units, leg.units), EXACT.subtract(money, leg.money)
    return Leg(account, units, money)


# One round trip for all rows. Statements of one query share a snapshot, so the parts must not read each other's
# writes except by RETURNING; `ORDER BY i` keeps the order of ids.
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


def write(sheet: Sheet, wallets: Iterable[LockedWallet]) -> None:
    """Write all movements of a sheet, and the new state of its wallets and lots, in one statement."""
    entry_rows = [
        {
            "i": index,
            "w": posting.wallet_id,
            "r": posting.reference,
            "c": leg.account,
            "l": leg.lot_id,
            "n": leg.units,
            "m": leg.money,
            "p": leg.place,
            "b": leg.balance_after,
        }
        for index, (posting, leg) in enumerate(
            (transaction, leg) for transaction in sheet.transactions for leg in transaction.legs
        )
    ]
    wallets = list(wallets)
    lots = [wallet.lots[id_] for wallet in wallets for id_ in wallet.changed_lot_ids]
    with prepared_statements.cursor() as cursor:
        cursor.execute(
            _WRITE,
            [
                _to_json(
                    _transaction_row(index, transaction) for index, transaction in enumerate(sheet.transactions)
                ),
                _to_json(entry_rows),
                _to_json({"i": lot.id, "n": lot.remaining, "h": lot.held, "x": lot.expired} for lot in lots),
                _to_json(
                    {
                        "i": wallet.id,
                        "b": wallet.balance,
                        "d": wallet.debt,
                        "h": wallet.debt_held,
                        "l": wallet.debt_limit,
                        "m": wallet.moves,
                        "s": wallet.seal,
                    }
                    for wallet in wallets
                ),
            ],
        )
    # The same wallets may take part in a further write of this transaction.
    for wallet in wallets:
        wallet.changed_lot_ids.clear()
    hit_failpoint("wallet.after_write")


def _transaction_row(index: int, transaction: NewTransaction) -> dict[str, Any]:
    return {
        "i": index,
        "w": transaction.wallet_id,
        "k": transaction.kind,
        "r": transaction.reference,
        "g": transaction.digest,
        "a": transaction.at,
        "u": transaction.used_at,
        "f": transaction.feature_id,
        "d": transaction.draw,
        "n": transaction.units,
        "m": transaction.uncovered,
        "b": transaction.balance_after,
        "s": transaction.seal,
        "y": transaction.reason,
        "p": transaction.by_id,
    }


def _to_json(rows: Iterable[dict[str, Any]]) -> str:
    return msgspec.json.encode(list(rows)).decode()
