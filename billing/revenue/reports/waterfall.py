"""
The waterfall: revenue by the month it was first booked in and the month it is earned in.

A row adds up to the amount that was booked in its month, and a column to the month's income. The remaining column is
the deferred balance. docs/revenue-reports.md#waterfall.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.models.postings import INCOME, Role
from billing.revenue.ledger.books import read_books
from billing.revenue.reports.conversion import ReportCurrency
from billing.revenue.reports.entries import entry_parameters, movements_sql
from billing.revenue.reports.schedule import LATER, read_scheduled, scheduled_months
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row, RowList, Value
from billing.revenue.reports.totals import add_up
from customers.models import Seller
from lib import sql
from lib.decimals import EXACT, ZERO, exact_sum

MONTHS_SHOWN = 6
"""Months with a row and a column of their own; earlier ones are added up in one."""

BEFORE, LINES = "before", "lines"
ROWS = {
    BEFORE: _("Before"),
    LINES: _("Fees and usage"),
    "prepaid": _("Prepaid used"),
    "breakage": _("Breakage"),
    "credit_notes": _("Credit notes"),
    "discounts": _("Discounts"),
    "income": _("Income"),
}
"""The rows that are no month: the months before those shown, and below the months their sum and other income."""

# Both sides of a coupon that is booked apart are discounts here, as its line's revenue is counted before it.
CONDITIONS = {
    LINES: "e.role = 'revenue' AND e.other IN ('deferred', 'unbilled')",
    "prepaid": "e.role = 'revenue' AND e.other = 'prepaid'",
    "breakage": "e.role = 'breakage'",
    "credit_notes": "e.role = 'credit_notes'",
    "discounts": "(e.role = 'discounts' OR e.role = 'revenue' AND e.other = 'discounts')",
    "deferred": "e.role = 'deferred'",
    # Revenue that was deferred first would count twice.
    "booked": "(e.role = 'revenue' AND e.other = 'unbilled' OR e.role = 'deferred' AND e.other <> 'revenue')",
}
"""Row or column → its condition on a movement `e`."""

_ROW_OF = " ".join(f"WHEN {CONDITIONS[row]} THEN '{row}'" for row in (*list(ROWS)[1:-1], "deferred"))
_SUMS = """
SELECT CASE {row_of} END,
    CASE WHEN e.role = 'deferred' OR e.other IN ('deferred', 'unbilled') THEN e.booked_month END,
    e.month, -sum(e.change)
FROM ({movements}) e WHERE e.role = ANY(%(roles)s) AND e.currency = %(currency)s GROUP BY 1, 2, 3
"""


@dataclass(slots=True)
class _Amounts:
    """The amounts of one row: by month earned, by scheduled month, and deferred."""

    earned: dict[date, Decimal] = field(default_factory=dict)
    scheduled: dict[date, Decimal] = field(default_factory=dict)
    deferred: Decimal = ZERO

    def add_earned(self, month: date, amount: Decimal) -> None:
        self.earned[month] = EXACT.add(self.earned.get(month, ZERO), amount)


def report_waterfall(
    seller: Seller,
    *,
    currency: str,
    at: datetime,
    months: int = MONTHS_SHOWN,
    into: ReportCurrency | None = None,
) -> Report:
    """
    Return the waterfall of the last months; everything before them is one row and one column.

    into: `currency` with its rates, to convert all others.
    """
    books = read_books(seller, at=at)
    shown = books.months[-months:]
    ahead = scheduled_months(seller, at=at)
    by_booked: dict[date | None, _Amounts] = {}
    others: dict[str, _Amounts] = {}
    statement = _SUMS.format(row_of=_ROW_OF, movements=movements_sql(books, "currency", "booked_month", into=into))
    roles = [role.value for role in (*INCOME, Role.DEFERRED)]
    for row, booked, month, amount in sql.fetch_rows(
        statement, entry_parameters(books, into=into) | {"currency": currency, "roles": roles}
    ):
        place = None if booked is None or booked < shown[0] else booked
        if row == "deferred":
            amounts = by_booked.setdefault(place, _Amounts())
            amounts.deferred = EXACT.add(amounts.deferred, amount)
        elif row == LINES:
            by_booked.setdefault(place, _Amounts()).add_earned(month, amount)
        else:
            others.setdefault(row, _Amounts()).add_earned(month, amount)
    for (booked, month), amount in read_scheduled(seller, currency=currency, at=at, into=into).items():
        scheduled = by_booked.setdefault(booked if booked >= shown[0] else None, _Amounts()).scheduled
        scheduled[month] = EXACT.add(scheduled.get(month, ZERO), amount)
    columns = _columns(shown, ahead, has_before=len(books.months) > months)
    rows = [
        _booked_row(booked, amounts, shown, ahead)
        for booked, amounts in sorted(by_booked.items(), key=lambda entry: entry[0] or date.min)
    ]
    lines = add_up(rows, columns, LINES, _filters({}, LINES, shown, ahead))
    more = [_row(code, others[code], {}, code, shown) for code in ROWS if code in others]
    earned = [column for column in columns if column.code == "booked" or column.code.startswith("earned")]
    income = add_up([lines, *more], earned, "income", _income_filters(shown))
    return Report(
        "waterfall",
        currency,
        at,
        columns,
        [*rows, lines, *more, income],
        locked_until=max(books.locks, default=None),
    )


def _columns(shown: tuple[date, ...], ahead: tuple[date, ...], *, has_before: bool) -> list[ReportColumn]:
    return [
        ReportColumn("booked", _("Month first booked"), Measure.MONTH),
        *([ReportColumn("earned:before", _("Before"))] if has_before else []),
        *(
            ReportColumn(f"earned:{month:%Y-%m}", short_month(month, is_first=not place))
            for place, month in enumerate(shown)
        ),
        ReportColumn("earned", _("Earned to date"), is_total=True),
        *(
            ReportColumn(
                f"scheduled:{month:%Y-%m}",
                gettext("Rest of %(month)s") % {"month": date_format(month, "M")}
                if month == shown[-1]
                else short_month(month),
                rows=RowList.SCHEDULE,
            )
            for month in ahead
        ),
        ReportColumn("scheduled:later", _("Later"), rows=RowList.SCHEDULE),
        ReportColumn("deferred", _("Deferred"), is_total=True),
        ReportColumn("total", _("Booked"), is_total=True),
    ]


def short_month(month: date, *, is_first: bool = False) -> str:
    """Return the name of a month among others, with the year where one begins."""
    return date_format(month, "M Y" if is_first or month.month == 1 else "M")


def _booked_row(booked: date | None, amounts: _Amounts, shown: tuple[date, ...], ahead: tuple[date, ...]) -> Row:
    """Return the row of a month, or of all months before those shown."""
    base = {"booked": f"{booked:%Y-%m}"} if booked else {"booked_before": f"{shown[0]:%Y-%m}"}
    row = _row(booked or BEFORE, amounts, base, LINES, shown)
    values = dict(row.values)
    for month in ahead:
        values[f"scheduled:{month:%Y-%m}"] = amounts.scheduled.get(month, ZERO)
    soon = exact_sum(amounts.scheduled.values())
    values |= {"scheduled:later": EXACT.subtract(amounts.deferred, soon), "deferred": amounts.deferred}
    values["total"] = exact_sum([*amounts.earned.values(), amounts.deferred])
    return Row(values, _filters(base, LINES, shown, ahead))


def _row(
    name: date | str, amounts: _Amounts, base: Mapping[str, str], condition: str, shown: tuple[date, ...]
) -> Row:
    """Return the earned amounts of a row. base: the conditions on the month first booked."""
    values: dict[str, Value] = {
        "booked": name,
        "earned:before": exact_sum(amount for month, amount in amounts.earned.items() if month < shown[0]),
        **{f"earned:{month:%Y-%m}": amounts.earned.get(month, ZERO) for month in shown},
        "earned": exact_sum(amounts.earned.values()),
    }
    return Row(values, _filters(base, condition, shown, ()))


def _filters(
    base: Mapping[str, str], condition: str, shown: tuple[date, ...], ahead: Iterable[date]
) -> dict[str, dict[str, str]]:
    earned = {**base, "waterfall": condition}
    return {
        "earned:before": earned | {"before": f"{shown[0]:%Y-%m}"},
        **{f"earned:{month:%Y-%m}": earned | {"month": f"{month:%Y-%m}"} for month in shown},
        "earned": earned,
        **{f"scheduled:{month:%Y-%m}": {**base, "earned": f"{month:%Y-%m}"} for month in ahead},
        "scheduled:later": {**base, "earned": LATER},
        "deferred": {**base, "waterfall": "deferred"},
        "total": {**base, "waterfall": "booked"},
    }


def _income_filters(shown: tuple[date, ...]) -> dict[str, dict[str, str]]:
    return {
        "earned:before": {"before": f"{shown[0]:%Y-%m}", "income": ""},
        **{f"earned:{month:%Y-%m}": {"month": f"{month:%Y-%m}", "income": ""} for month in shown},
        "earned": {"income": ""},
    }
