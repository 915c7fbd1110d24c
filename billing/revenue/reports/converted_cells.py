"""
The cells of a report in one currency: each rounded once, and the differences that rounding leaves shown as such.

Source: docs/exchange-rates.md#rounding.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from django.utils.translation import gettext as _

from billing.revenue.reports.table import Measure, Report, ReportColumn, Row, RowList, Value
from lib.decimals import EXACT, HALF_UP, ZERO, exact_sum
from lib.money import round_money

ROUNDING = "rounding"

# A factor has 40 decimal places, so rounding to fewer first restores an amount that is exactly half a minor unit.
_TIES = Decimal("1e-20")


def round_cells(report: Report, *, missing_rates: Sequence[str]) -> Report:
    """
    Return the report with rounded amounts. A cell that lacks a rate is empty.

    missing_rates: the sentences to show if there is such a cell.
    """
    rows = [_rounded(row, report) for row in report.rows]
    lacks_rates = any(_lacks_rate(value) for row in report.rows for value in row.values.values())
    rounded = replace(report, rows=rows, is_converted=True, missing_rates=missing_rates if lacks_rates else ())
    match report.code:
        case "waterfall":
            return _waterfall(rounded)
        case "trial-balance":
            return _with_rounding_row(_with_rounding(rounded, {"opening": 1, "debits": 1, "credits": -1}, "closing"))
        case "income":
            parts = {column.code: 1 for column in _amounts(report) if not column.is_total}
            return _with_rounding(rounded, parts, "income")
    parts = {"opening": 1} | {column.code: 1 for column in _amounts(report) if not column.is_total}
    return _with_rounding(_with_rounded_terms(rounded), parts, "closing")


def _rounded(row: Row, report: Report) -> Row:
    values: dict[str, Value] = {}
    for code, value in row.values.items():
        values[code] = round_exactly(value, report.currency) if isinstance(value, Decimal) else value
    scheduled = {column.code for column in report.columns if column.rows is RowList.SCHEDULE}
    # The list of scheduled amounts is one of each currency.
    return replace(row, values=values, filters={code: f for code, f in row.filters.items() if code not in scheduled})


def round_exactly(amount: Decimal, currency: str) -> Decimal | None:
    """Return a converted amount in minor units; None if it lacks a rate."""
    return None if amount.is_nan() else round_money(amount.quantize(_TIES, context=HALF_UP), currency)


def _lacks_rate(value: Value) -> bool:
    return isinstance(value, Decimal) and value.is_nan()


def _amounts(report: Report) -> Iterable[ReportColumn]:
    return (column for column in report.columns if column.measure is Measure.AMOUNT)


def _with_rounding(report: Report, parts: Mapping[str, int], total: str) -> Report:
    """Add a column before a total for what its rounded parts lack to it, if they lack anything. parts: with signs."""
    rows = []
    for row in report.rows:
        values = dict(row.values)
        amounts = [(sign, row.values.get(code, ZERO)) for code, sign in parts.items()]
        whole = row.values.get(total)
        if isinstance(whole, Decimal) and all(isinstance(amount, Decimal) for _sign, amount in amounts):
            added = exact_sum(EXACT.multiply(sign, amount) for sign, amount in amounts)  # type: ignore[arg-type]
            values[ROUNDING] = EXACT.subtract(whole, added)
        rows.append(replace(row, values=values))
    if not any(row.values.get(ROUNDING) for row in rows):
        return report
    place = [column.code for column in report.columns].index(total)
    columns = [*report.columns[:place], ReportColumn(ROUNDING, _("Rounding")), *report.columns[place:]]
    return replace(report, columns=columns, rows=rows)


def _with_rounding_row(report: Report) -> Report:
    """Add a row above the sums of all rows for the amounts by which the rounded rows miss them, if they do."""
    *rows, total = report.rows
    missed = _missed(report, rows, total)
    return replace(report, rows=[*rows, missed, total]) if missed else report


def _missed(report: Report, rows: Sequence[Row], total: Row) -> Row | None:
    """Return the row that rows lack to their sums; None if they lack nothing."""
    values: dict[str, Value] = {}
    for column in _amounts(report):
        amounts = [row.values.get(column.code, ZERO) for row in rows]
        whole = total.values.get(column.code)
        if isinstance(whole, Decimal) and all(isinstance(amount, Decimal) for amount in amounts):
            values[column.code] = EXACT.subtract(whole, exact_sum(a for a in amounts if isinstance(a, Decimal)))
    return Row({report.columns[0].code: _("Rounding"), **values}) if any(values.values()) else None


def _with_rounded_terms(report: Report) -> Report:
    """Let the long-term part of deferred revenue be the rest of the rounded balance."""
    rows = []
    for row in report.rows:
        values = dict(row.values)
        closing, current = values.get("closing"), values.get("current")
        if isinstance(closing, Decimal) and isinstance(current, Decimal):
            values["long_term"] = EXACT.subtract(closing, current)
        rows.append(replace(row, values=values))
    return replace(report, rows=rows)


def _waterfall(report: Report) -> Report:
    """Let the sums of each row add up its rounded cells; a row above the lines' sum shows the gap of each column."""
    rows = [_with_sums(row, report) for row in report.rows]
    place = next(place for place, row in enumerate(rows) if row.values["booked"] == "lines")
    missed = _missed(report, rows[:place], rows[place])
    *others, income = rows[place:]
    # Income has the sums of the rows above it, so that it needs no gap of its own.
    earned = [column.code for column in _amounts(report) if column.code in income.values]
    values = {code: _sum(row.values.get(code, ZERO) for row in others) for code in earned}
    income = replace(income, values={**income.values, **values})
    return replace(report, rows=[*rows[:place], *([missed] if missed else []), *others, income])


def _with_sums(row: Row, report: Report) -> Row:
    cells = {column.code: row.values[column.code] for column in _amounts(report) if column.code in row.values}
    sums = {"earned": _sum(cell for code, cell in cells.items() if code.startswith("earned:"))}
    if "deferred" in cells:
        sums["deferred"] = _sum(cell for code, cell in cells.items() if code.startswith("scheduled:"))
        sums["total"] = _sum([sums["earned"], sums["deferred"]])
    return replace(row, values={**row.values, **sums})


def _sum(cells: Iterable[Value]) -> Decimal | None:
    amounts = list(cells)
    if not all(isinstance(amount, Decimal) for amount in amounts):
        return None
    return exact_sum(amount for amount in amounts if isinstance(amount, Decimal))
