"""Revenue reports: tabs of one page, each with a table and a chart, as files, and the rows behind each figure."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from billing.admin.revenue.figure_rows import show_rows
from billing.admin.revenue.report_cards import currency_cards, figure_cards, waterfall_checks
from billing.admin.revenue.report_charts import draw_chart
from billing.admin.revenue.report_files import FILE_FORMATS, send_table
from billing.admin.revenue.report_table import page_count, rows_of_page, show_table
from billing.admin.revenue.report_texts import DIVISIONS, NET, SENTENCES, TAX_NOTES
from billing.admin.seller_choice import SellerChoice, read_seller_choice
from billing.models import Posting
from billing.revenue.metrics.reports import read_currencies
from billing.revenue.reports.conversion import ReportCurrency, read_report_currency
from billing.revenue.reports.entries import currencies_of
from billing.revenue.reports.filters import UnknownFilter
from billing.revenue.reports.overview import read_overview
from billing.revenue.reports.registry import REPORTS, NotConvertible, UnknownDivision, read_report
from billing.revenue.reports.table import Measure, Report, ReportColumn
from customers.models import Seller
from lib.admin import ReadOnlyAdmin, require, staff_page
from lib.admin.seller_restriction import narrowed_to_sellers
from lib.money import UnknownCurrency

SEE = "billing.view_posting"
MOST_PAGES = 1_000


@admin.register(Posting)
class PostingAdmin(ReadOnlyAdmin):
    """Postings are read in reports; the list of the table alone would miss the open months."""

    seller_paths = ("seller",)
    further_pages = (
        ("reports/<str:code>/", "report", "revenue_report"),
        ("reports/<str:code>/<str:file_format>/", "report_file", "revenue_report_file"),
        ("rows/", "rows", "revenue_rows"),
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("admin:revenue_report", "income")

    @narrowed_to_sellers
    def report(self, request: HttpRequest, code: str) -> HttpResponse:
        """Show a report of one seller in one currency."""
        require(request, SEE)
        at = timezone.now()
        sellers, seller, currencies, currency = _choose(request, at)
        page = _page_number(request)
        into = _read_into(request, seller, currencies, at)
        report = _read(request, code, seller, currency, at, page=page, into=into)
        kind = REPORTS[code]
        chosen = {"seller": seller.code, "currency": currency} | ({"in": into.currency} if into else {})
        options = _options(request)
        local = at.astimezone(ZoneInfo(seller.time_zone))
        rows = report.rows if kind.is_paged else rows_of_page(report, page)
        overviews = read_overview(seller, at=at) if code in ("income", "waterfall") and into is None else {}
        has_later = bool(report.more_rows) if kind.is_paged else page < page_count(report)
        return staff_page(
            request,
            "staff/revenue/report.html",
            title=_("Revenue reports"),
            code=code,
            report=report,
            name=kind.title,
            sentence=SENTENCES[code],
            tax_note=TAX_NOTES.get(code, NET),
            as_of=f"{date_format(local, 'DATETIME_FORMAT')} ({seller.time_zone})",
            locked_until=report.locked_until and date_format(report.locked_until, "YEAR_MONTH_FORMAT"),
            tabs=report_tabs(seller, currency, code, into=into.currency if into else ""),
            sellers=sellers,
            currencies=_currency_choices(code, seller, currencies, currency, into),
            missing_rates=report.missing_rates,
            divisions=[
                (
                    DIVISIONS[by],
                    _url(code, chosen | options | {"by": by}),
                    by == request.GET.get("by", kind.divisions[0]),
                )
                for by in kind.divisions
            ],
            takes_months=kind.takes_months,
            options=chosen | options,
            files=[(name.upper(), _url(code, {**chosen, **options}, name)) for name in FILE_FORMATS],
            currency_cards=currency_cards(overviews, chosen, _url, local.date())
            if overviews and code == "income"
            else [],
            cards=[] if report.missing_rates else figure_cards(report, chosen),
            checks=waterfall_checks(report, overviews.get(currency)) if code == "waterfall" and into is None else [],
            unbilled=_url("unbilled", chosen),
            deferred=_url("deferred", chosen),
            prepaid=_url("prepaid", chosen),
            income=_url("income", chosen),
            table=show_table(report, rows, chosen, local.date()),
            chart=draw_chart(report, rows),
            newer=_url(code, chosen | options | {"page": page - 1}) if page > 1 else "",
            older=_url(code, chosen | options | {"page": page + 1}) if has_later else "",
        )

    @narrowed_to_sellers
    def report_file(self, request: HttpRequest, code: str, file_format: str) -> HttpResponseBase:
        """Send a report as CSV or XLSX, with exact numbers."""
        require(request, SEE)
        at = timezone.now()
        _sellers, seller, currencies, currency = _choose(request, at)
        into = _read_into(request, seller, currencies, at)
        report = _read(request, code, seller, currency, at, page=_page_number(request), into=into)
        content = report.as_json()
        rows = [
            [report.currency, *(_cell(row[column.code], column) for column in report.columns)]
            for row in content["rows"]
        ]
        return send_table(
            ["currency", *content["columns"]],
            rows,
            name=f"{code}-{seller.code}-{'in-' if into else ''}{report.currency}-{report.as_of:%Y-%m-%d}",
            file_format=file_format,
        )

    @narrowed_to_sellers
    def rows(self, request: HttpRequest) -> HttpResponse:
        """Show the rows behind a figure."""
        require(request, SEE)
        at = timezone.now()
        _sellers, seller, currencies, currency = _choose(request, at)
        into = _read_into(request, seller, currencies, at)
        currency = into.currency if into else currency
        try:
            context = show_rows(
                request.GET.dict(), seller, currency=currency, at=at, page=_page_number(request), into=into
            )
        except UnknownFilter as error:
            raise BadRequest(str(error)) from error
        return staff_page(request, "staff/revenue/rows.html", seller=seller, currency=currency, **context)


def report_tabs(seller: Seller, currency: str, code: str, *, into: str = "") -> list[tuple[str, str, bool]]:
    """
    Return the tabs of all reports: title, address, and whether it is the current one, with MRR after aging.

    into: the currency into which reports are converted that can be.
    """
    chosen = {"seller": seller.code, "currency": currency}
    converted = chosen | ({"in": into} if into else {})
    tabs = [
        (str(kind.title), _url(name, converted if kind.is_convertible else chosen), name == code)
        for name, kind in REPORTS.items()
    ]
    query = chosen if currency in read_currencies(seller) else {"seller": seller.code}
    place = list(REPORTS).index("aging") + 1
    return [
        *tabs[:place],
        (_("MRR"), f"{reverse('admin:revenue_mrr')}?{urlencode(query)}", code == "mrr"),
        *tabs[place:],
    ]


def _page_number(request: HttpRequest) -> int:
    number = request.GET.get("page", "1")
    return min(int(number), MOST_PAGES) if number.isascii() and number.isdecimal() and int(number) else 1


def _options(request: HttpRequest) -> dict[str, str]:
    return {name: text for name in ("by", "since", "until") if (text := request.GET.get(name, ""))}


def _choose(request: HttpRequest, at: datetime) -> tuple[SellerChoice, Seller, list[str], str]:
    """Return the sellers, the chosen one, the currencies of its books, and the chosen one, by default the first."""
    sellers = read_seller_choice(request)
    if (seller := sellers.seller) is None:
        raise Http404("There is no seller yet. Add one under Settings.")
    currencies = currencies_of(seller, at=at) or [str(seller.currency)]
    currency = request.GET.get("currency", currencies[0])
    return sellers, seller, currencies, currency if currency in currencies else currencies[0]


def _read_into(
    request: HttpRequest, seller: Seller, currencies: Sequence[str], at: datetime
) -> ReportCurrency | None:
    """Return the one currency that all books are converted into; None if the report is that of one currency."""
    currency = request.GET.get("in", "")
    if not currency:
        return None
    try:
        return read_report_currency(seller, currency, currencies=currencies, at=at)
    except UnknownCurrency as error:
        raise BadRequest(str(error)) from error


def _currency_choices(
    code: str, seller: Seller, currencies: Sequence[str], currency: str, into: ReportCurrency | None
) -> list[tuple[str, str, bool]]:
    """Return the books of each currency, and all of them converted into the seller's currency or the chosen one."""
    chosen = {"seller": seller.code}
    choices = [
        (name, _url(code, chosen | {"currency": name}), into is None and name == currency) for name in currencies
    ]
    names = {str(seller.currency), *([into.currency] if into else [])}
    if REPORTS[code].is_convertible and names | {*currencies} != {currency}:
        choices += [
            (
                _("in %(currency)s, converted") % {"currency": name},
                _url(code, chosen | {"currency": currency, "in": name}),
                into is not None and name == into.currency,
            )
            for name in sorted(names)
        ]
    return choices


def _read(
    request: HttpRequest,
    code: str,
    seller: Seller,
    currency: str,
    at: datetime,
    *,
    page: int,
    into: ReportCurrency | None,
) -> Report:
    if code not in REPORTS:
        raise Http404(f"There is no report “{code}”.")
    months: dict[str, date | None] = {}
    for name in ("since", "until"):
        text = request.GET.get(name, "")
        try:
            months[name] = date.fromisoformat(f"{text}-01") if text else None
        except ValueError:
            raise BadRequest(f"“{text}” is not a month; write it like 2026-01.") from None
    try:
        return read_report(
            code, seller, currency=currency, at=at, by=request.GET.get("by", ""), page=page, into=into, **months
        )
    except (UnknownDivision, NotConvertible) as error:
        raise BadRequest(str(error)) from error


def _cell(text: str | int | None, column: ReportColumn) -> str | Decimal:
    if text is None:
        return ""
    return str(text) if column.measure in (Measure.TEXT, Measure.MONTH) else Decimal(text)


def _url(code: str, parameters: Mapping[str, Any], file_format: str = "") -> str:
    names = ["admin:revenue_report_file", [code, file_format]] if file_format else ["admin:revenue_report", [code]]
    return f"{reverse(str(names[0]), args=names[1])}?{urlencode(parameters)}"
