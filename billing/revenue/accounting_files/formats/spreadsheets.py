"""Files of comma-separated values: the general journal, QuickBooks Online, Xero and NetSuite."""

from decimal import Decimal
from typing import ClassVar

from billing.revenue.accounting_files.formats.amounts import bounded_amount, plain_amount
from billing.revenue.accounting_files.formats.journal import Book, JournalEntry, LedgerAccount, UnwritableFile
from billing.revenue.accounting_files.formats.texts import csv_cell, free_cell
from billing.revenue.accounting_files.formats.writer import Writer, problem_with_cells

MAX_QUICKBOOKS_NUMBER = 21
MAX_QUICKBOOKS_NAME = 100
NETSUITE_DIGITS = 10


class _SpreadsheetWriter(Writer):
    """A writer of rows that begin with the entry's cells and continue with a line's."""

    columns: ClassVar[str]

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        # The cells of an account are the same in each of a million lines.
        self._account_cells: dict[LedgerAccount, tuple[str, ...]] = {}

    @classmethod
    def problem_with(cls, account: LedgerAccount, *, is_receivable: bool) -> str:
        return problem_with_cells(account)

    def head(self) -> str:
        return self.columns + "\r\n"

    def cells_of(self, account: LedgerAccount) -> tuple[str, ...]:
        """:raises UnwritableFile: if a spreadsheet would take one for a formula."""
        cells = self._account_cells.get(account)
        if cells is None:
            if problem := problem_with_cells(account):
                raise UnwritableFile(problem)
            cells = self._account_cells[account] = tuple(csv_cell(text) for text in account)
        return cells

    def narration_of(self, entry: JournalEntry) -> str:
        return free_cell(self.mark + entry.narration)


class JournalWriter(_SpreadsheetWriter):
    """The general journal: a row for each line, with a column for everything that is known of it."""

    columns = (
        "entry,date,account_code,account_name,cost_center,debit,credit,currency,"
        "narration,tax_key,contact,exchange_rate"
    )

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        rate = f"{book.exchange_rate:f}" if book.exchange_rate else ""
        self._date, self._currency, self._rate = f"{book.last_day}", book.currency, rate

    def text_of(self, entry: JournalEntry) -> str:
        narration, places, rows = self.narration_of(entry), self.book.places, ""
        for account, amount in entry.lines:
            code, name, cost_center, tax_key, contact = self.cells_of(account)
            sides = f"{plain_amount(amount, places)}," if amount > 0 else f",{plain_amount(-amount, places)}"
            rows += (
                f"{entry.number},{self._date},{code},{name},{cost_center},{sides},{self._currency},{narration},"
                f"{tax_key},{contact},{self._rate}\r\n"
            )
        return rows


class QuickBooksWriter(_SpreadsheetWriter):
    """QuickBooks Online: accounts by name, US dates, two columns of amounts that are never below zero."""

    columns = "Journal No,Journal Date,Account Name,Debits,Credits,Description,Name,Class,Currency"
    identifies_by_name = True

    @classmethod
    def problem_with(cls, account: LedgerAccount, *, is_receivable: bool) -> str:
        if not account.name or len(account.name) > MAX_QUICKBOOKS_NAME:
            return f"QuickBooks finds accounts by name. Enter one of 1 to {MAX_QUICKBOOKS_NAME} characters."
        if is_receivable and not account.contact:
            return "QuickBooks needs a customer's name on lines of receivables. Enter it as the account's contact."
        return problem_with_cells(account)

    def text_of(self, entry: JournalEntry) -> str:
        if len(entry.number) > MAX_QUICKBOOKS_NUMBER:
            raise UnwritableFile(f"{entry.number} is longer than {MAX_QUICKBOOKS_NUMBER} characters.")
        narration, day, rows = self.narration_of(entry), f"{self.book.last_day:%m/%d/%Y}", ""
        for account, amount in entry.lines:
            _, name, cost_center, _, contact = self.cells_of(account)
            text = plain_amount(abs(amount), 2)
            sides = f"{text}," if amount > 0 else f",{text}"
            rows += (
                f"{entry.number},{day},{name},{sides},{narration},{contact},{cost_center},{self.book.currency}\r\n"
            )
        return rows


class XeroWriter(_SpreadsheetWriter):
    """
    Xero's manual journals: accounts by code, tax rates by full name, amounts with a sign.

    Rows with one narration and date are one journal, so each narration begins with the entry's number.
    """

    columns = (
        "*Narration,*Date,Description,*AccountCode,*TaxRate,*Amount,"
        "TrackingName1,TrackingOption1,TrackingName2,TrackingOption2"
    )
    most_rows = 299  # of 300 lines in a file, one is the header
    is_in_book_currency = True

    @classmethod
    def problem_with(cls, account: LedgerAccount, *, is_receivable: bool) -> str:
        if not account.code:
            return "Xero finds accounts by code. Enter one."
        if not account.tax_key:
            return "Xero needs the full name of a tax rate on each line, such as Tax Exempt. Enter it as the tax key."
        return problem_with_cells(account)

    def text_of(self, entry: JournalEntry) -> str:
        narration = free_cell(f"{entry.number} {self.mark}{entry.narration}")
        day, rows = f"{self.book.last_day:%d/%m/%Y}", ""
        category = free_cell(self.book.tracking_category)
        for account, amount in entry.lines:
            code, name, cost_center, tax_key, _ = self.cells_of(account)
            tracking = f"{category},{cost_center},," if category and cost_center else ",,,"
            rows += f"{narration},{day},{name},{code},{tax_key},{plain_amount(amount, 2)},{tracking}\r\n"
        return rows


class NetSuiteWriter(_SpreadsheetWriter):
    """NetSuite's journal import: rows of one External ID are an entry, and an ID that exists is refused."""

    columns = "External ID,Date,Currency,Subsidiary,Account,Debit,Credit,Memo,Name,Location"
    identifies_by_name = True

    @classmethod
    def problem_with(cls, account: LedgerAccount, *, is_receivable: bool) -> str:
        if not account.name:
            return "NetSuite finds accounts by their exact name. Enter it."
        return problem_with_cells(account)

    def text_of(self, entry: JournalEntry) -> str:
        narration, day, rows = self.narration_of(entry), f"{self.book.last_day:%m/%d/%Y}", ""
        subsidiary = free_cell(self.book.subsidiary or self.book.seller)
        for account, amount in entry.lines:
            _, name, cost_center, _, contact = self.cells_of(account)
            text = _netsuite_amount(amount)
            sides = f"{text}," if amount > 0 else f",{text}"
            rows += (
                f"{entry.number},{day},{self.book.currency},{subsidiary},{name},{sides},{narration},{contact},"
                f"{cost_center}\r\n"
            )
        return rows


def _netsuite_amount(amount: Decimal) -> str:
    return bounded_amount(abs(amount), whole_digits=NETSUITE_DIGITS)
