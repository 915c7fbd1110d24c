"""
The rows of a batch: its amounts by pair of roles, pair of accounts, and tax, in the form stored with it.

A later batch of the month contains the difference between the rows of the month then and those of all batches before.
"""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple

from billing.revenue.accounting_files.account_rules import AccountRules, KeySum
from billing.revenue.accounting_files.formats.journal import LedgerAccount
from lib.decimals import EXACT, ZERO, to_plain_string


class RowKey(NamedTuple):
    """The roles, accounts and tax of a row."""

    debit_role: str
    credit_role: str
    debit: LedgerAccount
    credit: LedgerAccount
    tax: str


BatchRows = dict[RowKey, Decimal]
"""Amounts by row. A zero stands for accounts whose amounts cancel out."""


def map_sums(sums: Iterable[KeySum], rules: AccountRules) -> BatchRows:
    """Return the sums of postings as rows. Every role of theirs must be mapped."""
    rows: BatchRows = {}
    for key, amount, _, _ in sums:
        debit, credit = rules.account_of(key.debit, key), rules.account_of(key.credit, key)
        if debit is None or credit is None:
            raise ValueError(f"{key.debit} or {key.credit} is not mapped.")
        row = RowKey(key.debit, key.credit, debit, credit, key.tax)
        rows[row] = EXACT.add(rows.get(row, ZERO), amount)
    return rows


def subtract_rows(rows: BatchRows, subtracted: BatchRows) -> BatchRows:
    """Return the difference; rows that are the same in both have no part in it."""
    keys = dict.fromkeys([*rows, *subtracted])
    difference = {key: EXACT.subtract(rows.get(key, ZERO), subtracted.get(key, ZERO)) for key in keys}
    return {key: amount for key, amount in difference.items() if amount or key not in subtracted}


def add_rows(batches: Iterable[BatchRows]) -> BatchRows:
    """Return the sum."""
    total: BatchRows = {}
    for rows in batches:
        for key, amount in rows.items():
            total[key] = EXACT.add(total.get(key, ZERO), amount)
    return total


def stored_rows(rows: BatchRows) -> list[dict[str, Any]]:
    """Return rows in the form stored with a batch, in a fixed order."""
    return [
        {
            "debit_role": key.debit_role,
            "credit_role": key.credit_role,
            "debit": list(key.debit),
            "credit": list(key.credit),
            "tax": key.tax,
            "amount": to_plain_string(rows[key]),
        }
        for key in sorted(rows)
    ]


def parse_rows(stored: Iterable[Mapping[str, Any]]) -> BatchRows:
    """Return the stored rows of a batch."""
    return {
        RowKey(
            row["debit_role"],
            row["credit_role"],
            LedgerAccount(*row["debit"]),
            LedgerAccount(*row["credit"]),
            row["tax"],
        ): Decimal(row["amount"])
        for row in stored
    }


def digest_of(stored: list[dict[str, Any]]) -> str:
    """Return the SHA-256 of stored rows."""
    return sha256(json.dumps(stored, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
