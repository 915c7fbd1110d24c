"""Lock wallets, and read the lots in them as they stand under the lock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from lib import prepared_statements
from lib.decimals import EXACT
from lib.failpoints import reached
from wallets.credit_rules.allocation import in_order
from wallets.credit_rules.lots import Lot
from wallets.ledger.references import EARLIER, Earlier


class NoWallet(Exception):
    """There is no open wallet of this number."""


@dataclass(slots=True)
class Open:
    """
    A wallet that is locked until the transaction ends, as the operation leaves it so far.

    lots: those with something left, and those whose expiry may be taken back, by their number. moved: numbers of
    those that changed.
    """

    id: int
    customer_id: int
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
    moved: set[int] = field(default_factory=set)

    def ordered(self) -> list[Lot]:
        """Return the lots in the order in which they are taken."""
        return in_order(self.lots.values(), promotional_first=self.promotional_first)

    def put(self, lot: Lot) -> None:
        """Leave a lot as it is now."""
        self.lots[lot.id] = lot
        self.moved.add(lot.id)

    @property
    def owed(self) -> Decimal:
        """What it owes, and what reservations keep room for."""
        return EXACT.add(self.debt, self.debt_held)


_COLUMNS = """id, customer_id, unit, priority, at_zero, grace, promotional_first, balance, debt, debt_held,
    debt_limit, moves, seal"""
_LOCK = f"""
SELECT {_COLUMNS} FROM wallets_wallet WHERE id = ANY(%s::bigint[]) AND closed_at IS NULL
ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608
_LOCK_OF_CUSTOMERS = f"""
SELECT {_COLUMNS} FROM wallets_wallet w
WHERE (customer_id, unit) IN (SELECT * FROM unnest(%s::bigint[], %s::text[])) AND closed_at IS NULL
ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608
LOT = """l.id, l.wallet_id, l.amount, l.remaining, l.held, l.expired, l.cost, l.is_paid, l.valid_from, l.expires_at,
    l.features, l.priority, l.granted_at"""
_LOTS = f"""
SELECT {LOT} FROM wallets_lot l WHERE l.wallet_id = ANY(%s::bigint[]) AND l.has_left
UNION ALL
SELECT {LOT} FROM wallets_lot l
WHERE l.wallet_id = ANY(%s::bigint[]) AND l.has_expired AND l.expires_at > %s::timestamptz AND NOT l.has_left
"""  # noqa: S608


_LOTS_OF_CUSTOMERS = _LOTS.replace(
    "l.wallet_id = ANY(%s::bigint[])",
    """l.wallet_id IN (SELECT id FROM wallets_wallet
        WHERE (customer_id, unit) IN (SELECT * FROM unnest(%s::bigint[], %s::text[])))""",
)


def open_wallets(wallet_ids: Iterable[int], *, used_at: datetime) -> dict[int, Open]:
    """
    Lock these wallets in the order of their numbers, and read their lots.

    used_at: lots that expired after it are read as well, since use from before may take them back.

    :raises NoWallet: if one of them is not there, or closed.
    """
    wanted = sorted(set(wallet_ids))
    found, _ = _open(_LOCK, _LOTS, [_array(wanted)], used_at)
    _all_there(wanted, found)
    return found


def open_for(wallet_id: int, reference: str, *, used_at: datetime) -> tuple[Open, Earlier | None]:
    """
    Lock one wallet, and return it with the movement of this name, if there is one already.

    :raises NoWallet: if it is not there, or closed.
    """
    found, earlier = _open(_LOCK, _LOTS, [_array([wallet_id])], used_at, (wallet_id, reference))
    _all_there([wallet_id], found)
    return found[wallet_id], earlier


def open_of_customers(of: Iterable[tuple[int, str]], *, used_at: datetime) -> dict[tuple[int, str], list[Open]]:
    """Lock all wallets of these (customer, unit), and return them in the order in which they are taken."""
    wanted = sorted(set(of))
    parameters = [_array(id_ for id_, _ in wanted), "{" + ",".join(unit for _, unit in wanted) + "}"]
    wallets: dict[tuple[int, str], list[Open]] = {one: [] for one in wanted}
    found, _ = _open(_LOCK_OF_CUSTOMERS, _LOTS_OF_CUSTOMERS, parameters, used_at)
    for one in found.values():
        wallets[one.customer_id, one.unit].append(one)
    for of_customer in wallets.values():
        of_customer.sort(key=lambda one: (one.priority, one.id))
    return wallets


def _all_there(wanted: Iterable[int], found: Mapping[int, Open]) -> None:
    missing = [id_ for id_ in wanted if id_ not in found]
    if missing:
        raise NoWallet(f"There is no open wallet {missing[0]}.")


def _open(
    lock: str, lots: str, which: Sequence[Any], used_at: datetime, named: tuple[int, str] | None = None
) -> tuple[dict[int, Open], Earlier | None]:
    locked, held, before = prepared_statements.cursor(), prepared_statements.cursor(), prepared_statements.cursor()
    # Each statement has a snapshot of its own, so what follows the lock sees what those did who held it before.
    with prepared_statements.pipeline():
        locked.execute(lock, which, binary=True)
        held.execute(lots, [*which, *which, used_at], binary=True)
        if named:
            before.execute(EARLIER, named, binary=True)
    found = {row[0]: Open(*row) for row in locked.fetchall()}
    for row in held.fetchall():
        put_lot(found, row)
    earlier = before.fetchone() if named else None
    reached("wallet.locked")
    return found, Earlier(*earlier) if earlier else None


def put_lot(wallets: Mapping[int, Open], row: Sequence[Any]) -> None:
    """Add a lot, as read by `LOT`, to its wallet."""
    id_, wallet_id, *figures, features, priority, granted_at = row
    if (wallet := wallets.get(wallet_id)) is not None:
        wallet.lots[id_] = Lot(id_, *figures, frozenset(features), priority, granted_at, wallet_id, wallet.priority)


_LOTS_BY_ID = f"SELECT {LOT} FROM wallets_lot l WHERE l.id = ANY(%s::bigint[])"  # noqa: S608


def read_lots(wallets: Mapping[int, Open], lot_ids: Iterable[int]) -> None:
    """Read lots of open wallets that nothing was left of."""
    known = {id_ for wallet in wallets.values() for id_ in wallet.lots}
    missing = set(lot_ids) - known
    if missing:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_LOTS_BY_ID, [_array(missing)], binary=True)
            for row in cursor.fetchall():
                put_lot(wallets, row)


def _array(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"
