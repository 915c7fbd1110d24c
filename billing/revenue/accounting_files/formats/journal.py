"""
Journal entries, and the book that a file of them belongs to.

Source: docs/accounting-files.md.
"""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from lib.decimals import EXACT, ZERO, exact_sum


class UnwritableFile(ValueError):
    """The entries can't be written in this form; the text names the value and the way out."""


class LedgerAccount(NamedTuple):
    """
    An account of the target's chart.

    tax_key: the name of a tax rate (Xero) or a BU key (DATEV).
    contact: the name on lines of this account (QuickBooks).
    """

    code: str
    name: str
    cost_center: str = ""
    tax_key: str = ""
    contact: str = ""


class JournalLine(NamedTuple):
    """A line of an entry. amount: above zero debits the account, below zero credits it."""

    account: LedgerAccount
    amount: Decimal


class JournalEntry(NamedTuple):
    """A journal entry, whose lines sum to zero. number: unique in the seller's books; it has no spaces."""

    number: str
    narration: str
    lines: tuple[JournalLine, ...]


class Pair(NamedTuple):
    """An amount above zero, moved between two accounts."""

    debit: LedgerAccount
    credit: LedgerAccount
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Book:
    """
    The seller's book, month and currency that a file belongs to.

    label: begins the names of the files. created_at: the time in headers that require one.
    base_currency: that of the book. exchange_rate: units of `currency` for one of the base currency, if they differ.
    consultant, client, chart, account_length, fiscal_year_start: of the header of DATEV files.
    subsidiary: NetSuite's name of the seller. tracking_category: Xero's category that cost centers are options of.
    accounts: all accounts of the file; new_accounts: those that no earlier file of the book has.
    """

    label: str
    seller: str
    currency: str
    base_currency: str
    month: date
    created_at: datetime
    is_provisional: bool = False
    places: int = 2
    company_number: str = ""
    exchange_rate: Decimal | None = None
    consultant: int | None = None
    client: int | None = None
    chart: str = ""
    account_length: int = 4
    fiscal_year_start: date | None = None
    subsidiary: str = ""
    tracking_category: str = ""
    accounts: tuple[LedgerAccount, ...] = ()
    new_accounts: tuple[LedgerAccount, ...] = ()

    @property
    def last_day(self) -> date:
        """The date of every entry."""
        return self.month.replace(day=monthrange(self.month.year, self.month.month)[1])

    @property
    def mark(self) -> str:
        """The beginning of the narrations of provisional files."""
        return "PROVISIONAL " if self.is_provisional else ""


def cut_into_pairs(lines: Sequence[JournalLine]) -> Iterator[Pair]:
    """
    Cut an entry into pairs: the first debit with the first credit, by the smaller amount, and so on.

    lines: sum to zero, in role order. So debits of 60 and 40 against credits of 70 and 30 give 60, 10 and 30.

    :raises ValueError: if they do not sum to zero.
    """
    if not is_balanced(lines):
        raise ValueError("The lines of an entry must sum to zero.")
    debits = [line for line in reversed(lines) if line.amount > 0]
    credits = [line for line in reversed(lines) if line.amount < 0]
    while debits and credits:
        debit, credit = debits.pop(), credits.pop()
        amount = min(debit.amount, -credit.amount)
        yield Pair(debit.account, credit.account, amount)
        if debit_left := EXACT.subtract(debit.amount, amount):
            debits.append(debit._replace(amount=debit_left))
        if credit_left := EXACT.add(credit.amount, amount):
            credits.append(credit._replace(amount=credit_left))


def split_entry(entry: JournalEntry, *, most: int) -> list[JournalEntry]:
    """
    Return an entry of more than `most` lines as balanced entries with numbered narrations.

    Each part takes whole pairs, so a line that two parts share appears in both with its share. most: 2 or more.
    """
    if len(entry.lines) <= most:
        return [entry]
    parts: list[dict[LedgerAccount, Decimal]] = [{}]
    for pair in cut_into_pairs(entry.lines):
        if len(parts[-1].keys() | {pair.debit, pair.credit}) > most:
            parts.append({})
        part = parts[-1]
        part[pair.debit] = EXACT.add(part.get(pair.debit, ZERO), pair.amount)
        part[pair.credit] = EXACT.subtract(part.get(pair.credit, ZERO), pair.amount)
    return [
        JournalEntry(
            f"{entry.number}-{number}",
            f"{entry.narration} ({number} of {len(parts)})",
            tuple(JournalLine(account, amount) for account, amount in part.items() if amount),
        )
        for number, part in enumerate(parts, start=1)
    ]


def is_balanced(lines: Sequence[JournalLine]) -> bool:
    """Return whether the lines of an entry sum to zero."""
    return not exact_sum(line.amount for line in lines)
