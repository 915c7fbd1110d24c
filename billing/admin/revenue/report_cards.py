"""The cards above a report: its main figures, how they changed, and links to their rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.admin.revenue.report_table import Change, percent_change, rows_url
from billing.models.postings import Role
from billing.revenue.reports.balances import LOSSES
from billing.revenue.reports.overview import CurrencyOverview
from billing.revenue.reports.receivable_ages import BUCKETS
from billing.revenue.reports.table import Report, Row
from billing.revenue.reports.waterfall import LINES
from lib.decimals import ZERO, exact_sum
from lib.formats import format_money, plural_name

BALANCE_NAMES = {
    Role.DEFERRED: gettext_lazy("Deferred"),
    Role.UNBILLED: gettext_lazy("Unbilled"),
    Role.PREPAID: gettext_lazy("Prepaid"),
}


@dataclass(frozen=True, slots=True)
class FigureCard:
    """A figure. note: how it is determined, or the month that the change is compared with."""

    name: str
    text: str
    link: str = ""
    note: str = ""
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class CurrencyCard:
    """The figures of one currency. link: to the report in it. balances: in the order of their names."""

    name: str
    currency: str
    link: str
    is_chosen: bool
    figures: Sequence[FigureCard]
    balances: Sequence[FigureCard]


@dataclass(frozen=True, slots=True)
class ReconciliationCheck:
    """Figures that must be equal. text: in words."""

    text: str
    holds: bool


def currency_cards(
    overviews: Mapping[str, CurrencyOverview],
    chosen: Mapping[str, Any],
    report_url: Callable[[str, Mapping[str, Any]], str],
    today: date,
) -> list[CurrencyCard]:
    """Return a card for each currency. report_url: the address of a report, by its code and query."""
    cards = []
    for currency, overview in overviews.items():
        query = {**chosen, "currency": currency}
        months = overview.months[::-1]
        amounts = [overview.income.get(month, ZERO) for month in months]
        figures = [
            FigureCard(
                _("%(month)s to %(day)s") % {"month": date_format(months[0], "F"), "day": date_format(today, "j M")},
                format_money(amounts[0], currency),
                _income_url(months[0], query),
                _("still running"),
            )
        ]
        if len(months) > 1:
            figures.append(
                FigureCard(
                    date_format(months[1], "F"),
                    format_money(amounts[1], currency),
                    _income_url(months[1], query),
                    _("vs. %(month)s") % {"month": date_format(months[2], "F")} if len(months) > 2 else "",
                    percent_change(amounts[1], amounts[2]) if len(months) > 2 else None,
                )
            )
        balances = [
            FigureCard(
                str(name), format_money(overview.balances.get(role.value, ZERO), currency), report_url(role, query)
            )
            for role, name in BALANCE_NAMES.items()
        ]
        cards.append(
            CurrencyCard(
                plural_name(currency).capitalize() if plural_name(currency).islower() else plural_name(currency),
                currency,
                report_url("income", query),
                currency == chosen["currency"],
                figures,
                balances,
            )
        )
    return cards


def _income_url(month: date, query: Mapping[str, Any]) -> str:
    return f"{reverse('admin:revenue_rows')}?{urlencode({**query, 'month': f'{month:%Y-%m}', 'income': ''})}"


def figure_cards(report: Report, chosen: Mapping[str, Any]) -> list[FigureCard]:
    """Return the cards of a report in one currency; none for those that show all currencies."""
    match report.code:
        case "waterfall":
            row = next(row for row in report.rows if row.values["booked"] == LINES)
            return [_card(report, row, code, chosen) for code in ("earned", "deferred", "total")]
        case "aging":
            return _aging_cards(report, chosen)
        case "margin" | "trial-balance":
            row = report.rows[-1]
            codes = ["revenue", "cost", "margin"] if report.code == "margin" else ["debits", "credits"]
            cards = [_card(report, row, code, chosen) for code in codes]
            if report.code == "trial-balance":
                gap = exact_sum([cell_amount(row, "debits"), -cell_amount(row, "credits")])
                note = _("run the audit") if gap else _("debits equal credits")
                filters = {code: text for code, text in row.filters["debits"].items() if code != "side"}
                link = rows_url(report.column("closing"), filters, chosen)
                cards.append(FigureCard(_("Difference"), format_money(gap, report.currency), link, note))
            if report.code == "margin" and row.values["percent"] is not None:
                cards[-1] = _with_note(cards[-1], _("%(percent)s%% of revenue") % {"percent": row.values["percent"]})
            return cards
        case "tax" | "losses":
            return _month_sums(report, chosen)
        case "income" | "revenue-retention":
            return []
        case "obligations":
            return [_card(report, row, "amount", chosen, str(row.values["obligation"])) for row in report.rows]
        case "reconciliation":
            return [_gap_card(report)]
    return _balance_cards(report, chosen)


def waterfall_checks(report: Report, overview: CurrencyOverview | None) -> list[ReconciliationCheck]:
    """Return the checks of the waterfall against the sums of the roles."""
    by_row = {row.values["booked"]: row for row in report.rows}
    lines, income = by_row[LINES], by_row["income"]
    currency = report.currency

    def money(row: Row, code: str) -> str:
        return format_money(cell_amount(row, code), currency)

    overview = overview or CurrencyOverview(currency, ())
    deferred = overview.balances.get(Role.DEFERRED, ZERO)
    sums = {"earned": money(lines, "earned"), "deferred": money(lines, "deferred")}
    booked = format_money(overview.booked, currency)
    return [
        ReconciliationCheck(
            _("Earned %(earned)s + deferred %(deferred)s = booked %(booked)s") % (sums | {"booked": booked}),
            cell_amount(lines, "total") == overview.booked,
        ),
        ReconciliationCheck(
            _("Deferred here = the balance of deferred revenue, %(amount)s")
            % {"amount": format_money(deferred, currency)},
            cell_amount(lines, "deferred") == deferred,
        ),
        ReconciliationCheck(
            _("Income here = the income of all months, %(amount)s")
            % {"amount": format_money(overview.all_income, currency)},
            cell_amount(income, "earned") == overview.all_income,
        ),
    ]


def _card(report: Report, row: Row, code: str, chosen: Mapping[str, Any], name: str = "") -> FigureCard:
    column = report.column(code)
    filters = row.filters.get(code)
    amount = cell_amount(row, code)
    return FigureCard(
        name or str(column.title),
        format_money(amount, report.currency),
        rows_url(column, filters, chosen) if filters is not None and amount else "",
    )


def _with_note(card: FigureCard, note: str, change: Change | None = None) -> FigureCard:
    return FigureCard(card.name, card.text, card.link, note, change)


def _balance_cards(report: Report, chosen: Mapping[str, Any]) -> list[FigureCard]:
    """Return the closing balance of a roll-forward, its terms, and the movements of the running month."""
    if not report.rows:
        return []
    row = report.rows[0]
    closing = _card(report, row, "closing", chosen, _("Balance"))
    if len(report.rows) > 1:
        before = cell_amount(report.rows[1], "closing")
        month = report.rows[1].values["month"]
        note = _("vs. end of %(month)s") % {"month": date_format(month, "F") if isinstance(month, date) else ""}
        change = percent_change(cell_amount(row, "closing"), before)
        # A smaller balance is neither good nor bad: receivables are paid, and deferred revenue is earned.
        closing = _with_note(closing, note, change and replace(change, is_judged=False))
    codes = [column.code for column in report.columns if not column.is_total and column.code != "month"]
    terms = [column.code for column in report.columns if column.code in ("current", "long_term")]
    names = {"current": _("earned within 12 months"), "long_term": _("earned later")}
    return [
        closing,
        *(_with_note(_card(report, row, code, chosen), names[code]) for code in terms),
        *(
            _with_note(_card(report, row, code, chosen), _("this month"))
            for code in codes
            if cell_amount(row, code) or code in codes[:2]
        ),
    ][:6]


def _aging_cards(report: Report, chosen: Mapping[str, Any]) -> list[FigureCard]:
    total = report.rows[-1]
    whole = cell_amount(total, "total")
    cards = [_with_note(_card(report, total, "total", chosen), _("open"))]
    for code in BUCKETS:
        share = round(cell_amount(total, code) * 100 / whole, 1) if whole > 0 else ZERO
        cards.append(_with_note(_card(report, total, code, chosen), f"{share}%"))
    return cards


def _gap_card(report: Report) -> FigureCard:
    """Return the sum of all differences, whichever way they point. Its rows are those of the report itself."""
    gap = exact_sum(abs(cell_amount(row, "difference")) for row in report.rows)
    note = _("run the audit") if gap else _("the books have every invoice and payment")
    return FigureCard(_("Differences"), format_money(gap, report.currency), "#report-table", note)


def _month_sums(report: Report, chosen: Mapping[str, Any]) -> list[FigureCard]:
    """Return the last three months of a report with a total in its last column."""
    column = report.columns[-1]
    filters = {"role": "tax", "shown": "credits"} if report.code == "tax" else {"roles": ",".join(LOSSES)}
    sums: dict[date, Decimal] = {}
    for row in report.rows:
        month = row.values["month"]
        if isinstance(month, date):
            sums[month] = exact_sum([sums.get(month, ZERO), cell_amount(row, column.code)])
    return [
        FigureCard(
            date_format(month, "F Y"),
            format_money(amount, report.currency),
            rows_url(column, filters | {"month": f"{month:%Y-%m}"}, chosen),
        )
        for month, amount in sums.items()
    ][:3]


def cell_amount(row: Row, code: str) -> Decimal:
    """Return an amount of a row; an empty one is zero."""
    value = row.values.get(code)
    return value if isinstance(value, Decimal) else ZERO
