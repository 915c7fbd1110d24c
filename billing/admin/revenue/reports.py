"""Revenue reports: tabs of one page, each with a table, and a chart where months are compared."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from billing.models import Posting
from billing.models.postings import Role
from billing.revenue.reports.entries import currencies_of
from billing.revenue.reports.posting_rows import PAGE_SIZE, PostingRow, UnknownFilter, read_posting_rows
from billing.revenue.reports.registry import REPORTS, UnknownDivision, read_report
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row
from customers.models import Seller
from invoices.models import Line
from lib.admin import ReadOnlyAdmin, require, staff_page
from lib.admin.charts import ChartSeries, StaffChart, bar_chart
from lib.formats import format_amount, format_money, format_number
from lib.tabular_files import as_csv, as_xlsx

SEE = "billing.view_posting"
FILE_FORMATS = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", as_xlsx),
}
MONTHS_IN_CHART = 13
SOURCE_PAGES = {
    "line": "invoices_invoice",
    "invoice": "invoices_invoice",
    "accrual": "billing_period",
    "purchase": "wallets_purchase",
    "balance": "invoices_balanceentry",
    "refund": "invoices_refund",
}
"""Source of a posting → the page that shows it."""


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

    def report(self, request: HttpRequest, code: str) -> HttpResponse:
        """Show a report of one seller in one currency."""
        require(request, SEE)
        sellers = list(Seller.objects.order_by("legal_name", "pk"))
        seller, currencies, currency = _choose(request, sellers)
        report = _read(request, code, seller, currency)
        chosen = {"seller": seller.pk, "currency": currency}
        return staff_page(
            request,
            "staff/revenue/report.html",
            title=_("Revenue reports"),
            code=code,
            tabs=[(kind.title, name, _url(name, chosen)) for name, kind in REPORTS.items()],
            sellers=[
                (str(choice), _url(code, chosen | {"seller": choice.pk}), choice == seller) for choice in sellers
            ],
            currencies=[(name, _url(code, chosen | {"currency": name}), name == currency) for name in currencies],
            divisions=[
                (division_name(by), _url(code, chosen | {"by": by}), by == request.GET.get("by", divisions[0]))
                for divisions in [REPORTS[code].divisions]
                for by in divisions
            ],
            files=[(name.upper(), _url(code, {**chosen, **_options(request)}, name)) for name in FILE_FORMATS],
            report=report,
            as_of=date_format(report.as_of.astimezone(), "DATETIME_FORMAT"),
            locked_until=report.locked_until and date_format(report.locked_until, "YEAR_MONTH_FORMAT"),
            rows=[_shown(row, report, chosen) for row in report.rows],
            chart=_chart(report),
        )

    def report_file(self, request: HttpRequest, code: str, file_format: str) -> HttpResponseBase:
        """Send a report as CSV or XLSX, with exact numbers."""
        require(request, SEE)
        seller, _currencies, currency = _choose(request, list(Seller.objects.order_by("legal_name", "pk")))
        report = _read(request, code, seller, currency)
        content = report.as_json()
        columns = ["currency", *content["columns"]]
        rows = [
            [currency, *("" if row[name] is None else str(row[name]) for name in content["columns"])]
            for row in content["rows"]
        ]
        file_name = f"{code}-{seller.code}-{currency}-{report.as_of:%Y-%m-%d}"
        if file_format not in FILE_FORMATS:
            raise Http404(f"There is no file of the type “{file_format}”.")
        content_type, write = FILE_FORMATS[file_format]
        headers = {
            "Content-Disposition": f'attachment; filename="{file_name}.{file_format}"',
            "Cache-Control": "private, no-store",
        }
        return HttpResponse(write(columns, rows), content_type=content_type, headers=headers)

    def rows(self, request: HttpRequest) -> HttpResponse:
        """Show the postings behind a figure."""
        require(request, SEE)
        seller, _currencies, currency = _choose(request, list(Seller.objects.order_by("legal_name", "pk")))
        filters = {
            name: text for name, text in request.GET.dict().items() if name not in ("seller", "currency", "page")
        }
        number = request.GET.get("page", "1")
        page = int(number) if number.isdecimal() and int(number) else 1
        try:
            postings = read_posting_rows(seller, currency=currency, filters=filters, at=timezone.now(), page=page)
        except UnknownFilter as error:
            raise BadRequest(str(error)) from error
        address = f"{reverse('admin:revenue_rows')}?{urlencode({**request.GET.dict(), 'page': page + 1})}"
        return staff_page(
            request,
            "staff/revenue/rows.html",
            title=_("Postings"),
            seller=seller,
            filters=[f"{name}: {text}" for name, text in filters.items() if text],
            count=postings.count,
            total=format_money(postings.total, currency),
            rows=[_posting_shown(row, currency) for row in _with_links(postings.rows)],
            next_page=address if postings.count > page * PAGE_SIZE else "",
        )


def division_name(by: str) -> str:
    """Return the title of what a report is divided by."""
    titles = {"kind": _("Kind"), "plan": _("Plan"), "feature": _("Feature")}
    return {**titles, "customer": _("Customer"), "country": _("Country")}[by]


def _options(request: HttpRequest) -> dict[str, str]:
    return {name: text for name in ("by", "since", "until") if (text := request.GET.get(name, ""))}


def _choose(request: HttpRequest, sellers: Sequence[Seller]) -> tuple[Seller, list[str], str]:
    """Return the chosen seller, the currencies of its books, and the chosen one; the first of each by default."""
    number = request.GET.get("seller", "")
    if not sellers:
        raise Http404("There is no seller yet. Add one under Settings.")
    seller = get_object_or_404(Seller, pk=number) if number.isdecimal() else sellers[0]
    currencies = currencies_of(seller, at=timezone.now()) or [str(seller.currency)]
    currency = request.GET.get("currency", currencies[0])
    return seller, currencies, currency if currency in currencies else currencies[0]


def _read(request: HttpRequest, code: str, seller: Seller, currency: str) -> Report:
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
        return read_report(code, seller, currency=currency, at=timezone.now(), by=request.GET.get("by", ""), **months)
    except UnknownDivision as error:
        raise BadRequest(str(error)) from error


def _url(code: str, parameters: Mapping[str, Any], file_format: str = "") -> str:
    names = ["admin:revenue_report_file", [code, file_format]] if file_format else ["admin:revenue_report", [code]]
    return f"{reverse(str(names[0]), args=names[1])}?{urlencode(parameters)}"


def _shown(row: Row, report: Report, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row for the page: text, whether it is a number, and the link to its rows."""
    cells = [
        {
            "text": _text(row, column, report.currency),
            "is_number": column.measure not in (Measure.TEXT, Measure.MONTH),
            "link": f"{reverse('admin:revenue_rows')}?{urlencode({**chosen, **filters})}"
            if (filters := row.filters.get(column.code)) and row.values.get(column.code)
            else "",
            "is_total": column.is_total,
        }
        for column in report.columns
    ]
    month = row.values.get(report.columns[0].code)
    is_locked = isinstance(month, date) and report.locked_until is not None and month <= report.locked_until
    return {"cells": cells, "is_total": row.is_total, "is_locked": is_locked}


def _text(row: Row, column: ReportColumn, currency: str) -> str:
    value = row.values.get(column.code)
    if value is None and column.code == "booked":
        return _("Total") if row.is_total else _("Before")
    if value is None:
        return "–"
    if isinstance(value, date):
        return date_format(value, "M Y")
    if isinstance(value, Decimal):
        if column.measure is Measure.PERCENT:
            return f"{format_number(value.normalize())} %"
        return format_amount(value, currency) if value else "–"
    return str(value)


def _chart(report: Report) -> StaffChart | None:
    """Return bars of the last months, oldest first."""
    months = [row for row in report.rows if isinstance(row.values.get("month"), date)][:MONTHS_IN_CHART][::-1]
    if not report.chart or not months:
        return None
    titles = {column.code: str(column.title) for column in report.columns}
    series = [
        ChartSeries(titles[code], [_amount(row, code) for row in months])
        for code in report.chart
        if any(row.values.get(code) for row in months)
    ]
    labels = [date_format(month, "M Y") for row in months if isinstance(month := row.values["month"], date)]
    return bar_chart(labels, series, summary=_("Amounts by month; the table below lists them."))


def _amount(row: Row, code: str) -> Decimal | None:
    value = row.values.get(code)
    return value if isinstance(value, Decimal) else None


def _with_links(rows: Sequence[PostingRow]) -> list[tuple[PostingRow, str]]:
    """Return postings with the address of the page that shows their source, read in one statement."""
    line_ids = [row.source_id for row in rows if row.source == "line"]
    invoices = dict(Line.objects.filter(pk__in=line_ids).values_list("pk", "invoice_id"))
    linked = []
    for row in rows:
        id_ = invoices.get(row.source_id) if row.source == "line" else row.source_id
        page = SOURCE_PAGES.get(row.source)
        linked.append((row, reverse(f"admin:{page}_change", args=[id_]) if page and id_ else ""))
    return linked


def _posting_shown(linked: tuple[PostingRow, str], currency: str) -> dict[str, Any]:
    row, link = linked
    return {
        "month": row.month,
        "service_month": row.service_month if row.service_month != row.month else None,
        "source": f"{row.source} {row.source_id}",
        "link": link,
        "customer": reverse("admin:customers_customer_change", args=[row.customer_id]) if row.customer_id else "",
        "debit": Role(row.debit).label,
        "credit": Role(row.credit).label,
        "amount": format_money(row.amount, currency),
    }
