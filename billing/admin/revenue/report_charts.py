"""The charts of report pages: bars by month, or by the names of the rows."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from billing.revenue.reports.receivable_ages import BUCKETS
from billing.revenue.reports.table import Report, Row
from billing.revenue.reports.waterfall import LINES
from lib.admin.charts import ChartSeries, StaffChart, bar_chart
from lib.decimals import exact_sum

MOST_NAMES = 10


def draw_chart(report: Report, rows: Sequence[Row]) -> StaffChart | None:
    """Return the chart of the rows on a page; None if there is nothing to draw."""
    # Three amounts of unequal size make no chart.
    if not rows or report.code == "obligations":
        return None
    match report.code:
        case "waterfall":
            return _waterfall(report)
        case "aging":
            return _bars(
                report, list(map(str, BUCKETS.values())), {_("Open"): [_amount(rows[-1], c) for c in BUCKETS]}
            )
        case "margin":
            named = [row for row in rows if not row.is_total][:MOST_NAMES]
            labels = [str(row.values["name"]) for row in named]
            series = {_("Revenue"): [_amount(row, "revenue") for row in named]}
            series[_("Cost")] = [_amount(row, "cost") for row in named]
            return _bars(report, labels, series, stacked=False) if named else None
        case "trial-balance":
            named = [row for row in rows if not row.is_total and _amount(row, "closing")]
            labels = [capfirst(str(row.values["role"])) for row in named]
            return (
                _bars(report, labels, {_("Closing"): [_amount(row, "closing") for row in named]}) if named else None
            )
    return _by_month(report, rows)


def _by_month(report: Report, rows: Sequence[Row]) -> StaffChart | None:
    by_month: dict[date, list[Row]] = {}
    for row in rows:
        if isinstance(month := row.values.get("month"), date):
            by_month.setdefault(month, []).append(row)
    months = sorted(by_month)
    sums = {
        str(report.column(code).title): [
            exact_sum(_amount(row, code) or Decimal(0) for row in by_month[month]) for month in months
        ]
        for code in report.chart
    }
    shown = {name: values for name, values in sums.items() if any(values)}
    # Revenue then and now is compared, and never added up.
    return _bars(report, month_labels(months), shown, stacked=report.code != "revenue-retention")


def _waterfall(report: Report) -> StaffChart:
    """Return the months of the report: earned from earlier months, from the month itself, and scheduled."""
    by_row = {row.values["booked"]: row for row in report.rows}
    lines = by_row[LINES]
    earned = [column.code for column in report.columns if column.code.startswith("earned:2")]
    scheduled = [column.code for column in report.columns if column.code.startswith("scheduled:2")]
    months = [date.fromisoformat(f"{code.partition(':')[2]}-01") for code in earned]
    own = [
        (_amount(by_row[month], code) if month in by_row else None) or Decimal(0)
        for month, code in zip(months, earned, strict=True)
    ]
    earlier = [
        exact_sum([_amount(lines, code) or Decimal(0), -amount]) for code, amount in zip(earned, own, strict=True)
    ]
    # The rest of the running month is drawn on top of its revenue so far.
    rest = [_amount(lines, code) or Decimal(0) for code in scheduled]
    ahead = [date.fromisoformat(f"{code.partition(':')[2]}-01") for code in scheduled]
    series = [
        ChartSeries(_("First booked earlier"), [*earlier, *[None] * (len(ahead) - 1)]),
        ChartSeries(_("First booked in the month"), [*own, *[None] * (len(ahead) - 1)]),
        ChartSeries(_("Scheduled"), [*[None] * (len(months) - 1), *rest], color=3, hatched=True),
    ]
    return bar_chart(
        month_labels([*months, *ahead[1:]]),
        series,
        summary=_("Fees and usage by the month that earns them; the table below has the figures."),
        currency=report.currency,
    )


def _bars(
    report: Report,
    labels: Sequence[str],
    series: dict[str, list[Decimal | None]] | dict[str, list[Decimal]],
    *,
    stacked: bool = True,
) -> StaffChart | None:
    if not any(any(values) for values in series.values()):
        return None
    return bar_chart(
        labels,
        [ChartSeries(name, values) for name, values in series.items()],
        summary=_("The amounts of the table below, as bars."),
        stacked=stacked,
        currency=report.currency,
    )


def month_labels(months: Sequence[date]) -> list[str]:
    """Return names of months that are short enough for bars, with the year where it begins."""
    return [date_format(month, "M y" if not place or month.month == 1 else "M") for place, month in enumerate(months)]


def _amount(row: Row, code: str) -> Decimal | None:
    value = row.values.get(code)
    return value if isinstance(value, Decimal) else None
