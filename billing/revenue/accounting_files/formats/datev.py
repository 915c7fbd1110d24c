"""
DATEV's booking batch: EXTF, header 700, category 21 (Buchungsstapel), format version 13.

Each row is a pair of accounts and an amount above zero; the sign belongs to the first account. Dates have no year, so
a file is of one month; the encoding is CP1252.

Source: developer.datev.de, DATEV-Format, Buchungsstapel.
"""

import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from billing.revenue.accounting_files.formats.amounts import bounded_amount
from billing.revenue.accounting_files.formats.journal import (
    Book,
    JournalEntry,
    LedgerAccount,
    Pair,
    UnwritableFile,
    cut_into_pairs,
)
from billing.revenue.accounting_files.formats.texts import encodable, quoted, shortened
from billing.revenue.accounting_files.formats.writer import Writer, problem_with_cells
from lib.decimals import HALF_UP

AMOUNT_DIGITS = 10
MAX_TEXT, MAX_TITLE, MAX_COST_CENTER = 60, 30, 36
MAX_RATE = Decimal(10_000)
CONSULTANTS, CLIENTS, ACCOUNT_LENGTHS = range(1_001, 10_000_000), range(1, 100_000), range(4, 9)

_NUMBER = re.compile(r"[0-9]{1,9}")
_TAX_KEY = re.compile(r"([0-9]{1,4})?")


def _numbered(pattern: str, count: int) -> list[str]:
    return [pattern.format(kind=kind, number=n) for n in range(1, count + 1) for kind in ("Art", "Inhalt")]


COLUMNS = (
    "Umsatz (ohne Soll/Haben-Kz)", "Soll/Haben-Kennzeichen", "WKZ Umsatz", "Kurs", "Basis-Umsatz", "WKZ Basis-Umsatz",
    "Konto", "Gegenkonto (ohne BU-Schlüssel)", "BU-Schlüssel", "Belegdatum", "Belegfeld 1", "Belegfeld 2", "Skonto",
    "Buchungstext", "Postensperre", "Diverse Adressnummer", "Geschäftspartnerbank", "Sachverhalt", "Zinssperre",
    "Beleglink", *_numbered("Beleginfo - {kind} {number}", 8), "KOST1 - Kostenstelle", "KOST2 - Kostenstelle",
    "Kost-Menge", "EU-Land u. UStID (Bestimmung)", "EU-Steuersatz (Bestimmung)", "Abw. Versteuerungsart",
    "Sachverhalt L+L", "Funktionsergänzung L+L", "BU 49 Hauptfunktionstyp", "BU 49 Hauptfunktionsnummer",
    "BU 49 Funktionsergänzung", *_numbered("Zusatzinformation - {kind} {number}", 20), "Stück", "Gewicht",
    "Zahlweise", "Forderungsart", "Veranlagungsjahr", "Zugeordnete Fälligkeit", "Skontotyp", "Auftragsnummer",
    "Buchungstyp", "USt-Schlüssel (Anzahlungen)", "EU-Land (Anzahlungen)", "Sachverhalt L+L (Anzahlungen)",
    "EU-Steuersatz (Anzahlungen)", "Erlöskonto (Anzahlungen)", "Herkunft-Kz", "Buchungs GUID", "KOST-Datum",
    "SEPA-Mandatsreferenz", "Skontosperre", "Gesellschaftername", "Beteiligtennummer", "Identifikationsnummer",
    "Zeichnernummer", "Postensperre bis", "Bezeichnung SoBil-Sachverhalt", "Kennzeichen SoBil-Buchung",
    "Festschreibung", "Leistungsdatum", "Datum Zuord. Steuerperiode", "Fälligkeit", "Generalumkehr (GU)",
    "Steuersatz", "Land", "Abrechnungsreferenz", "BVV-Position", "EU-Land u. UStID (Ursprung)",
    "EU-Steuersatz (Ursprung)", "Abw. Skontokonto",
)  # fmt: skip
"""The 125 columns of format version 13."""

_BEFORE_COST_CENTER = ";" * (COLUMNS.index("KOST1 - Kostenstelle") - COLUMNS.index("Buchungstext"))
_BEFORE_LOCK = ";" * (COLUMNS.index("Festschreibung") - COLUMNS.index("KOST1 - Kostenstelle"))
# An empty field would lock the batch at its import; zero leaves it open for corrections.
_LOCK = "0" + ";" * (len(COLUMNS) - 1 - COLUMNS.index("Festschreibung")) + "\r\n"


class DatevWriter(Writer):
    """DATEV's booking batch."""

    encoding = "cp1252"
    prefix = "EXTF_"
    most_rows = 99_997
    needs_exchange_rate = True

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        if book.consultant not in CONSULTANTS or book.client not in CLIENTS or book.fiscal_year_start is None:
            raise UnwritableFile(
                "DATEV's header needs the consultant number (1001 to 9999999), the client number (1 to 99999) and"
                " the first month of the fiscal year. Enter them in the seller's accounting target."
            )
        if book.account_length not in ACCOUNT_LENGTHS:
            raise UnwritableFile("DATEV's accounts have 4 to 8 digits. Correct the account length of the target.")
        self._rate = self._checked_rate()
        self._day = f"{book.last_day:%d%m}"
        self._account_cells: dict[tuple[LedgerAccount, LedgerAccount], tuple[str, str, str]] = {}

    @classmethod
    def problem_with(cls, account: LedgerAccount, *, is_receivable: bool) -> str:
        if not _NUMBER.fullmatch(account.code):
            return f"DATEV's account numbers have 1 to 9 digits. Enter one instead of “{account.code}”."
        if not _TAX_KEY.fullmatch(account.tax_key):
            return f"A BU key has up to 4 digits. Enter one instead of “{account.tax_key}”, or none."
        if len(account.cost_center) > MAX_COST_CENTER:
            return f"DATEV's cost centers have up to {MAX_COST_CENTER} characters. Shorten “{account.cost_center}”."
        return problem_with_cells(account)

    def head(self) -> str:
        book = self.book
        title = quoted(shortened(encodable(f"{self.mark}Tollbook {book.month:%Y-%m}", self.encoding), MAX_TITLE))
        created = f"{book.created_at:%Y%m%d%H%M%S}{book.created_at.microsecond // 1000:03}"
        header = (
            f'"EXTF";700;21;"Buchungsstapel";13;{created};;"RE";"";"";{book.consultant};{book.client};'
            f"{book.fiscal_year_start:%Y%m%d};{book.account_length};{book.month:%Y%m%d};{book.last_day:%Y%m%d};"
            f'{title};"";1;0;0;"{book.base_currency}";;"";;;{quoted(book.chart)};;;"";""\r\n'
        )
        return header + ";".join(quoted(column) for column in COLUMNS) + "\r\n"

    def rows_of(self, entry: JournalEntry) -> int:
        # Each pair uses up a debit or a credit, and the last one uses up both.
        return len(entry.lines) - 1

    def text_of(self, entry: JournalEntry) -> str:
        narration = shortened(encodable(self.mark + entry.narration, self.encoding), MAX_TEXT)
        text, number = quoted(narration), quoted(entry.number)
        return "".join(self._row(pair, number, text) for pair in cut_into_pairs(entry.lines))

    def _row(self, pair: Pair, number: str, text: str) -> str:
        accounts, tax_key, cost_center = self._cells_of(pair.debit, pair.credit)
        amount = bounded_amount(pair.amount, whole_digits=AMOUNT_DIGITS).replace(".", ",")
        return (
            f'{amount};"S";"{self.book.currency}";{self._base_cells(pair.amount)};{accounts};{tax_key};{self._day};'
            f"{number};;;{text}{_BEFORE_COST_CENTER}{cost_center}{_BEFORE_LOCK}{_LOCK}"
        )

    def _cells_of(self, debit: LedgerAccount, credit: LedgerAccount) -> tuple[str, str, str]:
        """:raises UnwritableFile: if both accounts have a BU key, or both a cost center; a row has one of each."""
        cells = self._account_cells.get((debit, credit))
        if cells is None:
            for account in (debit, credit):
                problem = self.problem_with(account, is_receivable=False)
                # The numbers of customers and suppliers are one digit longer than those of other accounts.
                if problem or len(account.code) > self.book.account_length + 1:
                    raise UnwritableFile(
                        problem or f"The account {account.code} is longer than the target's accounts."
                    )
            tax_key = _one_of(debit.tax_key, credit.tax_key, "BU keys", debit, credit)
            cost_center = _one_of(debit.cost_center, credit.cost_center, "cost centers", debit, credit)
            cells = self._account_cells[debit, credit] = (
                f"{debit.code};{credit.code}",
                quoted(tax_key) if tax_key else "",
                quoted(encodable(cost_center, self.encoding)) if cost_center else "",
            )
        return cells

    def _base_cells(self, amount: Decimal) -> str:
        """Return exchange rate, amount in the book's currency, and that currency; all empty in the book's own."""
        if self._rate is None:
            return ";;"
        base = HALF_UP.divide(amount, self._rate).quantize(Decimal("0.01"), ROUND_HALF_UP, HALF_UP)
        rate = format(self._rate, ".6f").replace(".", ",")
        return (
            f'{rate};{bounded_amount(base, whole_digits=AMOUNT_DIGITS).replace(".", ",")};"{self.book.base_currency}"'
        )

    def _checked_rate(self) -> Decimal | None:
        """:raises UnwritableFile: if the rate that a foreign currency needs is missing or can't be written."""
        book, rate = self.book, self.book.exchange_rate
        if book.currency == book.base_currency:
            return None
        if rate is None:
            raise UnwritableFile(
                f"Rows in {book.currency} need an exchange rate: {book.currency} for one {book.base_currency}."
                " Enter it, and make the file again."
            )
        if not 0 < rate < MAX_RATE or rate != round(rate, 6):
            raise UnwritableFile(
                f"The exchange rate {rate:f} must be above 0, below 10,000 and have up to 6 decimals."
            )
        return rate


def fiscal_year_start(month: date, first_month: int) -> date:
    """Return the first day of the fiscal year that a month lies in. first_month: its first month, 1 to 12."""
    return date(month.year - (month.month < first_month), first_month, 1)


def _one_of(first: str, second: str, label: str, debit: LedgerAccount, credit: LedgerAccount) -> str:
    if first and second and first != second:
        raise UnwritableFile(
            f"The accounts {debit.code} and {credit.code} have two {label}, {first} and {second}, but a DATEV row has"
            " one. Remove one of them from the mapping."
        )
    return first or second
