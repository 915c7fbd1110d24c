"""
SIE type 4I, the import file of Swedish accounting programs: CP437, a point as decimal separator, credits below zero.

Source: the SIE group, SIE file format, edition 4B.
"""

import re

from billing.revenue.accounting_files.formats.amounts import plain_amount
from billing.revenue.accounting_files.formats.journal import Book, JournalEntry, LedgerAccount, UnwritableFile
from billing.revenue.accounting_files.formats.texts import encodable
from billing.revenue.accounting_files.formats.writer import Writer, problem_with_cells

COST_CENTER_DIMENSION = 1
_NUMBER = re.compile(r"[0-9]{1,10}")


class SieWriter(Writer):
    """SIE 4I. The amounts are in the book's currency."""

    encoding = "cp437"
    suffix = ".si"
    is_in_book_currency = True

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self._targets: dict[LedgerAccount, str] = {}

    @classmethod
    def problem_with(cls, account: LedgerAccount, *, is_receivable: bool) -> str:
        if not _NUMBER.fullmatch(account.code):
            return f"SIE's account numbers have 1 to 10 digits. Enter one instead of “{account.code}”."
        return problem_with_cells(account)

    def head(self) -> str:
        book = self.book
        rows = [
            "#FLAGGA 0",
            '#PROGRAM "Tollbook" 1',
            "#FORMAT PC8",
            f"#GEN {book.created_at:%Y%m%d}",
            "#SIETYP 4",
            *([f"#ORGNR {self._text(book.company_number)}"] if book.company_number else []),
            f"#FNAMN {self._text(book.seller)}",
            f"#VALUTA {book.currency}",
        ]
        names = {account.code: account.name for account in reversed(book.accounts)}
        rows += [f"#KONTO {code} {self._text(names[code])}" for code in sorted(names)]
        if centers := sorted({account.cost_center for account in book.accounts if account.cost_center}):
            rows.append(f"#DIM {COST_CENTER_DIMENSION} {self._text('Kostnadsställe')}")
            rows += [f"#OBJEKT {COST_CENTER_DIMENSION} {self._text(name)} {self._text(name)}" for name in centers]
        return "".join(f"{row}\r\n" for row in rows)

    def text_of(self, entry: JournalEntry) -> str:
        series, number = entry.number.rsplit("-", 1)
        day = f"{self.book.last_day:%Y%m%d}"
        text = self._text(self.mark + entry.narration)
        rows = [f"#VER {self._text(series)} {int(number)} {day} {text}", "{"]
        for account, amount in entry.lines:
            rows.append(f"  #TRANS {self._target(account)} {plain_amount(amount, 2)} {day}")
        return "".join(f"{row}\r\n" for row in [*rows, "}"])

    def _target(self, account: LedgerAccount) -> str:
        """Return the account and its cost center. :raises UnwritableFile: if the account has no number."""
        if account not in self._targets:
            if problem := self.problem_with(account, is_receivable=False):
                raise UnwritableFile(problem)
            center = f"{COST_CENTER_DIMENSION} {self._text(account.cost_center)}" if account.cost_center else ""
            self._targets[account] = f"{account.code} {{{center}}}"
        return self._targets[account]

    def _text(self, text: str) -> str:
        # The form escapes quotation marks only, so a backslash before one would end the text.
        plain = encodable(text, self.encoding).replace("\\", "/").replace('"', '\\"')
        return f'"{plain}"'
