"""The movements of a month by customer: the rows behind the cells of the MRR page."""

from collections.abc import Iterator
from typing import Any

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.admin.revenue.mrr_page import KIND_NAMES, month_label
from billing.admin.revenue.report_choice import SEE, ReportChoice, read_choice, read_month
from billing.admin.revenue.report_files import FILE_FORMATS, file_number, send_table
from billing.revenue.metrics.figures import CustomerMovement
from billing.revenue.metrics.months import NoSuchMonths
from billing.revenue.metrics.reports import read_movements
from lib.admin import narrowed_to_sellers, require, staff_page
from lib.decimals import exact_sum
from lib.formats import format_money
from plans.metrics.movements import KINDS

PER_PAGE = 100
MOST_EXPORTED = 100_000


@narrowed_to_sellers
def page(request: HttpRequest) -> HttpResponseBase:
    """Show the customers whose MRR changed in a month, the largest changes first, or send all of them as CSV."""
    require(request, SEE)
    choice = read_choice(request)
    month = read_month(request.GET.get("month", ""))
    kind = request.GET.get("kind", "")
    number = request.GET.get("page", "1")
    if choice.seller is None or not choice.currency or month is None:
        raise Http404("Open the movements of a month from the MRR page.")
    if (kind and kind not in KINDS) or not (number.isdecimal() and 1 <= int(number) <= MOST_EXPORTED // PER_PAGE):
        raise Http404(f"There is no page {number} of movements “{kind}”.")
    file_format = request.GET.get("format", "")
    try:
        rows, count = read_movements(
            seller=choice.seller,
            currency=choice.currency,
            month=month,
            at=timezone.now(),
            kinds=[chosen for chosen in KINDS if kind in ("", chosen)],
            offset=0 if file_format else (int(number) - 1) * PER_PAGE,
            limit=MOST_EXPORTED if file_format else PER_PAGE,
        )
    except NoSuchMonths as error:
        raise Http404(str(error)) from error
    if file_format:
        columns, *lines = _file_rows(rows, choice, f"{month:%Y-%m}")
        return send_table(columns, lines, name=f"movements-{month:%Y-%m}", file_format=file_format)
    title = _("%(month)s: movements in %(currency)s") % {"month": month_label(month), "currency": choice.currency}
    here = {"month": f"{month:%Y-%m}", "kind": kind}
    context: dict[str, Any] = {
        "choice": choice,
        "kinds": [("", _("All"), choice.query(**here | {"kind": ""}))]
        + [(name, KIND_NAMES[name], choice.query(**here | {"kind": name})) for name in KINDS],
        "kind": kind,
        "rows": [_shown(row, choice.currency) for row in rows],
        "count": count,
        "files": [(name.upper(), choice.query(**here, format=name)) for name in FILE_FORMATS],
        "sum": format_money(exact_sum(row.amount for row in rows), choice.currency),
        "earlier": choice.query(**here, page=int(number) - 1) if int(number) > 1 else "",
        "later": choice.query(**here, page=int(number) + 1) if int(number) * PER_PAGE < count else "",
        "back": f"{reverse('admin:revenue_mrr')}?{choice.query()}",
    }
    return staff_page(request, "staff/revenue/movements.html", title=title, **context)


def _shown(row: CustomerMovement, currency: str) -> dict[str, Any]:
    amounts = {name: format_money(getattr(row, name), currency) for name in ("opening", "amount", "closing")}
    return amounts | {"row": row, "kind": KIND_NAMES[row.kind]}


def _file_rows(rows: list[CustomerMovement], choice: ReportChoice, month: str) -> Iterator[list[Any]]:
    yield ["seller", "month", "currency", "customer", "name", "kind", "opening", "amount", "closing"]
    assert choice.seller is not None  # noqa: S101  the page has checked it
    for row in rows:
        amounts = map(file_number, (row.opening, row.amount, row.closing))
        yield [choice.seller.code, month, choice.currency, row.external_id, row.name, row.kind, *amounts]
