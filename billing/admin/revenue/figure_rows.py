"""The page of the rows behind a figure: postings, scheduled amounts, open invoices, or costs of usage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from billing.models.postings import PostingSource
from billing.revenue.reports.balances import role_name
from billing.revenue.reports.conversion import RATE, ReportCurrency
from billing.revenue.reports.filters import read_choice
from billing.revenue.reports.income import DIMENSIONS, KINDS
from billing.revenue.reports.margin import read_costs
from billing.revenue.reports.posting_rows import PAGE_SIZE, read_posting_rows
from billing.revenue.reports.receivable_ages import BUCKETS, read_open_invoices
from billing.revenue.reports.schedule import AFTER_YEAR, LATER, WITHIN_YEAR, read_schedule_rows
from billing.revenue.reports.table import RowList
from billing.revenue.reports.waterfall import ROWS
from customers.models import Customer, Seller
from invoices.models import Invoice, Line
from lib.formats import format_money, format_number

SOURCE_PAGES = {
    "line": "invoices_invoice",
    "invoice": "invoices_invoice",
    "accrual": "billing_period",
    "purchase": "wallets_purchase",
    "balance": "invoices_balanceentry",
    "refund": "invoices_refund",
}
"""Source of a posting → the page that shows it."""
NOT_FILTERS = ("seller", "currency", "in", "page", "list", "shown")


@dataclass(frozen=True, slots=True)
class ListCell:
    """A cell of the list. note: below the text."""

    text: str
    link: str = ""
    is_number: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class FigureList:
    """A page of rows. headings: title, and whether the column has numbers. total: of all pages, as the figure is."""

    title: str
    headings: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[ListCell]]
    total: Decimal
    count: int


def show_rows(
    query: Mapping[str, str],
    seller: Seller,
    *,
    currency: str,
    at: datetime,
    page: int,
    into: ReportCurrency | None = None,
) -> dict[str, Any]:
    """
    Return the context of the page. query: the filters of the list, and the list. into: of a converted figure.

    :raises UnknownFilter: if a filter or the list is unknown.
    """
    name = read_choice("list", query.get("list", RowList.POSTINGS.value), [rows.value for rows in RowList])
    filters = {code: text for code, text in query.items() if code not in NOT_FILTERS}
    shown = {"shown": query["shown"]} if "shown" in query else {}
    arguments: dict[str, Any] = {"currency": currency, "at": at, "page": page}
    if into is not None and name == RowList.POSTINGS:
        arguments["into"] = into
    figure_list = _LISTS[name](seller, filters | shown, arguments)
    address = reverse("admin:revenue_rows")
    return {
        "title": figure_list.title,
        "figure_list": figure_list,
        "conditions": [_described(code, text) for code, text in filters.items()],
        "total": format_money(figure_list.total, currency),
        "newer": f"{address}?{urlencode({**query, 'page': page - 1})}" if page > 1 else "",
        "older": f"{address}?{urlencode({**query, 'page': page + 1})}"
        if figure_list.count > page * PAGE_SIZE
        else "",
        "is_cost": name == RowList.COSTS,
        "revenue_url": f"{address}?{urlencode({k: v for k, v in query.items() if k not in ('list', 'page')})}",
    }


def _postings(seller: Seller, filters: Mapping[str, str], arguments: dict[str, Any]) -> FigureList:
    postings = read_posting_rows(seller, filters=filters, **arguments)
    currency = arguments["currency"]
    sources = _sources([(row.source, row.source_id) for row in postings.rows])
    customers = _customer_names(row.customer_id for row in postings.rows)
    headings = [_("Month"), _("Source"), _("Customer"), _("Debit"), _("Credit")]
    return FigureList(
        _("Postings"),
        [*((heading, False) for heading in headings), (_("Amount"), True)],
        [
            [
                ListCell(
                    _month(row.month),
                    note=_("belongs to %(month)s") % {"month": _month(row.service_month)}
                    if row.service_month != row.month
                    else "",
                ),
                sources[row.source, row.source_id],
                _customer_cell(row.customer_id, customers),
                ListCell(role_name(row.debit)),
                ListCell(role_name(row.credit)),
                ListCell(format_money(row.share, currency), is_number=True),
            ]
            for row in postings.rows
        ],
        postings.total,
        postings.count,
    )


def _schedule(seller: Seller, filters: Mapping[str, str], arguments: dict[str, Any]) -> FigureList:
    schedule = read_schedule_rows(seller, filters=filters, **arguments)
    sources = _sources([(row.source, row.source_id) for row in schedule.rows])
    customers = _customer_names(row.customer_id for row in schedule.rows)
    return FigureList(
        _("Revenue still to earn"),
        [(_("Source"), False), (_("Customer"), False), (_("First booked"), False), (_("To earn"), True)],
        [
            [
                sources[row.source, row.source_id],
                _customer_cell(row.customer_id, customers),
                ListCell(_month(row.booked_month)),
                ListCell(format_money(row.amount, arguments["currency"]), is_number=True),
            ]
            for row in schedule.rows
        ],
        schedule.total,
        schedule.count,
    )


def _invoices(seller: Seller, filters: Mapping[str, str], arguments: dict[str, Any]) -> FigureList:
    invoices = read_open_invoices(seller, filters=filters, **arguments)
    currency = arguments["currency"]
    customers = _customer_names(row.customer_id for row in invoices.rows)
    headings = [(_("Invoice"), False), (_("Customer"), False), (_("Due"), False), (_("Days past due"), True)]
    return FigureList(
        _("Open invoices"),
        [*headings, (_("Total"), True), (_("Open"), True)],
        [
            [
                ListCell(row.number, reverse("admin:invoices_invoice_change", args=[row.id])),
                _customer_cell(row.customer_id, customers),
                ListCell(date_format(row.due_date, "DATE_FORMAT")),
                ListCell(format_number(row.days_late), is_number=True),
                ListCell(format_money(row.total, currency), is_number=True),
                ListCell(format_money(row.open, currency), is_number=True),
            ]
            for row in invoices.rows
        ],
        invoices.total,
        invoices.count,
    )


def _costs(seller: Seller, filters: Mapping[str, str], arguments: dict[str, Any]) -> FigureList:
    costs = read_costs(seller, filters=filters, **arguments)
    currency = arguments["currency"]
    customers = _customer_names(row.customer_id for row in costs.rows)
    headings = [(_("Customer"), False), (_("Meter"), False), (_("Dimensions"), False), (_("Quantity"), True)]
    return FigureList(
        _("Cost of usage"),
        [*headings, (_("Unit cost"), True), (_("Cost"), True)],
        [
            [
                _customer_cell(row.customer_id, customers),
                ListCell(row.meter),
                ListCell(", ".join(f"{name}: {text}" for name, text in sorted(row.dimensions.items()))),
                ListCell(format_number(row.quantity), is_number=True),
                ListCell(format_money(row.unit_cost, currency), is_number=True),
                ListCell(format_money(row.amount.normalize(), currency), is_number=True),
            ]
            for row in costs.rows
        ],
        costs.total,
        costs.count,
    )


_LISTS = {
    RowList.POSTINGS.value: _postings,
    RowList.SCHEDULE.value: _schedule,
    RowList.INVOICES.value: _invoices,
    RowList.COSTS.value: _costs,
}


def _sources(rows: Sequence[tuple[str, int]]) -> dict[tuple[str, int], ListCell]:
    """Return the cell of each source with the address of its page, read in two statements."""
    lines = Line.objects.filter(pk__in=[id_ for source, id_ in rows if source == "line"])
    line_invoices = dict(lines.values_list("pk", "invoice_id"))
    invoice_ids = {*line_invoices.values(), *(id_ for source, id_ in rows if source == "invoice")}
    numbers = dict(Invoice.objects.filter(pk__in=invoice_ids).values_list("pk", "number"))
    cells = {}
    for source, source_id in rows:
        id_ = line_invoices.get(source_id) if source == "line" else source_id
        page = SOURCE_PAGES.get(source)
        if source == RATE:
            cells[source, source_id] = ListCell(
                _("Exchange rates"), reverse("admin:customers_exchangerate_changelist")
            )
            continue
        label = str(PostingSource(source).label)
        number = numbers.get(id_) if page == "invoices_invoice" and id_ else None
        text = f"{label}, {number}" if number else f"{label} {source_id}"
        cells[source, source_id] = ListCell(
            text[:1].upper() + text[1:], reverse(f"admin:{page}_change", args=[id_]) if page and id_ else ""
        )
    return cells


def _customer_names(ids: Any) -> dict[int, str]:
    return {customer.pk: str(customer) for customer in Customer.objects.filter(pk__in={id_ for id_ in ids if id_})}


def _customer_cell(id_: int, names: Mapping[int, str]) -> ListCell:
    return (
        ListCell(names[id_], reverse("admin:customers_customer_change", args=[id_])) if id_ in names else ListCell("")
    )


def _described(code: str, text: str) -> str:
    """Return a filter in words."""
    labels: dict[str, str] = {
        "month": _("in %(value)s"),
        "since": _("since %(value)s"),
        "until": _("until %(value)s"),
        "before": _("before %(value)s"),
        "booked": _("first booked in %(value)s"),
        "booked_before": _("first booked before %(value)s"),
        "earned": _("earned in %(value)s"),
    }
    times = {
        LATER: _("earned later than the months shown"),
        WITHIN_YEAR: _("earned within twelve months"),
        AFTER_YEAR: _("earned more than twelve months from now"),
    }
    if code == "earned" and text in times:
        return times[text]
    if code in labels:
        return labels[code] % {"value": _month(date.fromisoformat(f"{text}-01"))}
    if code in ("income", "usage", "other_than"):
        return _division_described(code, text)
    if code == "waterfall":
        more = {"deferred": _("Deferred"), "booked": _("Booked")}
        return str(more.get(text) or ROWS[text])
    if code in ("role", "bucket"):
        return role_name(text) if code == "role" else str(BUCKETS[text])
    if code == "customer":
        return ", ".join(_customer_names([int(text)]).values())
    if code == "movement":
        return text.partition(":")[2].replace("_", " ")
    return {"side": {"debit": _("debits"), "credit": _("credits")}.get(text, text)}.get(code, f"{code}: {text}")


def _division_described(code: str, text: str) -> str:
    if not text:
        return _("all usage") if code == "usage" else _("all income")
    by, _colon, key = text.partition(":")
    if code == "other_than":
        return _("other income")
    if by == "kind":
        return str(KINDS.get(key, key))
    names = DIMENSIONS[by].names([key] if by == "country" or key.isdecimal() else [])
    return next(iter(names.values()), _("None"))


def _month(month: date) -> str:
    return date_format(month, "YEAR_MONTH_FORMAT")
