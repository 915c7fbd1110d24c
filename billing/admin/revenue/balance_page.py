"""The customers behind a figure of the MRR page: their MRR at a month end, of all, a cohort, or a year before."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.admin.revenue.mrr_page import month_label
from billing.admin.revenue.report_choice import SEE, ReportChoice, read_choice, read_month, read_page
from billing.admin.revenue.report_files import FILE_FORMATS, file_number, send_table
from billing.revenue.metrics.figures import BalancePage
from billing.revenue.metrics.months import NoSuchMonths
from billing.revenue.metrics.reports import read_balances
from lib.admin import require, staff_page
from lib.admin.seller_restriction import narrowed_to_sellers
from lib.formats import format_money

PER_PAGE = 100
MOST_EXPORTED = 100_000


@narrowed_to_sellers
def page(request: HttpRequest) -> HttpResponseBase:
    """Show the customers with MRR at a month end, the largest first, or send all of them as CSV or XLSX."""
    require(request, SEE)
    choice = read_choice(request)
    month, cohort = (read_month(request.GET.get(name, "")) for name in ("month", "cohort"))
    number = read_page(request, most=MOST_EXPORTED // PER_PAGE)
    is_retention = request.GET.get("of") == "retention"
    if choice.seller is None or not choice.currency or month is None:
        raise Http404("Open the customers of a month from the MRR page.")
    file_format = request.GET.get("format", "")
    try:
        balances = read_balances(
            seller=choice.seller,
            currency=choice.currency,
            month=month,
            cohort=cohort,
            is_retention=is_retention,
            at=timezone.now(),
            offset=0 if file_format else (number - 1) * PER_PAGE,
            limit=MOST_EXPORTED if file_format else PER_PAGE,
        )
    except NoSuchMonths as error:
        raise Http404(str(error)) from error
    if file_format:
        columns, rows = _file(balances, choice, f"{month:%Y-%m}")
        return send_table(columns, rows, name=f"mrr-customers-{month:%Y-%m}", file_format=file_format)
    here = {"month": f"{month:%Y-%m}", "cohort": cohort and f"{cohort:%Y-%m}", "of": request.GET.get("of", "")}
    title = _("%(month)s: MRR by customer in %(currency)s")
    context: dict[str, Any] = {
        "title": title % {"month": month_label(month), "currency": choice.currency},
        "lead": _lead(balances, cohort, is_retention=is_retention),
        "balances": balances,
        "shows_then": is_retention,
        "rows": [(row, *_money(choice.currency, row.then, row.net, row.gross)) for row in balances.rows],
        "sums": _money(choice.currency, balances.then, balances.net, balances.gross),
        "files": [(name.upper(), choice.query(**here, format=name)) for name in FILE_FORMATS],
        "newer": choice.query(**here, page=number - 1) if number > 1 else "",
        "older": choice.query(**here, page=number + 1) if number * PER_PAGE < balances.count else "",
        "back": f"{reverse('admin:revenue_mrr')}?{choice.query()}",
    }
    return staff_page(request, "staff/revenue/balances.html", **context)


def _lead(balances: BalancePage, cohort: date | None, *, is_retention: bool) -> str:
    if cohort is not None:
        return _("Customers whose first MRR is in %(month)s, with those that have left since.") % {
            "month": month_label(cohort)
        }
    if is_retention:
        return _("Customers that had MRR twelve months before, with those that have left since.")
    return _("Customers with MRR at the month's end.")


def _money(currency: str, *amounts: Decimal) -> list[str]:
    return [format_money(amount, currency) for amount in amounts]


def _file(balances: BalancePage, choice: ReportChoice, month: str) -> tuple[list[str], list[list[str | Decimal]]]:
    assert choice.seller is not None  # noqa: S101  the page has checked it
    columns = ["seller", "month", "currency", "customer", "name", "mrr_12_months_before", "mrr", "gross"]
    return columns, [
        [
            choice.seller.code,
            month,
            choice.currency,
            row.external_id,
            row.name,
            *map(file_number, (row.then, row.net, row.gross)),
        ]
        for row in balances.rows
    ]
