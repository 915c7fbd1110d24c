"""References of movements: the caller names each movement, so that a repeated request moves nothing twice."""

from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple

from lib.decimals import ZERO, to_plain_string
from wallets.ledger.errors import ReferenceConflict

EARLIER_TRANSACTION = """
SELECT t.digest, t.units, t.uncovered, t.balance_after, coalesce((
    SELECT -sum(e.units) FROM wallets_entry e WHERE e.transaction_id = t.id AND e.lot_id IS NOT NULL
), 0)
FROM wallets_transaction t WHERE t.wallet_id = %s AND t.reference = %s
"""


class EarlierTransaction(NamedTuple):
    """An earlier movement with the same reference. from_lots: units it took from lots."""

    digest: str
    units: Decimal
    uncovered: Decimal
    balance_after: Decimal
    from_lots: Decimal = ZERO

    def check_same_request(self, reference: str, digest: str) -> "EarlierTransaction":
        """
        Return it if the request was the same.

        :raises ReferenceConflict: otherwise.
        """
        if self.digest != digest:
            raise ReferenceConflict(reference)
        return self


def request_digest(*fields: Any) -> str:
    """Return a digest that distinguishes a repeated request from a different one with the same reference."""
    text = "\n".join(to_plain_string(value) if isinstance(value, Decimal) else str(value) for value in fields)
    return sha256(text.encode()).hexdigest()
