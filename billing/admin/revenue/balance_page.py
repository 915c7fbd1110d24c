"""The customers behind a figure of the MRR page: their MRR at a month end, or their usage MRR."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.admin.revenue.mrr_page import month_label
from billing.admin.revenue.report_choice import SEE, ReportChoice, read_choice, read_month, read_page
from billing.admin.revenue.report_files import FILE_FORMATS, file_number, send_table
from billing.revenue.metrics.figures import BalancePage, UsagePage
from billing.revenue.metrics.months import NoSuchMonths
from billing.revenue.metrics.reports import read_balances, read_usage
from lib.admin import require, staff_page
from lib.admin.seller_restriction import narrowed_to_sellers
from lib.formats import format_money
from lib.translation import Text

PER_PAGE = 100
MOST_EXPORTED = 100_000


class AmountColumn(NamedTuple):
    """An amount of each customer and its sum. field: of the page and of its rows. name: in files."""

    field: str
    title: Text
    name: str


THEN = AmountColumn("then", gettext_lazy("12 months before"), "mrr_12_months_before")
MRR = AmountColumn("net", gettext_lazy("MRR"), "mrr")
GROSS = AmountColumn("gross", gettext_lazy("Before permanent coupons"), "gross")
USAGE = AmountColumn("usage", gettext_lazy("Usage MRR"), "usage_mrr")
SUBJECTS = {"": (MRR, GROSS), "retention": (THEN, MRR, GROSS), "usage": (USAGE,)}
"""Subject of the page, as its address names it → the columns that it shows."""


@narrowed_to_sellers
def page(request: HttpRequest) -> HttpResponseBase:
    """Show the customers with MRR at a month end, the largest first, or send all of them as CSV or XLSX."""
    require(request, SEE)
    choice = read_choice(request)
    month, cohort = (read_month(request.GET.get(name, "")) for name in ("month", "cohort"))
    number = read_page(request, most=MOST_EXPORTED // PER_PAGE)
    subject = request.GET.get("of", "")
    if choice.seller is None or not choice.currency or month is None:
        raise Http404("Open the customers of a month from the MRR page.")
    if subject not in SUBJECTS:
        raise Http404(f"There are no customers of “{subject}”.")
    file_format = request.GET.get("format", "")
    arguments: dict[str, Any] = {
        "seller": choice.seller,
        "currency": choice.currency,
        "month": month,
        "at": timezone.now(),
        "offset": 0 if file_format else (number - 1) * PER_PAGE,
        "limit": MOST_EXPORTED if file_format else PER_PAGE,
    }
    balances: BalancePage | UsagePage
    try:
        if subject == "usage":
            balances = read_usage(**arguments)
        else:
            balances = read_balances(**arguments, cohort=cohort, is_retention=subject == "retention")
    except NoSuchMonths as error:
        raise Http404(str(error)) from error
    if file_format:
        stored = [USAGE] if subject == "usage" else [THEN, MRR, GROSS]
        names, rows = _file(balances, stored, choice, f"{month:%Y-%m}")
        kind = "usage-mrr" if subject == "usage" else "mrr"
        return send_table(names, rows, name=f"{kind}-customers-{month:%Y-%m}", file_format=file_format)
    columns = SUBJECTS[subject]
    here = {"month": f"{month:%Y-%m}", "cohort": cohort and f"{cohort:%Y-%m}", "of": subject}
    title = (
        _("%(month)s: usage MRR by customer in %(currency)s")
        if subject == "usage"
        else _("%(month)s: MRR by customer in %(currency)s")
    )
    context: dict[str, Any] = {
        "title": title % {"month": month_label(month), "currency": choice.currency},
        "lead": _lead(subject, cohort),
        "balances": balances,
        "headings": [column.title for column in columns],
        "rows": [(row, _amounts(row, columns, choice.currency)) for row in balances.rows],
        "sums": _amounts(balances, columns, choice.currency),
        "files": [(name.upper(), choice.query(**here, format=name)) for name in FILE_FORMATS],
        "newer": choice.query(**here, page=number - 1) if number > 1 else "",
        "older": choice.query(**here, page=number + 1) if number * PER_PAGE < balances.count else "",
        "back": f"{reverse('admin:revenue_mrr')}?{choice.query()}",
    }
    return staff_page(request, "staff/revenue/balances.html", **context)


def _lead(subject: str, cohort: date | None) -> str:
    if subject == "usage":
        return _("Mean usage revenue of the last three complete months beyond commitments. It is no part of MRR.")
    if cohort is not None:
        return _("Customers whose first MRR is in %(month)s, with those that have left since.") % {
            "month": month_label(cohort)
        }
    if subject == "retention":
        return _("Customers that had MRR twelve months before, with those that have left since.")
    return _("Customers with MRR at the month's end.")


def _amounts(row: Any, columns: Sequence[AmountColumn], currency: str) -> list[str]:
    return [format_money(getattr(row, column.field), currency) for column in columns]


def _file(
    balances: BalancePage | UsagePage, columns: Sequence[AmountColumn], choice: ReportChoice, month: str
) -> tuple[list[str], list[list[str | Decimal]]]:
    assert choice.seller is not None  # noqa: S101  the page has checked it
    names = ["seller", "month", "currency", "customer", "name", *(column.name for column in columns)]
    return names, [
        [
            choice.seller.code,
            month,
            choice.currency,
            row.external_id,
            row.name,
            *(file_number(getattr(row, column.field)) for column in columns),
        ]
        for row in balances.rows
    ]
