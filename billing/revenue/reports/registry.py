"""All revenue reports by their codes, as pages, files, the API and the command offer them."""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.revenue.ledger.books import read_books
from billing.revenue.reports.balances import report_losses, report_tax, report_trial_balance
from billing.revenue.reports.conversion import ReportCurrency
from billing.revenue.reports.converted_cells import round_cells
from billing.revenue.reports.income import DIMENSIONS, report_income
from billing.revenue.reports.margin import report_margin
from billing.revenue.reports.obligations import report_obligations
from billing.revenue.reports.receivable_ages import report_aging
from billing.revenue.reports.reconciliation import report_reconciliation
from billing.revenue.reports.revenue_retention import report_revenue_retention
from billing.revenue.reports.roll_forwards import report_roll_forward
from billing.revenue.reports.table import Report
from billing.revenue.reports.waterfall import report_waterfall
from customers.models import Seller


class ReportKind(NamedTuple):
    """
    A kind of report. read: computes it, called with a seller, `currency` and `at`.

    divisions: values of its parameter `by`; the first one is the default. takes_months: whether it takes `since` and
        `until`, the first days of months. is_paged: whether it takes `page`, as its rows are unlimited.
    is_convertible: whether it takes `into`, one currency for all of the books.
    """

    title: str | Promise
    read: Callable[..., Report]
    divisions: tuple[str, ...] = ()
    takes_months: bool = False
    is_paged: bool = False
    is_convertible: bool = False


REPORTS = {
    "income": ReportKind(_("Income"), report_income, tuple(DIMENSIONS), takes_months=True, is_convertible=True),
    "waterfall": ReportKind(_("Waterfall"), report_waterfall, is_convertible=True),
    "deferred": ReportKind(_("Deferred"), partial(report_roll_forward, report="deferred"), is_convertible=True),
    "prepaid": ReportKind(_("Prepaid"), partial(report_roll_forward, report="prepaid"), is_convertible=True),
    "unbilled": ReportKind(_("Unbilled"), partial(report_roll_forward, report="unbilled"), is_convertible=True),
    "receivables": ReportKind(
        _("Receivables"), partial(report_roll_forward, report="receivables"), is_convertible=True
    ),
    "aging": ReportKind(_("Aging"), report_aging, is_paged=True),
    "margin": ReportKind(
        _("Margin"), report_margin, ("feature", "customer", "plan"), takes_months=True, is_paged=True
    ),
    "tax": ReportKind(_("Tax"), report_tax),
    "losses": ReportKind(_("Credits and bad debt"), report_losses),
    "trial-balance": ReportKind(_("Trial balance"), report_trial_balance, takes_months=True, is_convertible=True),
    "obligations": ReportKind(_("Obligations"), report_obligations),
    "revenue-retention": ReportKind(_("Retention"), report_revenue_retention),
    "reconciliation": ReportKind(_("Reconciliation"), report_reconciliation),
}
"""Code → report, in the order of their tabs."""


CONVERTIBLE = tuple(code for code, kind in REPORTS.items() if kind.is_convertible)


class NotConvertible(ValueError):
    """A report has no form in one currency for all books; the text names those that have."""


class UnknownDivision(ValueError):
    """A report can't be divided as requested; the text names the choices."""


def read_report(
    code: str,
    seller: Seller,
    *,
    currency: str,
    at: datetime,
    by: str = "",
    since: date | None = None,
    until: date | None = None,
    page: int = 1,
    into: ReportCurrency | None = None,
) -> Report:
    """
    Return a report of a seller in one currency.

    into: `currency` with its rates, to convert all others; without it, the report is that of the books in `currency`.

    :raises KeyError: if there is no such report.
    :raises NotConvertible: if there is none in one currency.
    :raises UnknownDivision: if it can't be divided by `by`.
    """
    kind = REPORTS[code]
    if by and by not in kind.divisions:
        raise UnknownDivision(f"“{by}” is unknown. Choose one of: {', '.join(kind.divisions) or 'none'}.")
    arguments: dict[str, object] = {"by": by} if by else {}
    if kind.takes_months:
        arguments |= {"since": since, "until": until}
    if kind.is_paged:
        arguments["page"] = page
    if into is None:
        return kind.read(seller, currency=currency, at=at, **arguments)
    if not kind.is_convertible:
        raise NotConvertible(f"The report “{code}” can't be converted. Choose one of: {', '.join(CONVERTIBLE)}.")
    report = kind.read(seller, currency=into.currency, at=at, into=into, **arguments)
    return round_cells(report, missing_rates=into.missing_rates(read_books(seller, at=at)))
