"""Current balances of wallets: available and held units, and the next expiry."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from lib import prepared_statements
from lib.decimals import ZERO

# Reads lots with units left only (a partial index), and finds the next expiry by a window in the same pass.
_BALANCES = """
SELECT wallet_id, coalesce(sum(remaining - held) FILTER (WHERE is_valid), 0), sum(held), first,
    coalesce(sum(remaining) FILTER (WHERE expires_at = first), 0), count(*)
FROM (
    SELECT wallet_id, remaining, held, expires_at,
        valid_from <= %(at)s AND (expires_at IS NULL OR expires_at > %(at)s) AS is_valid,
        min(expires_at) FILTER (WHERE expires_at > %(at)s) OVER (PARTITION BY wallet_id) AS first
    FROM wallets_lot WHERE wallet_id = ANY(%(wallets)s) AND has_left
) lots GROUP BY wallet_id, first
"""


class WalletBalances(NamedTuple):
    """
    Balances of a wallet.

    available: free units of lots that are valid now, including those restricted to some features.
    next_expiry, expiring: the time of the next expiry, and the units that expire then.
    lot_count: lots with units left.
    """

    available: Decimal = ZERO
    held: Decimal = ZERO
    next_expiry: datetime | None = None
    expiring: Decimal = ZERO
    lot_count: int = 0


EMPTY_BALANCES = WalletBalances()


def read_balances(wallet_ids: Iterable[int], *, at: datetime) -> dict[int, WalletBalances]:
    """Return the balances of these wallets, in one query; wallets without lots are left out."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_BALANCES, {"at": at, "wallets": list(wallet_ids)}, binary=True)
        return {row[0]: WalletBalances(*row[1:]) for row in cursor.fetchall()}
