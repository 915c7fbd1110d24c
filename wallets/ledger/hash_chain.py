"""
The hash chain of a wallet's ledger: each transaction is sealed with its content and the previous seal.

Changing a transaction despite the triggers requires changing all later seals, and the wallet's.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import msgspec

from lib.decimals import to_plain_string

SEALED_TRANSACTION_FIELDS = (
    *("wallet_id", "kind", "reference", "digest", "at", "used_at", "feature_id", "draw"),
    *("units", "uncovered", "balance_after", "reason", "by_id"),
)
"""Sealed fields of a transaction, in this order."""

SEALED_ENTRY_FIELDS = ("account", "lot_id", "units", "money", "place", "balance_after")
"""Sealed fields of an entry, in this order; the entries in the order in which they were written."""


def compute_seal(previous_seal: str, transaction_values: Iterable[Any], entries: Iterable[Sequence[Any]]) -> str:
    """
    Return the seal of a transaction, as 64 hexadecimal digits.

    previous_seal: the seal of the wallet's previous transaction, empty for the first. transaction_values, entries:
        see SEALED_TRANSACTION_FIELDS and SEALED_ENTRY_FIELDS.
    """
    content = [
        previous_seal,
        [_to_json_value(value) for value in transaction_values],
        [[_to_json_value(value) for value in entry_values] for entry_values in entries],
    ]
    return sha256(msgspec.json.encode(content)).hexdigest()


def _to_json_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return to_plain_string(value)
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
