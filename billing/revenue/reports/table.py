"""A report as a table, the same for pages, files and the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise

from lib.money import round_money

Value = str | int | date | Decimal | None


class Measure(StrEnum):
    """What the values of a column are, which decides how they are shown."""

    TEXT = "text"
    MONTH = "month"
    AMOUNT = "amount"
    COUNT = "count"
    PERCENT = "percent"


class RowList(StrEnum):
    """The list that shows the rows behind the figures of a column."""

    POSTINGS = "postings"
    SCHEDULE = "schedule"
    INVOICES = "invoices"
    COSTS = "costs"
    RECORDS = "records"
    COMMITMENTS = "commitments"


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """
    A column of a report. code: in files and the API. title: on pages.

    is_total: whether its amounts are sums of other columns, which charts leave out.
    rows: the list behind its figures.
    """

    code: str
    title: str | Promise
    measure: Measure = Measure.AMOUNT
    is_total: bool = False
    rows: RowList = RowList.POSTINGS


@dataclass(frozen=True, slots=True)
class Row:
    """
    A row of a report. values: column → value; a missing one is empty.

    filters: column → the conditions under which the column's list shows the rows behind the value. They add up to it.
        Under `list`, they name another list than the column's.
    is_total: whether it adds up other rows.
    """

    values: Mapping[str, Value]
    filters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    is_total: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """
    A report of one seller in one currency.

    as_of: the time up to which it counts. locked_until: the last month that can no longer change, if any.
    chart: codes of the columns to stack in the chart of the months; empty for none.
    more_rows: number of rows that are added up in one row, and shown on later pages.
    is_converted: whether it adds up all currencies of the books, at the rates of exchange.
    missing_rates: sentences that say why cells are empty.
    """

    code: str
    currency: str
    as_of: datetime
    columns: Sequence[ReportColumn]
    rows: Sequence[Row]
    locked_until: date | None = None
    chart: Sequence[str] = ()
    more_rows: int = 0
    is_converted: bool = False
    missing_rates: Sequence[str] = ()

    def column(self, code: str) -> ReportColumn:
        return next(column for column in self.columns if column.code == code)

    def as_json(self) -> dict[str, Any]:
        """Return the report with exact numbers as text and dates in ISO form."""
        return {
            "report": self.code,
            "currency": self.currency,
            "as_of": self.as_of.isoformat(),
            "locked_until": self.locked_until and f"{self.locked_until:%Y-%m}",
            "is_converted": self.is_converted,
            "missing_rates": list(self.missing_rates),
            "columns": [column.code for column in self.columns],
            "rows": [
                {column.code: _plain(row.values.get(column.code), column, self.currency) for column in self.columns}
                for row in self.rows
            ],
        }


def _plain(value: Value, column: ReportColumn, currency: str) -> str | int | None:
    if isinstance(value, date):
        return f"{value:%Y-%m}" if column.measure is Measure.MONTH else value.isoformat()
    if isinstance(value, Decimal):
        # Sums of postings end in padding zeros; a cost may have more digits than the currency.
        is_padded = column.measure is Measure.AMOUNT and round_money(value, currency) == value
        return format(round_money(value, currency) if is_padded else value, "f")
    return value
