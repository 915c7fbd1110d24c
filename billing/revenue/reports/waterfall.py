"""
The waterfall: revenue by the month it was first booked in and the month it is earned in.

A row adds up to what was booked in its month, a column to the month's income from lines, and the remaining column is
the deferred balance. docs/revenue-reports.md#waterfall.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.revenue.ledger.books import SellerBooks, read_books
from billing.revenue.ledger.live_postings import parameters, postings_sql
from billing.revenue.reports.entries import MOVEMENTS, entries_sql, entry_parameters
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row, Value
from customers.models import Seller
from lib import sql
from lib.decimals import EXACT, ZERO, exact_sum

MONTHS_SHOWN = 6
"""Months with a row and a column of their own; earlier ones are added up in one."""

MONTHS_SCHEDULED = 2
"""Columns of the future, the first for the rest of the running month; what is earned later is added up in one."""

_EARNED = """
SELECT e.booked_month, e.month, -sum(e.change) FILTER (WHERE e.role = 'revenue'),
    -sum(e.change) FILTER (WHERE e.role = 'deferred')
FROM ({movements}) e
WHERE (e.role = 'revenue' AND e.other IN ('deferred', 'unbilled') OR e.role = 'deferred')
    AND e.currency = %(currency)s
GROUP BY 1, 2
"""
_SCHEDULED = """
SELECT p.booked_month, p.month, sum(CASE p.credit WHEN 'revenue' THEN p.amount ELSE -p.amount END)
FROM ({postings}) p
WHERE (p.debit, p.credit) IN (('deferred', 'revenue'), ('revenue', 'deferred')) AND p.currency = %(currency)s
GROUP BY 1, 2
"""


def report_waterfall(seller: Seller, *, currency: str, at: datetime, months: int = MONTHS_SHOWN) -> Report:
    """Return the waterfall of the last months; everything before them is one row and one column."""
    books = read_books(seller, at=at)
    shown = books.months[-months:]
    earned: dict[tuple[date, date], Decimal] = {}
    deferred: dict[date, Decimal] = {}
    statement = _EARNED.format(movements=MOVEMENTS.format(entries=entries_sql(books)))
    for booked, month, revenue, balance in sql.fetch_rows(
        statement, entry_parameters(books) | {"currency": currency}
    ):
        earned[booked, month] = EXACT.add(earned.get((booked, month), ZERO), revenue or ZERO)
        deferred[booked] = EXACT.add(deferred.get(booked, ZERO), balance or ZERO)
    scheduled = read_scheduled(seller, currency=currency, at=at, months_ahead=MONTHS_SCHEDULED)
    columns = [
        ReportColumn("booked", _("Month first booked"), Measure.MONTH),
        ReportColumn("earned:before", _("Before")),
        *(ReportColumn(f"earned:{month:%Y-%m}", date_format(month, "M Y")) for month in shown),
        ReportColumn("earned", _("Earned to date"), is_total=True),
        *(
            ReportColumn(
                f"scheduled:{month:%Y-%m}", gettext("Scheduled %(month)s") % {"month": date_format(month, "M Y")}
            )
            for month in dict.fromkeys(m for _b, m in scheduled)
        ),
        ReportColumn("scheduled:later", _("Scheduled later")),
        ReportColumn("deferred", _("Deferred"), is_total=True),
        ReportColumn("total", _("Booked"), is_total=True),
    ]
    booked_months = sorted({booked for booked, _month in earned} | set(deferred))
    earlier = [month for month in booked_months if month < shown[0]]
    rows = [_row(None, earlier, books, shown, earned, scheduled, deferred)] if earlier else []
    rows += [
        _row(month, [month], books, shown, earned, scheduled, deferred)
        for month in booked_months
        if month >= shown[0]
    ]
    return Report(
        "waterfall",
        currency,
        at,
        columns,
        [*rows, add_up(rows, columns)],
        locked_until=max(books.locks, default=None),
    )


def read_scheduled(
    seller: Seller, *, currency: str, at: datetime, months_ahead: int
) -> dict[tuple[date, date], Decimal]:
    """
    Return (month first booked, month) → the deferred revenue that will be earned in it, in order of months.

    months_ahead: the first one is the rest of the running month.
    """
    books = read_books(seller, at=at, months_ahead=months_ahead)
    values = parameters(books, low=books.running + 1, high=len(books.months)) | {"currency": currency}
    rows = sql.fetch_rows(_SCHEDULED.format(postings=postings_sql(books)), values)
    return {(booked, month): amount for booked, month, amount in sorted(rows, key=lambda row: row[1])}


def read_earned_by(seller: Seller, *, currency: str, at: datetime, until: datetime) -> Decimal:
    """Return the part of deferred revenue at a time that will be earned by a later one."""
    books = read_books(seller, at=at)
    ahead = replace(books, months=(*books.months, books.months[-1]), ends=(*books.ends, until))
    values = parameters(ahead, low=ahead.running + 1, high=len(ahead.months)) | {"currency": currency}
    return exact_sum(amount for *_, amount in sql.fetch_rows(_SCHEDULED.format(postings=postings_sql(ahead)), values))


def _row(
    name: date | None,
    booked_months: Iterable[date],
    books: SellerBooks,
    shown: tuple[date, ...],
    earned: dict[tuple[date, date], Decimal],
    scheduled: dict[tuple[date, date], Decimal],
    deferred: dict[date, Decimal],
) -> Row:
    booked = set(booked_months)
    values: dict[str, Value] = {"booked": name}

    def add(code: str, amounts: Iterable[Decimal]) -> Decimal:
        values[code] = total = exact_sum(amounts)
        return total

    add("earned:before", (amount for (b, month), amount in earned.items() if b in booked and month < shown[0]))
    for shown_month in shown:
        add(
            f"earned:{shown_month:%Y-%m}",
            (amount for (b, month), amount in earned.items() if b in booked and month == shown_month),
        )
    total = add("earned", (amount for (b, _month), amount in earned.items() if b in booked))
    for future in dict.fromkeys(month for _b, month in scheduled):
        add(
            f"scheduled:{future:%Y-%m}",
            (amount for (b, month), amount in scheduled.items() if b in booked and month == future),
        )
    balance = add("deferred", (deferred.get(b, ZERO) for b in booked))
    soon = exact_sum(amount for (b, _month), amount in scheduled.items() if b in booked)
    values["scheduled:later"] = EXACT.subtract(balance, soon)
    values["total"] = EXACT.add(total, balance)
    return Row(values, _filters(values, name, shown))


def _filters(values: dict[str, Value], name: date | None, shown: tuple[date, ...]) -> dict[str, dict[str, str]]:
    booked = {"booked": f"{name:%Y-%m}"} if name else {"booked_before": f"{shown[0]:%Y-%m}"}
    filters: dict[str, dict[str, str]] = {}
    for code in values:
        if code.startswith("earned:"):
            month = code.removeprefix("earned:")
            when = {"before": f"{shown[0]:%Y-%m}"} if month == "before" else {"month": month}
            filters[code] = booked | when | {"role": "revenue", "against": "deferred,unbilled"}
    filters["earned"] = booked | {"role": "revenue", "against": "deferred,unbilled"}
    filters["deferred"] = booked | {"role": "deferred"}
    return filters


def add_up(rows: Iterable[Row], columns: Iterable[ReportColumn], name: Callable[[], Any] = lambda: None) -> Row:
    """Return the row of sums below other rows."""
    rows = list(rows)
    first, *others = columns
    sums: dict[str, Value] = {first.code: name()}
    for column in others:
        sums[column.code] = exact_sum(
            amount for row in rows if isinstance(amount := row.values.get(column.code), Decimal)
        )
    return Row(sums, is_total=True)
