"""MRR: the summary, the movements by month, cohorts and the largest changes, and the same as CSV."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing.admin.revenue.report_cards import FigureCard, cell_amount
from billing.admin.revenue.report_charts import month_labels
from billing.admin.revenue.report_choice import SEE, ReportChoice, read_choice, read_month
from billing.admin.revenue.report_files import FILE_FORMATS, file_number, send_table
from billing.admin.revenue.report_table import percent_change
from billing.admin.revenue.reports import report_tabs
from billing.revenue.metrics.figures import YEAR, CustomerMovement, MonthMovements, MrrReport
from billing.revenue.metrics.months import NoSuchMonths
from billing.revenue.metrics.reports import read_mrr_report
from billing.revenue.reports.obligations import report_obligations
from billing.revenue.reports.revenue_retention import read_revenue_retention
from billing.revenue.reports.waterfall import short_month
from invoices.documents.calendar_months import month_before
from lib.admin import require, staff_page
from lib.admin.charts import ChartSeries, StaffChart, bar_chart
from lib.admin.seller_restriction import narrowed_to_sellers
from lib.formats import format_amount, format_money, format_number
from lib.money import round_money, round_to
from plans.metrics.cohorts import RevenueCohort
from plans.metrics.movements import KINDS, Kind

KIND_NAMES = {
    "new": gettext_lazy("New"),
    "expansion": gettext_lazy("Expansion"),
    "reactivation": gettext_lazy("Reactivation"),
    "contraction": gettext_lazy("Contraction"),
    "churn": gettext_lazy("Churn"),
}
KIND_COLORS = {
    "new": 1,
    "expansion": 3,
    "reactivation": 4,
    "contraction": 6,
    "churn": 8,
}
MONTH_CHOICES = (YEAR, 2 * YEAR)
TENTH, WHOLE = Decimal("0.1"), Decimal(1)
NOTHING = "–"
STRONGEST = 60
"""Opacity in percent of the color of a cohort that has doubled."""


class Cell(NamedTuple):
    """A figure of a table. url: of the rows behind it. shade: opacity of its color in percent."""

    text: str
    url: str = ""
    shade: int = 0


@narrowed_to_sellers
def page(request: HttpRequest) -> HttpResponseBase:
    """Show the report of a seller in one currency, or send it as CSV."""
    require(request, SEE)
    choice = read_choice(request)
    count = _month_count(request.GET.get("months", ""))
    context: dict[str, Any] = {"choice": choice, "count": count, "counts": MONTH_CHOICES}
    until = read_month(request.GET.get("until", ""))
    if choice.seller is not None and choice.currency:
        try:
            report = read_mrr_report(
                seller=choice.seller, currency=choice.currency, at=timezone.now(), count=count, until=until
            )
        except NoSuchMonths as error:
            raise Http404(str(error)) from error
        if file_format := request.GET.get("format", ""):
            is_cohorts = request.GET.get("table") == "cohorts"
            name = (
                f"{'cohorts' if is_cohorts else 'mrr'}-{choice.seller.code}-{choice.currency}-{report.as_of:%Y-%m-%d}"
            )
            columns, *rows = _cohort_rows(report) if is_cohorts else _month_rows(report)
            return send_table(columns, rows, name=name, file_format=file_format)
        context |= _report_context(report, choice, measure=request.GET.get("measure", "mrr"))
    return staff_page(request, "staff/revenue/mrr.html", title=_("Revenue reports"), **context)


def month_label(month: date) -> str:
    return date_format(month, "M Y")


def _month_count(text: str) -> int:
    return next((count for count in MONTH_CHOICES if str(count) == text), YEAR)


def _report_context(report: MrrReport, choice: ReportChoice, *, measure: str) -> dict[str, Any]:
    months = [row.shown(report.currency) for row in report.months]
    local = report.as_of.astimezone(ZoneInfo(report.seller.time_zone))
    return {
        "as_of": f"{date_format(local, 'DATETIME_FORMAT')} ({report.seller.time_zone})",
        "tabs": report_tabs(report.seller, report.currency, "mrr"),
        "locked_until": next((month_label(row.month.month) for row in months[::-1] if row.month.lock_id), ""),
        "files": [
            (name.upper(), choice.query(months=len(months), format=name), choice.query(table="cohorts", format=name))
            for name in FILE_FORMATS
        ],
        "cards": [*_summary(report, choice), *_revenue_cards(report)],
        "chart": _chart(months, report.currency),
        "months": [(row, short_month(row.month.month, is_first=not place)) for place, row in enumerate(months)],
        "rows": [(KIND_NAMES[kind], [_movement_cell(row, kind, choice) for row in months]) for kind in KINDS],
        "opening": [_balance_cell(row, row.opening, choice, month_before(row.month.month)) for row in months],
        "closing": [_balance_cell(row, row.closing, choice) for row in months],
        "gross": [_balance_cell(row, row.gross, choice) for row in months],
        "usage": [_balance_cell(row, row.usage, choice, of="usage") for row in months],
        "customer_changes": [
            Cell(f"+{row.gained} / −{row.lost}", movements_url(choice, row.month.month)) for row in months
        ],
        "is_running": not report.last.month.is_over,
        "measure": measure,
        "cohorts": [_cohort_shown(month, cohort, report, choice, measure) for month, cohort in report.cohorts],
        "cohort_months": range(1, max((len(cohort.revenue) for _, cohort in report.cohorts), default=1)),
        "largest": [(move, KIND_NAMES[move.kind], _signed(move, report.currency)) for move in report.largest],
        "movement_count": report.movement_count,
        "movements_url": movements_url(choice, report.last.month.month),
        "definitions": _definitions(report),
    }


def movements_url(choice: ReportChoice, month: date, kind: str = "") -> str:
    """Return the address of the movements of a month by customer."""
    return f"{reverse('admin:revenue_movements')}?{choice.query(month=f'{month:%Y-%m}', kind=kind)}"


def balances_url(choice: ReportChoice, month: date, **more: str) -> str:
    """Return the address of the customers behind the MRR of a month end."""
    return f"{reverse('admin:revenue_balances')}?{choice.query(month=f'{month:%Y-%m}', **more)}"


def _balance_cell(
    row: MonthMovements, amount: Decimal | None, choice: ReportChoice, month: date | None = None, **more: str
) -> Cell:
    """Return a cell with the customers of a month end. month: default: that of the row."""
    if not amount:
        return Cell(NOTHING)
    return Cell(format_amount(amount, choice.currency), balances_url(choice, month or row.month.month, **more))


def _movement_cell(row: MonthMovements, kind: Kind, choice: ReportChoice) -> Cell:
    amount = row.movements[kind]
    if not amount:
        return Cell(NOTHING)
    return Cell(format_amount(amount, choice.currency), movements_url(choice, row.month.month, kind))


def _signed(move: CustomerMovement, currency: str) -> str:
    sign = "+" if move.amount > 0 else "−"
    return f"{sign}{format_money(abs(move.amount), currency)}"


def _percent(share: Fraction | None, unit: Decimal = TENTH) -> str:
    return NOTHING if share is None else f"{round_to(share * 100, unit)}%"


def _money(amount: Fraction | Decimal | None, currency: str) -> str:
    return NOTHING if amount is None else format_money(round_money(amount, currency), currency)


def _summary(report: MrrReport, choice: ReportChoice) -> list[FigureCard]:
    last, currency, retained = report.last.shown(report.currency), report.currency, report.retention
    here = balances_url(choice, last.month.month)
    before = report.months[-2] if len(report.months) > 1 else None
    growth = None if before is None else percent_change(report.last.closing, before.closing)
    since = "" if before is None else _("vs. end of %(month)s") % {"month": date_format(before.month.month, "F")}
    figures = [
        FigureCard(_("Committed MRR"), _money(last.closing, currency), here, since, growth),
        FigureCard(_("ARR"), _money(report.arr, currency), here, _("12 × committed MRR")),
        FigureCard(
            _("Usage MRR, not included"),
            _money(last.usage, currency),
            balances_url(choice, last.month.month, of="usage") if last.usage else "",
            note=_("mean of three complete months, beyond commitments"),
        ),
    ]
    if retained is not None:
        values = {"now": _money(retained.now, currency), "then": _money(retained.then, currency)}
        kept = {"kept": format_number(retained.kept_customers), "all": format_number(retained.customers)}
        customers = balances_url(choice, last.month.month, of="retention")
        figures += [
            FigureCard(_("NRR, 12 months"), _percent(retained.net), customers, _("%(now)s of %(then)s") % values),
            FigureCard(
                _("GRR, 12 months"),
                _percent(retained.gross),
                customers,
                _("%(kept)s of %(all)s customers kept") % kept,
            ),
        ]
    paying = ngettext("%(count)s paying customer", "%(count)s paying customers", last.customers)
    count = {"count": format_number(last.customers)}
    return [*figures, FigureCard(_("ARPA"), _money(report.arpa, currency), here, paying % count)]


def _revenue_cards(report: MrrReport) -> list[FigureCard]:
    """Return the figures of the running month that follow from the books instead of subscriptions."""
    if report.last.month.is_over:
        return []
    seller, currency = report.seller, report.currency
    *_parts, obligation = report_obligations(seller, currency=currency, at=report.as_of).rows
    cards = [
        FigureCard(
            _("Remaining performance obligation"),
            _money(cell_amount(obligation, "amount"), currency),
            _report_url("obligations", report),
            _("deferred, prepaid and committed"),
        )
    ]
    by_month = read_revenue_retention(seller, currency=currency, at=report.as_of)
    if by_month:
        month, retained = next(iter(by_month.items()))
        values = {"month": month_label(month), "then": _money(retained.then, currency)}
        cards.append(
            FigureCard(
                _("NRR on revenue"),
                _percent(retained.net),
                _report_url("revenue-retention", report),
                _("%(month)s, of %(then)s a year before") % values,
            )
        )
    return cards


def _report_url(code: str, report: MrrReport) -> str:
    query = urlencode({"seller": report.seller.code, "currency": report.currency})
    return f"{reverse('admin:revenue_report', args=[code])}?{query}"


def _definitions(report: MrrReport) -> list[tuple[str, str]]:
    """Return the name of each figure and its computation, with the numbers of this report."""
    retained, currency = report.retention, report.currency
    mrr = _(
        "Fees, seats and minimums of live subscriptions, per month; no trials, no pauses, net of permanent coupons"
    )
    definitions = [("MRR", mrr)]
    if retained is not None:
        values = {
            "count": format_number(retained.customers),
            "now": _money(retained.now, currency),
            "kept": _money(retained.kept, currency),
            "then": _money(retained.then, currency),
        }
        nrr = _("MRR now ÷ MRR 12 months ago, same %(count)s customers: %(now)s ÷ %(then)s")
        grr = _("The smaller of then and now: %(kept)s ÷ %(then)s")
        definitions += [("NRR", nrr % values), ("GRR", grr % values)]
    quick = NOTHING if report.quick_ratio is None else str(round_to(report.quick_ratio, TENTH))
    churn = _("Customers lost in the last complete month ÷ those at its beginning: %(rate)s")
    return [
        *definitions,
        (_("Quick ratio"), _("%(ratio)s, gains ÷ losses of the months shown") % {"ratio": quick}),
        (_("Churn rate"), churn % {"rate": _percent(report.churn_rate)}),
    ]


def _chart(months: list[MonthMovements], currency: str) -> StaffChart:
    series = [
        ChartSeries(str(KIND_NAMES[kind]), [row.movements[kind] for row in months], color=KIND_COLORS[kind])
        for kind in KINDS
    ]
    return bar_chart(
        month_labels([row.month.month for row in months]),
        series,
        summary=_("MRR movements by month in %(currency)s; the dot is the net change.") % {"currency": currency},
        currency=currency,
        dots=ChartSeries(_("Net"), [row.net_change for row in months]),
    )


def _cohort_shown(
    month: date, cohort: RevenueCohort, report: MrrReport, choice: ReportChoice, measure: str
) -> dict[str, Any]:
    shares = cohort.retained_customers if measure == "customers" else cohort.retained_revenue
    months = [row.month.month for row in report.months][-len(shares) :]
    return {
        "name": month_label(month),
        "customers": format_number(cohort.customers[0]),
        "first_url": balances_url(choice, month, cohort=f"{month:%Y-%m}"),
        "first": format_amount(round_money(cohort.revenue[0], report.currency), report.currency),
        "cells": [
            Cell(
                _percent(share, WHOLE),
                balances_url(choice, later, cohort=f"{month:%Y-%m}"),
                min(int(share * STRONGEST / 2), STRONGEST),
            )
            for later, share in zip(months, shares, strict=True)
        ],
    }


def _month_rows(report: MrrReport) -> Iterator[list[Any]]:
    """Yield the names of the columns, and a row for each month."""
    yield [
        *("seller", "month", "locked", "currency", "opening", *KINDS, "closing", "gross", "usage_mrr"),
        *("customers", "gained", "lost", "as_of"),
    ]
    for row in (month.shown(report.currency) for month in report.months):
        amounts = [row.opening, *(row.movements[kind] for kind in KINDS), row.closing, row.gross]
        yield [
            report.seller.code,
            f"{row.month.month:%Y-%m}",
            str(row.month.lock_id is not None).upper(),
            report.currency,
            *map(file_number, amounts),
            "" if row.usage is None else file_number(row.usage),
            *map(str, (row.customers, row.gained, row.lost)),
            report.as_of.isoformat(timespec="seconds"),
        ]


def _cohort_rows(report: MrrReport) -> Iterator[list[Any]]:
    """Yield the names of the columns, and a row for each cohort and month."""
    yield ["seller", "currency", "cohort", "month", "months_after", "mrr", "customers", "as_of"]
    for first, cohort in report.cohorts:
        months = [row.month.month for row in report.months][-len(cohort.revenue) :]
        for number, (month, revenue, count) in enumerate(zip(months, cohort.revenue, cohort.customers, strict=True)):
            yield [
                report.seller.code,
                report.currency,
                f"{first:%Y-%m}",
                f"{month:%Y-%m}",
                str(number),
                file_number(round_money(revenue, report.currency)),
                str(count),
                report.as_of.isoformat(timespec="seconds"),
            ]
