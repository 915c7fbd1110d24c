"""Books and random journal entries for the tests of writers."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from billing.revenue.accounting_files.formats.journal import Book, JournalEntry, JournalLine, LedgerAccount
from billing.revenue.accounting_files.formats.targets import WRITERS
from billing.revenue.accounting_files.formats.writer import write_files
from tests.billing.revenue.accounting_files.file_readers import Files, Sums

CREATED = datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)
RECEIVABLE = LedgerAccount("1200", "Receivable", tax_key="", contact="Usage customers")
REVENUE = LedgerAccount("4400", "Income:Usage")

UGLY = "aZ09 ;,\"'\\äöüßÅéł…—€日本🚀👩‍💻|#{}()*!~^&%$§<>=+-@.:/"
"""Characters that some target quotes, refuses or can't encode."""


def make_book(**fields: Any) -> Book:
    defaults = {
        "label": "TB-2026-01-001",
        "seller": "Müller & Söhne GmbH",
        "currency": "EUR",
        "base_currency": "EUR",
        "month": date(2026, 1, 1),
        "created_at": CREATED,
        "consultant": 1001,
        "client": 1,
        "fiscal_year_start": date(2026, 1, 1),
        "chart": "03",
    }
    return Book(**{**defaults, **fields})


def make_entry(
    number: int, *lines: tuple[LedgerAccount, str], narration: str = "Receivables to revenue"
) -> JournalEntry:
    return JournalEntry(
        f"TB-2026-01-{number:03}",
        narration,
        tuple(JournalLine(account, Decimal(amount)) for account, amount in lines),
    )


def write(target: str, entries: Iterable[JournalEntry], book: Book | None = None) -> Files:
    """Return the files of entries for a target."""
    entries = list(entries)
    if book is None:
        accounts = tuple(dict.fromkeys(line.account for entry in entries for line in entry.lines))
        book = make_book(accounts=accounts, new_accounts=accounts)
    files: dict[str, bytes] = defaultdict(bytes)
    for name, content in write_files(WRITERS[target](book), entries):
        files[name] += content
    return dict(files)


def sums_of(target: str, entries: Iterable[JournalEntry]) -> Sums:
    """Return the sum of each account, by the name or code that the target finds it by."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        for account, amount in entry.lines:
            sums[account.name if WRITERS[target].identifies_by_name else account.code] += amount
    return dict(sums)


_text = st.text(UGLY, min_size=1, max_size=30).map(lambda text: "A" + text.strip())
_component = st.text("aZ09äößÅé日-", max_size=10).map(lambda text: "Q" + text)
_names = {
    "beancount": st.tuples(st.sampled_from(["Assets", "Liabilities", "Income", "Expenses"]), _component).map(
        ":".join
    ),
    "hledger": _text.map(lambda text: " ".join(text.replace(";", "").split())),
}


@st.composite
def accounts(draw: st.DrawFn, target: str) -> LedgerAccount:
    """Draw an account that the target can take, with ugly texts."""
    return LedgerAccount(
        str(draw(st.integers(min_value=1, max_value=9_999))).zfill(4),
        draw(_names.get(target, _text)),
        cost_center="",
        tax_key=draw(st.sampled_from(["", "9"])) if target == "datev" else draw(_text),
        contact=draw(_text),
    )


@st.composite
def entry_lists(draw: st.DrawFn, target: str) -> list[JournalEntry]:
    """Draw balanced entries of two to twelve lines over a few accounts with distinct codes and names."""
    chosen = draw(
        st.lists(accounts(target), min_size=2, max_size=6, unique_by=(lambda row: row.code, lambda row: row.name))
    )
    if target == "datev":
        chosen = [account._replace(tax_key=chosen[0].tax_key) for account in chosen]
    entries = []
    for number in range(1, draw(st.integers(min_value=1, max_value=6)) + 1):
        moves = draw(
            st.lists(
                st.tuples(st.permutations(range(len(chosen))), st.integers(min_value=1, max_value=10**9)),
                min_size=1,
                max_size=6,
            )
        )
        sums: dict[LedgerAccount, Decimal] = defaultdict(Decimal)
        for order, cents in moves:
            amount = Decimal(cents) / 100
            sums[chosen[order[0]]] += amount
            sums[chosen[order[1]]] -= amount
        lines = tuple(JournalLine(account, amount) for account, amount in sums.items() if amount)
        if lines:
            entries.append(JournalEntry(f"TB-2026-01-{number:03}", draw(st.text(UGLY, max_size=90)), lines))
    return entries
