"""Journal entries of a batch: one for each pair of accounts and tax, or one for each source."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from django.utils import translation

from billing.models.postings import PostingSource, Role
from billing.revenue.accounting_files.batch_rows import BatchRows
from billing.revenue.accounting_files.formats.journal import JournalEntry, JournalLine, LedgerAccount
from billing.revenue.accounting_files.posting_reader import SourceRow
from lib.decimals import EXACT, ZERO

_ROLE_ORDER = {role: number for number, role in enumerate(Role.values)}


class PairOfAccounts(NamedTuple):
    """The accounts and roles of a posting key."""

    debit_role: str
    credit_role: str
    debit: LedgerAccount
    credit: LedgerAccount


@dataclass(slots=True)
class EntryNumbers:
    """
    Numbers the entries of a batch, such as TB-2026-01-007, on from `first`.

    is_provisional: numbers such as P-2026-01-007, which belong to no series.
    """

    month: date
    first: int
    is_provisional: bool
    given: int = 0
    prefix: str = field(init=False)

    def __post_init__(self) -> None:
        self.prefix = f"{'P' if self.is_provisional else 'TB'}-{self.month:%Y-%m}-"

    def next(self) -> str:
        number = self.first + self.given
        self.given += 1
        return f"{self.prefix}{number:03}"


def entries_by_accounts(
    rows: BatchRows, *, numbers: EntryNumbers, by_name: bool, remark: str = ""
) -> Iterator[JournalEntry]:
    """
    Yield an entry for each pair of accounts and tax, in role order.

    Rows whose two accounts are one to the target change nothing and have no entry. by_name: whether the target finds
    accounts by name. remark: begins the narrations.
    """
    merged: dict[
        tuple[tuple[str, str], tuple[str, str], str], tuple[list[str], LedgerAccount, LedgerAccount, Decimal]
    ] = {}
    for row in sorted(rows, key=lambda row: (_ROLE_ORDER[row.debit_role], _ROLE_ORDER[row.credit_role], row)):
        debit, credit = identity_of(row.debit, by_name=by_name), identity_of(row.credit, by_name=by_name)
        if debit == credit:
            continue
        roles, _, _, before = merged.get((debit, credit, row.tax), ([], row.debit, row.credit, ZERO))
        title = f"{_role_name(row.debit_role)} to {_role_name(row.credit_role)}"
        titles = roles if title in roles else [*roles, title]
        merged[debit, credit, row.tax] = (titles, row.debit, row.credit, EXACT.add(before, rows[row]))
    for (_, _, tax), (titles, debit_account, credit_account, amount) in merged.items():
        if amount:
            narration = f"{remark}{titles[0].capitalize()}{f', {tax}' if tax else ''}, {numbers.month:%Y-%m}"
            yield JournalEntry(numbers.next(), narration, _pair_of_lines(debit_account, credit_account, amount))


def entries_by_source(
    rows: Iterable[SourceRow], *, pairs: Mapping[int, PairOfAccounts], numbers: EntryNumbers, by_name: bool
) -> Iterator[JournalEntry]:
    """
    Yield an entry for each source, with its accounts in role order.

    rows: those of one source in a row. pairs: by the rows' codes. by_name: as in `entries_by_accounts`.
    """
    changing = {
        code: pair
        for code, pair in pairs.items()
        if identity_of(pair.debit, by_name=by_name) != identity_of(pair.credit, by_name=by_name)
    }
    names = {source.value: _in_english(source).capitalize() for source in PostingSource}
    for (source, source_id, service_month), group in groupby(rows, key=itemgetter(0, 1, 2)):
        amounts: dict[int, Decimal] = {}
        for _, _, _, code, amount in group:
            if code in changing:
                amounts[code] = EXACT.add(amounts[code], amount) if code in amounts else amount
        lines = _lines_of(amounts, changing)
        if lines:
            service = f", service of {service_month}" if service_month else ""
            yield JournalEntry(numbers.next(), f"{names[source]} {source_id}{service}", lines)


def identity_of(account: LedgerAccount, *, by_name: bool) -> tuple[str, str]:
    """Return the code or the name that the target finds an account by, and the cost center."""
    first, second = (account.name, account.code) if by_name else (account.code, account.name)
    return first or second, account.cost_center


def _lines_of(amounts: Mapping[int, Decimal], pairs: Mapping[int, PairOfAccounts]) -> tuple[JournalLine, ...]:
    """Return the lines of a source's amounts; accounts that several postings use have one line."""
    if len(amounts) == 1:  # nearly all sources of a month, so this decides how long a file takes
        ((code, amount),) = amounts.items()
        pair = pairs[code]
        return _pair_of_lines(pair.debit, pair.credit, amount) if amount else ()
    sums: dict[tuple[int, LedgerAccount], Decimal] = {}
    for code, amount in amounts.items():
        pair = pairs[code]
        for role, account, signed in (
            (pair.debit_role, pair.debit, amount),
            (pair.credit_role, pair.credit, -amount),
        ):
            index = (_ROLE_ORDER[role], account)
            sums[index] = EXACT.add(sums.get(index, ZERO), signed)
    return tuple(
        JournalLine(account, sums[order, account]) for order, account in sorted(sums) if sums[order, account]
    )


def _pair_of_lines(debit: LedgerAccount, credit: LedgerAccount, amount: Decimal) -> tuple[JournalLine, ...]:
    """Return two lines, the debit first; an amount below zero moves back."""
    if amount > 0:
        return (JournalLine(debit, amount), JournalLine(credit, -amount))
    return (JournalLine(credit, -amount), JournalLine(debit, amount))


def _role_name(role: str) -> str:
    return _in_english(Role(role))


def _in_english(choice: Role | PostingSource) -> str:
    """Return the label of a choice for a file, which is in English whatever the user's language is."""
    with translation.override("en"):
        return str(choice.label)
