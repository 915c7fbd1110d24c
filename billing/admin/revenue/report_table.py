"""The table of a report for its page: text, marks of months, and the link of each figure to its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from billing.revenue.reports.table import Measure, Report, ReportColumn, Row, RowList
from billing.revenue.reports.totals import add_up
from billing.revenue.reports.waterfall import LINES, ROWS
from lib.decimals import EXACT
from lib.formats import format_amount, format_number

NOTHING = "–"
MONTHS_ON_PAGE = 13
"""A year and the month to compare with; older months are on further pages."""

LOCKED, OPEN, RUNNING = "locked", "open", "running"


@dataclass(frozen=True, slots=True)
class Change:
    """A change in percent. direction: up, down or flat. is_judged: whether up is good, and down bad."""

    text: str
    direction: str
    is_judged: bool = True


@dataclass(frozen=True, slots=True)
class ReportCell:
    """A cell. link: to the rows behind it. style: CSS classes."""

    text: str
    link: str = ""
    style: str = ""
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A row of a page. status: LOCKED, OPEN or RUNNING for a month; else empty."""

    cells: Sequence[ReportCell]
    is_total: bool = False
    status: str = ""


@dataclass(frozen=True, slots=True)
class HeadingGroup:
    """Columns with a heading in common. title: empty for columns without one, whose headings are two lines high."""

    title: str
    columns: Sequence[tuple[str, str]]
    style: str = ""


@dataclass(frozen=True, slots=True)
class ReportTable:
    """groups: the headings of columns, as (title, style). running: the name of the time for the running month."""

    groups: Sequence[HeadingGroup]
    rows: Sequence[ReportRow]
    running: str

    @property
    def is_grouped(self) -> bool:
        return any(group.title for group in self.groups)

    @property
    def width(self) -> int:
        return sum(len(group.columns) for group in self.groups)


def rows_url(column: ReportColumn, filters: Mapping[str, str], chosen: Mapping[str, Any]) -> str:
    """Return the address of the list behind a figure. chosen: the seller and the currency."""
    query = {**chosen, **filters}
    if column.rows is not RowList.POSTINGS:
        query["list"] = column.rows.value
    return f"{reverse('admin:revenue_rows')}?{urlencode(query)}"


def month_status(month: date, report: Report, running: date) -> str:
    if report.locked_until is not None and month <= report.locked_until:
        return LOCKED
    return RUNNING if month >= running else OPEN


def percent_change(now: Decimal, before: Decimal) -> Change | None:
    """Return the change from one amount to another; None without an amount above zero to compare with."""
    if before <= 0:
        return None
    share = EXACT.subtract(now, before) * 100 / before
    rounded = round(share, 1)
    direction = "up" if rounded > 0 else "down" if rounded < 0 else "flat"
    return Change(f"{abs(rounded):,}%", direction)


def rows_of_page(report: Report, page: int) -> Sequence[Row]:
    """Return the rows of one page of months, the latest first; reports without months have all of theirs on one."""
    if not _has_months(report):
        return report.rows
    months = sorted({row.values["month"] for row in report.rows}, reverse=True)  # type: ignore[type-var]
    shown = set(months[(page - 1) * MONTHS_ON_PAGE : page * MONTHS_ON_PAGE])
    return [row for row in report.rows if row.values["month"] in shown]


def page_count(report: Report) -> int:
    if not _has_months(report):
        return 1
    return max(-(-len({row.values["month"] for row in report.rows}) // MONTHS_ON_PAGE), 1)


def _has_months(report: Report) -> bool:
    return report.columns[0].code == "month"


def show_table(report: Report, rows: Sequence[Row], chosen: Mapping[str, Any], today: date) -> ReportTable:
    """Return the table of a page. today: in the seller's calendar. chosen: the seller and the currency of links."""
    running = today.replace(day=1)
    shown = [_row(row, report, chosen, running) for row in rows]
    columns = [(str(column.title), _style(column, report, running)) for column in report.columns]
    if report.code == "income":
        shown = _with_changes(shown, rows, running)
        columns.append((_("Change"), "n"))
        if to_date := _to_date(report, today.year):
            total = _row(to_date, report, chosen, running)
            shown.append(ReportRow([*total.cells, ReportCell("")], is_total=True))
    groups = _grouped(report, columns, running) if report.code == "waterfall" else [HeadingGroup("", columns)]
    return ReportTable(groups, shown, _("to %(day)s") % {"day": date_format(today, "j M")})


def _row(row: Row, report: Report, chosen: Mapping[str, Any], running: date) -> ReportRow:
    month = row.values.get(report.columns[0].code)
    cells = []
    for column in report.columns:
        filters = row.filters.get(column.code)
        has_link = filters is not None and bool(row.values.get(column.code))
        style = _style(column, report, running)
        if report.code == "waterfall" and isinstance(month, date) and column.code == f"earned:{month:%Y-%m}":
            style += " diagonal"
        cells.append(
            ReportCell(
                _text(row, column, report.currency),
                rows_url(column, filters, chosen) if has_link and filters is not None else "",
                style,
            )
        )
    is_sum = row.is_total or (report.code == "waterfall" and month in (LINES, "income"))
    return ReportRow(cells, is_sum, month_status(month, report, running) if isinstance(month, date) else "")


def _style(column: ReportColumn, report: Report, running: date) -> str:
    styles = [] if column.measure in (Measure.TEXT, Measure.MONTH) else ["n"]
    if column.is_total:
        styles.append("strong")
    kind, _colon, name = column.code.partition(":")
    if kind == "scheduled":
        styles.append("scheduled")
    if kind == "earned" and name and _earned_status(name, report, running) == LOCKED:
        styles.append("locked-column")
    if report.code == "waterfall" and column.code == "deferred":
        styles.append("marked")
    return " ".join(styles)


def _earned_status(name: str, report: Report, running: date) -> str:
    """Return the status of a column of the waterfall. Months before those shown are locked if the first one is."""
    month = (
        min(
            date.fromisoformat(f"{column.code.removeprefix('earned:')}-01")
            for column in report.columns
            if column.code.startswith("earned:") and not column.code.endswith("before")
        )
        if name == "before"
        else date.fromisoformat(f"{name}-01")
    )
    return month_status(month, report, running)


def _grouped(report: Report, columns: Sequence[tuple[str, str]], running: date) -> list[HeadingGroup]:
    """Return the headings of the waterfall: earned in locked and in open months, and scheduled."""
    titles = {LOCKED: _("Earned, locked"), OPEN: _("Earned, open"), "scheduled": _("Scheduled")}

    def group_of(place: int) -> str:
        kind, _colon, name = report.columns[place].code.partition(":")
        if kind == "scheduled":
            return kind
        if kind == "earned" and name:
            return LOCKED if _earned_status(name, report, running) == LOCKED else OPEN
        return f"alone {place}"

    return [
        HeadingGroup(titles.get(key, ""), [columns[place] for place in places], key if key in titles else "")
        for key, places in groupby(range(len(columns)), key=group_of)
    ]


def _with_changes(shown: Sequence[ReportRow], rows: Sequence[Row], running: date) -> list[ReportRow]:
    """Add the change of income against the month before; a running month is not compared with a complete one."""
    changed = []
    for place, (line, row) in enumerate(zip(shown, rows, strict=True)):
        now, before = row.values["income"], rows[place + 1].values["income"] if place + 1 < len(rows) else None
        is_over = line.status != RUNNING
        change = (
            percent_change(now, before)
            if is_over and isinstance(now, Decimal) and isinstance(before, Decimal)
            else None
        )
        changed.append(ReportRow([*line.cells, ReportCell(NOTHING, "", "n", change)], line.is_total, line.status))
    return changed


def _to_date(report: Report, year: int) -> Row | None:
    """Return the sum of a year's months so far."""
    rows = [row for row in report.rows if isinstance(m := row.values["month"], date) and m.year == year]
    if not rows:
        return None
    span = {"since": f"{year}-01", "until": f"{rows[0].values['month']:%Y-%m}"}
    filters = {
        code: {name: text for name, text in conditions.items() if name != "month"} | span
        for row in rows
        for code, conditions in row.filters.items()
    }
    return add_up(rows, report.columns, _("%(year)s to date") % {"year": year}, filters)


def _text(row: Row, column: ReportColumn, currency: str) -> str:
    value = row.values.get(column.code)
    if isinstance(value, str) and column.measure is Measure.MONTH:
        return str(ROWS.get(value, value))
    if value is None:
        return NOTHING
    if isinstance(value, date):
        return date_format(value, "M Y")
    if isinstance(value, Decimal):
        if column.measure is Measure.PERCENT:
            return f"{format_number(value.normalize())}%"
        return format_amount(value, currency) if value else NOTHING
    return capfirst(str(value)) if column.code in ("role", "method") else str(value)
