"""Ledgers in plain text: beancount and hledger."""

import re

from billing.revenue.accounting_files.formats.amounts import plain_amount
from billing.revenue.accounting_files.formats.journal import Book, JournalEntry, LedgerAccount, UnwritableFile
from billing.revenue.accounting_files.formats.texts import one_line
from billing.revenue.accounting_files.formats.writer import Writer, problem_with_cells

OPENING_DATE = "1970-01-01"
"""Accounts are opened long before any entry, so that a correction of an earlier month finds them open."""

_ROOTS = ("Assets", "Liabilities", "Equity", "Income", "Expenses")
# Beancount's own rule: a component begins with a capital letter or a digit; letters of every alphabet count.
_COMPONENT = re.compile(r"[^\W_](?:[^\W_]|-)*")
_STARTS_NO_NAME = ("(", "[", "*", "!", ";", "#")


class BeancountWriter(Writer):
    """Beancount. A file opens the accounts that no earlier file of the book opened, so all of them form a ledger."""

    suffix = ".beancount"
    identifies_by_name = True

    @classmethod
    def problem_with(cls, account: LedgerAccount, *, is_receivable: bool) -> str:
        root, *components = account.name.split(":")
        if root not in _ROOTS or not components or not all(map(_is_component, components)):
            return (
                f"“{account.name}” is no name of an account in beancount. Begin it with one of {', '.join(_ROOTS)},"
                " and write each further part with a capital letter or digit first, then letters, digits and hyphens:"
                " Income:Usage."
            )
        return problem_with_cells(account)

    def head(self) -> str:
        names = sorted({account.name for account in self.book.new_accounts})
        rows = [f"; {one_line(self.mark + self.book.label)}: {one_line(self.book.seller)}"]
        return "".join(f"{row}\n" for row in [*rows, *(f"{OPENING_DATE} open {name}" for name in names), ""])

    def text_of(self, entry: JournalEntry) -> str:
        text = one_line(self.mark + entry.narration).replace("\\", "\\\\").replace('"', '\\"')
        rows = f'{self.book.last_day} * "{text}" ^{entry.number}\n'
        for account, amount in entry.lines:
            rows += f"  {account.name}  {plain_amount(amount, self.book.places)} {self.book.currency}\n"
            for key, value in (("code", account.code), ("cost_center", account.cost_center)):
                if value:
                    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
                    rows += f'    {key}: "{escaped}"\n'
        return rows + "\n"


class HledgerWriter(Writer):
    """Hledger."""

    suffix = ".journal"
    identifies_by_name = True

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self._names: dict[LedgerAccount, str] = {}

    @classmethod
    def problem_with(cls, account: LedgerAccount, *, is_receivable: bool) -> str:
        name = account.name
        if not name or "  " in name or ";" in name or name.startswith(_STARTS_NO_NAME):
            return (
                f"“{name}” is no name of an account in hledger. Write it without semicolons and double spaces, and"
                " begin it with a letter or digit."
            )
        return problem_with_cells(account)

    def head(self) -> str:
        title = one_line(f"{self.mark}{self.book.label}: {self.book.seller}")
        return f"; {title}\ndecimal-mark .\n\n"

    def text_of(self, entry: JournalEntry) -> str:
        # A semicolon would begin a comment, and a bar would divide payee and note.
        text = one_line(self.mark + entry.narration).replace(";", ",").replace("|", "/")
        rows = f"{self.book.last_day} ({entry.number}) {text}\n"
        for account, amount in entry.lines:
            if problem := self._names.setdefault(account, self.problem_with(account, is_receivable=False)):
                raise UnwritableFile(problem)
            rows += f"    {account.name}  {self.book.currency} {plain_amount(amount, self.book.places)}\n"
        return rows + "\n"


def _is_component(text: str) -> bool:
    return bool(_COMPONENT.fullmatch(text)) and (text[0].isdecimal() or text[0].isupper())
