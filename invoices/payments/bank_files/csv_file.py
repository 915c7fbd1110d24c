"""Read a bank's CSV export by a mapping of its columns."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from invoices.payments.bank_files.statements import (
    MAX_LINES,
    MAX_NAME,
    MAX_REFERENCE,
    MAX_TEXT,
    BankFileLine,
    BankFileRefused,
    BankFileStatement,
    clean_account,
    clean_text,
)

MAX_HEADING_ROW = 30
"""Rows at the top in which the heading is looked for: banks put the account and the time span above it."""


class DateOrder(StrEnum):
    """How a date is written: 27.11.2026, 2026-11-27 or 11/27/2026."""

    DAY_FIRST = "day_first"
    YEAR_FIRST = "year_first"
    MONTH_FIRST = "month_first"


class DecimalMark(StrEnum):
    COMMA = "comma"
    POINT = "point"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvColumns:
    """
    The headings of the columns, and how numbers and dates are written; the empty ones are not read.

    amount: with its sign. currency: a column; without one, each line has `default_currency`.
    """

    date: str
    amount: str
    currency: str = ""
    default_currency: str = ""
    payer: str = ""
    payer_account: str = ""
    text: str = ""
    bank_reference: str = ""
    date_order: DateOrder = DateOrder.DAY_FIRST
    decimal_mark: DecimalMark = DecimalMark.COMMA

    @property
    def headings(self) -> list[str]:
        columns = (self.date, self.amount, self.currency, self.payer, self.payer_account, self.text)
        return [heading for heading in (*columns, self.bank_reference) if heading]


_DATES: Mapping[DateOrder, Sequence[str]] = {
    DateOrder.DAY_FIRST: ("%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%d-%m-%Y"),
    DateOrder.YEAR_FIRST: ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d"),
    DateOrder.MONTH_FIRST: ("%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y"),
}
_NUMBERS = {
    DecimalMark.COMMA: re.compile(r"[+-]?\d{1,3}(\.\d{3})*(,\d+)?|[+-]?\d+(,\d+)?"),
    DecimalMark.POINT: re.compile(r"[+-]?\d{1,3}(,\d{3})*(\.\d+)?|[+-]?\d+(\.\d+)?"),
}


def read_csv(content: bytes, *, account: str, columns: CsvColumns) -> list[BankFileStatement]:
    """
    Return the rows as one statement, which has no balances.

    content: in UTF-8, or else in Windows-1252. account: its number, which the file doesn't name.

    :raises BankFileRefused: if a column is missing, or a cell can't be read.
    """
    rows = _rows(content)
    heading_number = next(
        (
            number
            for number, row in enumerate(rows[:MAX_HEADING_ROW])
            if set(columns.headings) <= {cell.strip() for cell in row}
        ),
        None,
    )
    if heading_number is None:
        known = {cell.strip() for row in rows[:MAX_HEADING_ROW] for cell in row}
        missing = [heading for heading in columns.headings if heading not in known]
        text = f"no column is named “{missing[0]}”" if missing else "no row has all of the chosen columns"
        raise BankFileRefused(f"The first {MAX_HEADING_ROW} lines have no heading: {text}.")
    heading = [cell.strip() for cell in rows[heading_number]]
    if twice := [name for name in columns.headings if heading.count(name) > 1]:
        raise BankFileRefused(f"Two columns are named “{twice[0]}”. Rename one of them in the file.")
    lines = []
    for number, row in enumerate(rows[heading_number + 1 :], start=heading_number + 2):
        cells = dict(zip(heading, (cell.strip() for cell in row), strict=False))
        if any(cells.get(name) for name in (columns.date, columns.amount)):
            lines.append(_line(cells, columns, f"Line {number}"))
    if len(lines) > MAX_LINES:
        raise BankFileRefused(f"The file has more than {MAX_LINES:,} lines. Import it in parts.")
    return [BankFileStatement(account=clean_account(account), lines=lines)]


def _rows(content: bytes) -> list[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    separator = max(";,\t", key=text[:20_000].count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise BankFileRefused(f"The file can't be read as CSV: {error}.") from error


def _line(cells: Mapping[str, str], columns: CsvColumns, place: str) -> BankFileLine:
    currency = cells.get(columns.currency, "") if columns.currency else columns.default_currency
    return BankFileLine(
        value_date=_date(cells.get(columns.date, ""), columns.date_order, place),
        amount=_decimal(cells.get(columns.amount, ""), columns.decimal_mark, place),
        currency=currency.upper(),
        payer_name=clean_text(cells.get(columns.payer, ""), MAX_NAME),
        payer_account=clean_account(cells.get(columns.payer_account, "")),
        text=clean_text(cells.get(columns.text, ""), MAX_TEXT),
        bank_reference=clean_text(cells.get(columns.bank_reference, ""), MAX_REFERENCE),
        place=place,
    )


def _date(text: str, order: DateOrder, place: str) -> date:
    for pattern in _DATES[order]:
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007, a day has no time zone
        except ValueError:
            continue
    raise BankFileRefused(f"{place}: “{text[:30]}” is not a date in the chosen order.")


def _decimal(text: str, mark: DecimalMark, place: str) -> Decimal:
    plain = text.replace("\u00a0", "").replace("\u202f", "").replace(" ", "").replace("\u2212", "-").replace("'", "")
    if not _NUMBERS[mark].fullmatch(plain):
        raise BankFileRefused(f"{place}: “{text[:30]}” is not an amount with a decimal {mark}.")
    grouping, decimal = (".", ",") if mark is DecimalMark.COMMA else (",", ".")
    return Decimal(plain.replace(grouping, "").replace(decimal, "."))
