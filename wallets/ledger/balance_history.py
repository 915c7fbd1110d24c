"""The balance of a wallet at several moments."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from lib.decimals import ZERO
from lib.prepared_statements import fetch_rows

# One probe of the index `transaction_by_time` per moment, however many movements lie between.
_READ = """
SELECT (
    SELECT balance_after FROM wallets_transaction
    WHERE wallet_id = %(wallet)s AND at < moment
    ORDER BY at DESC, id DESC LIMIT 1
)
FROM unnest(%(moments)s::timestamptz[]) WITH ORDINALITY AS moments (moment, place)
ORDER BY place
"""


def read_balance_history(wallet_id: int, *, moments: Sequence[datetime]) -> list[Decimal]:
    """
    Return the balance of a wallet just before each of the moments, zero before its first movement.

    Movements count by the time at which they were recorded, as in statements.
    """
    rows = fetch_rows(_READ, {"wallet": wallet_id, "moments": list(moments)})
    return [ZERO if balance is None else balance for (balance,) in rows]
