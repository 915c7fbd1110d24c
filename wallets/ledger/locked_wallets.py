"""Lock wallets, and read their lots under the lock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from lib import prepared_statements
from lib.decimals import EXACT
from lib.failpoints import hit_failpoint
from wallets.credit_rules.allocation import order_lots
from wallets.credit_rules.lots import Lot
from wallets.ledger.references import EARLIER_TRANSACTION, EarlierTransaction


class WalletNotFound(Exception):
    """There is no open wallet with this id."""


@dataclass(slots=True)
class LockedWallet:
    """
    A wallet locked until the transaction ends, in the state that the operation has reached.

    lots: by id; those with units left, and those whose expiry may be reclaimed. changed_lot_ids: lots that changed.
    """

    id: int
    customer_id: int
    seller_id: int
    unit: str
    priority: int
    at_zero: str
    grace: Decimal | None
    promotional_first: bool
    balance: Decimal
    debt: Decimal
    debt_held: Decimal
    debt_limit: Decimal
    moves: int
    seal: str
    lots: dict[int, Lot] = field(default_factory=dict)
    changed_lot_ids: set[int] = field(default_factory=set)

    def ordered_lots(self) -> list[Lot]:
        """Return the lots in the order in which they are taken."""
        return order_lots(self.lots.values(), promotional_first=self.promotional_first)

    def replace_lot(self, lot: Lot) -> None:
        """Set the new state of a lot."""
        self.lots[lot.id] = lot
        self.changed_lot_ids.add(lot.id)

    @property
    def total_debt(self) -> Decimal:
        """Debt, including the part reserved by holds."""
        return EXACT.add(self.debt, self.debt_held)


_WALLET_COLUMNS = """id, customer_id, seller_id, unit, priority, at_zero, grace, promotional_first, balance, debt,
    debt_held, debt_limit, moves, seal"""
# Wallets are always locked in id order, so that no deadlock arises. FOR NO KEY UPDATE leaves inserts that refer to
# the wallet free.
_LOCK = f"""
SELECT {_WALLET_COLUMNS} FROM wallets_wallet WHERE id = ANY(%s::bigint[]) AND closed_at IS NULL
ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608
_LOCK_OF_CUSTOMERS = f"""
SELECT {_WALLET_COLUMNS} FROM wallets_wallet w
WHERE (customer_id, unit) IN (SELECT * FROM unnest(%s::bigint[], %s::text[])) AND closed_at IS NULL
ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608
LOT_COLUMNS = """l.id, l.wallet_id, l.amount, l.remaining, l.held, l.expired, l.cost, l.is_paid, l.valid_from,
    l.expires_at, l.features, l.priority, l.granted_at"""
# Two branches, one for each partial index: lots with units left, and empty ones whose expiry may be reclaimed.
_LOTS = f"""
SELECT {LOT_COLUMNS} FROM wallets_lot l WHERE l.wallet_id = ANY(%s::bigint[]) AND l.has_left
UNION ALL
SELECT {LOT_COLUMNS} FROM wallets_lot l
WHERE l.wallet_id = ANY(%s::bigint[]) AND l.has_expired AND l.expires_at > %s::timestamptz AND NOT l.has_left
"""  # noqa: S608


_LOTS_OF_CUSTOMERS = _LOTS.replace(
    "l.wallet_id = ANY(%s::bigint[])",
    """l.wallet_id IN (SELECT id FROM wallets_wallet
        WHERE (customer_id, unit) IN (SELECT * FROM unnest(%s::bigint[], %s::text[])))""",
)


def lock_wallets(wallet_ids: Iterable[int], *, used_at: datetime) -> dict[int, LockedWallet]:
    """
    Lock these wallets in the order of their ids, and read their lots.

    used_at: lots that expired later are read as well, because use from before may reclaim them.

    :raises WalletNotFound: if one of them doesn't exist or is closed.
    """
    sorted_ids = sorted(set(wallet_ids))
    wallets, _ = _lock_and_read(_LOCK, _LOTS, [_array(sorted_ids)], used_at)
    _check_all_found(sorted_ids, wallets)
    return wallets


def lock_wallet(
    wallet_id: int, reference: str, *, used_at: datetime
) -> tuple[LockedWallet, EarlierTransaction | None]:
    """
    Lock one wallet, and return it with the movement of this reference, if there is one already.

    :raises WalletNotFound: if it doesn't exist or is closed.
    """
    wallets, earlier = _lock_and_read(_LOCK, _LOTS, [_array([wallet_id])], used_at, (wallet_id, reference))
    _check_all_found([wallet_id], wallets)
    return wallets[wallet_id], earlier


def lock_customer_wallets(
    customer_units: Iterable[tuple[int, str]], *, used_at: datetime
) -> dict[tuple[int, str], list[LockedWallet]]:
    """Lock all wallets of these (customer, unit) pairs, and return them in the order in which they are taken."""
    keys = sorted(set(customer_units))
    parameters = [_array(id_ for id_, _ in keys), "{" + ",".join(unit for _, unit in keys) + "}"]
    wallets_by_key: dict[tuple[int, str], list[LockedWallet]] = {key: [] for key in keys}
    wallets, _ = _lock_and_read(_LOCK_OF_CUSTOMERS, _LOTS_OF_CUSTOMERS, parameters, used_at)
    for wallet in wallets.values():
        wallets_by_key[wallet.customer_id, wallet.unit].append(wallet)
    for customer_wallets in wallets_by_key.values():
        customer_wallets.sort(key=lambda wallet_state: (wallet_state.priority, wallet_state.id))
    return wallets_by_key


def _check_all_found(wallet_ids: Iterable[int], wallets: Mapping[int, LockedWallet]) -> None:
    missing = [id_ for id_ in wallet_ids if id_ not in wallets]
    if missing:
        raise WalletNotFound(_("Wallet %(id)s doesn't exist or is closed.") % {"id": missing[0]})


def _lock_and_read(
    lock_query: str,
    lots_query: str,
    parameters: Sequence[Any],
    used_at: datetime,
    wallet_and_reference: tuple[int, str] | None = None,
) -> tuple[dict[int, LockedWallet], EarlierTransaction | None]:
    wallet_cursor, lot_cursor, earlier_cursor = (
        prepared_statements.cursor(),
        prepared_statements.cursor(),
        prepared_statements.cursor(),
    )
    # Each statement has its own snapshot, so the reads after the lock see the changes of its previous holders.
    with prepared_statements.pipeline():
        wallet_cursor.execute(lock_query, parameters, binary=True)
        lot_cursor.execute(lots_query, [*parameters, *parameters, used_at], binary=True)
        if wallet_and_reference:
            earlier_cursor.execute(EARLIER_TRANSACTION, wallet_and_reference, binary=True)
    wallets = {row[0]: LockedWallet(*row) for row in wallet_cursor.fetchall()}
    for row in lot_cursor.fetchall():
        add_lot_row(wallets, row)
    earlier_row = earlier_cursor.fetchone() if wallet_and_reference else None
    hit_failpoint("wallet.locked")
    return wallets, EarlierTransaction(*earlier_row) if earlier_row else None


def add_lot_row(wallets: Mapping[int, LockedWallet], row: Sequence[Any]) -> None:
    """Add a lot, read by `LOT_COLUMNS`, to its wallet."""
    id_, wallet_id, *figures, features, priority, granted_at = row
    if (wallet := wallets.get(wallet_id)) is not None:
        wallet.lots[id_] = Lot(
            *(id_, *figures, frozenset(features), priority, granted_at, wallet_id, wallet.priority)
        )


_LOTS_BY_ID = f"SELECT {LOT_COLUMNS} FROM wallets_lot l WHERE l.id = ANY(%s::bigint[])"  # noqa: S608


def read_lots(wallets: Mapping[int, LockedWallet], lot_ids: Iterable[int]) -> None:
    """Read further lots of locked wallets: those that had no units left."""
    read_ids = {id_ for wallet in wallets.values() for id_ in wallet.lots}
    missing_ids = set(lot_ids) - read_ids
    if missing_ids:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_LOTS_BY_ID, [_array(missing_ids)], binary=True)
            for row in cursor.fetchall():
                add_lot_row(wallets, row)


def _array(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"
