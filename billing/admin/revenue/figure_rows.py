"""The page of the rows behind a figure: postings, scheduled amounts, documents and payments, commitments or costs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.models.postings import PostingSource
from billing.revenue.reports.balances import role_name
from billing.revenue.reports.conversion import RATE, ReportCurrency
from billing.revenue.reports.filters import read_choice
from billing.revenue.reports.income import DIMENSIONS, KINDS
from billing.revenue.reports.margin import CostRow, read_costs
from billing.revenue.reports.obligations import OpenCommitment, read_open_commitments
from billing.revenue.reports.posting_rows import PAGE_SIZE, PostingRow, read_posting_rows
from billing.revenue.reports.receivable_ages import BUCKETS, OpenInvoice, read_open_invoices
from billing.revenue.reports.recorded_amounts import METHODS, BooksComparison, read_records
from billing.revenue.reports.schedule import AFTER_YEAR, LATER, WITHIN_YEAR, read_schedule_rows
from billing.revenue.reports.table import RowList
from billing.revenue.reports.waterfall import ROWS
from customers.models import Customer, Seller
from invoices.models import Invoice, Line, Payment
from lib.formats import format_money, format_number
from lib.translation import Text

SOURCE_PAGES = {
    "line": "invoices_invoice",
    "payment": "invoices_invoice",
    "invoice": "invoices_invoice",
    "accrual": "billing_period",
    "purchase": "wallets_purchase",
    "balance": "invoices_balanceentry",
    "refund": "invoices_refund",
    "attempt": "invoices_paymentattempt",
}
"""Source of a row → the page that shows it. A line and a payment are on the page of their invoice."""

SOURCE_NAMES = dict(PostingSource.choices) | {"attempt": _("payment attempt")}
NOT_FILTERS = ("seller", "currency", "in", "page", "list", "shown")


@dataclass(frozen=True, slots=True)
class ListCell:
    """A cell of the list. note: below the text."""

    text: str
    link: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class FigureList:
    """
    A page of rows. headings, rows: the title or cell of each column, and whether it has numbers. total: of all pages,
    as the figure is.
    """

    title: str
    headings: Sequence[tuple[Text, bool]]
    rows: Sequence[Sequence[tuple[ListCell, bool]]]
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
    figure_list = _read_list(LISTS[RowList(name)], seller, filters | shown, **arguments)
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


class FigureColumn(NamedTuple):
    """A column of a list. cell: of a row of the list."""

    title: Text
    cell: Callable[[Any, "RowTexts"], ListCell]
    is_number: bool = False


class ListKind(NamedTuple):
    """A list. read: a page of its rows, with their total and count."""

    title: Text
    read: Callable[..., Any]
    columns: Sequence[FigureColumn]


class RowTexts:
    """The cells of a page of rows. Names of customers and sources are read once for all of them."""

    def __init__(self, rows: Sequence[Any], currency: str, columns: Sequence[FigureColumn]) -> None:
        self.currency = currency
        self._customers = _customer_names(row.customer_id for row in rows)
        self._sources = _sources([(row.source, row.source_id) for row in rows]) if SOURCE in columns else {}

    def money(self, amount: Decimal) -> ListCell:
        return ListCell(format_money(amount, self.currency))

    def customer(self, row: Any) -> ListCell:
        name = self._customers.get(row.customer_id, "")
        return ListCell(name, reverse("admin:customers_customer_change", args=[row.customer_id]) if name else "")

    def source(self, row: Any) -> ListCell:
        return self._sources[row.source, row.source_id]


CUSTOMER = FigureColumn(_("Customer"), lambda row, texts: texts.customer(row))
SOURCE = FigureColumn(_("Source"), lambda row, texts: texts.source(row))


def _month(month: date) -> str:
    return date_format(month, "YEAR_MONTH_FORMAT")


def _day(day: date) -> str:
    return date_format(day, "DATE_FORMAT")


def _posting_month(row: PostingRow, texts: RowTexts) -> ListCell:
    is_late = row.service_month != row.month
    note = gettext("belongs to %(month)s") % {"month": _month(row.service_month)} if is_late else ""
    return ListCell(_month(row.month), note=note)


def _invoice(row: OpenInvoice, texts: RowTexts) -> ListCell:
    return ListCell(row.number, reverse("admin:invoices_invoice_change", args=[row.id]))


def _subscription(row: OpenCommitment, texts: RowTexts) -> ListCell:
    return ListCell(
        str(row.subscription_id), reverse("admin:billing_subscription_change", args=[row.subscription_id])
    )


def _dimensions(row: CostRow, texts: RowTexts) -> ListCell:
    return ListCell(", ".join(f"{name}: {value}" for name, value in sorted(row.dimensions.items())))


def _cost(row: CostRow, texts: RowTexts) -> ListCell:
    # A quantity times a unit cost has the decimal places of both, most of them zeros.
    return texts.money(row.amount.normalize())


def _text(title: Text, name: str, shown: Callable[[Any], str] = str) -> FigureColumn:
    """Return the column of a field. shown: writes its value."""
    return FigureColumn(title, lambda row, texts: ListCell(shown(getattr(row, name))))


def _number(title: Text, name: str) -> FigureColumn:
    return _text(title, name, format_number)._replace(is_number=True)


def _money(title: Text, name: str) -> FigureColumn:
    return FigureColumn(title, lambda row, texts: texts.money(getattr(row, name)), is_number=True)


LISTS = {
    RowList.POSTINGS: ListKind(
        _("Postings"),
        read_posting_rows,
        (
            FigureColumn(_("Month"), _posting_month),
            *(SOURCE, CUSTOMER, _text(_("Debit"), "debit", role_name), _text(_("Credit"), "credit", role_name)),
            _money(_("Amount"), "share"),
        ),
    ),
    RowList.SCHEDULE: ListKind(
        _("Revenue still to earn"),
        read_schedule_rows,
        (SOURCE, CUSTOMER, _text(_("First booked"), "booked_month", _month), _money(_("To earn"), "amount")),
    ),
    RowList.INVOICES: ListKind(
        _("Open invoices"),
        read_open_invoices,
        (
            FigureColumn(_("Invoice"), _invoice),
            *(CUSTOMER, _text(_("Due"), "due_date", _day), _number(_("Days past due"), "days_late")),
            *(_money(_("Total"), "total"), _money(_("Open"), "open")),
        ),
    ),
    RowList.RECORDS: ListKind(
        _("Documents and payments"),
        read_records,
        (SOURCE, CUSTOMER, _text(_("Date"), "day", _day), _money(_("Amount"), "amount")),
    ),
    RowList.COMMITMENTS: ListKind(
        _("Commitments not yet invoiced"),
        read_open_commitments,
        (
            *(CUSTOMER, FigureColumn(_("Subscription"), _subscription), _text(_("Term since"), "since", _day)),
            *(_money(_("Guaranteed"), "guaranteed"), _money(_("Not yet invoiced"), "amount")),
        ),
    ),
    RowList.COSTS: ListKind(
        _("Cost of usage"),
        read_costs,
        (
            *(CUSTOMER, _text(_("Meter"), "meter"), FigureColumn(_("Dimensions"), _dimensions)),
            *(_number(_("Quantity"), "quantity"), _money(_("Unit cost"), "unit_cost")),
            FigureColumn(_("Cost"), _cost, is_number=True),
        ),
    ),
}


def _read_list(
    kind: ListKind, seller: Seller, filters: Mapping[str, str], *, currency: str, **arguments: Any
) -> FigureList:
    page = kind.read(seller, filters=filters, currency=currency, **arguments)
    texts = RowTexts(page.rows, currency, kind.columns)
    return FigureList(
        str(kind.title),
        [(column.title, column.is_number) for column in kind.columns],
        [[(column.cell(row, texts), column.is_number) for column in kind.columns] for row in page.rows],
        page.total,
        page.count,
    )


def _sources(rows: Sequence[tuple[str, int]]) -> dict[tuple[str, int], ListCell]:
    """Return the cell of each source with the address of its page, read in three statements."""
    invoices = {
        source: dict(
            model.objects.filter(pk__in=[id_ for name, id_ in rows if name == source]).values_list("pk", "invoice_id")
        )
        for source, model in (("line", Line), ("payment", Payment))
    }
    invoice_ids = {id_ for of_source in invoices.values() for id_ in of_source.values()}
    invoice_ids |= {id_ for source, id_ in rows if source == "invoice"}
    numbers = dict(Invoice.objects.filter(pk__in=invoice_ids).values_list("pk", "number"))
    cells = {}
    for source, source_id in rows:
        id_ = invoices[source].get(source_id) if source in invoices else source_id
        page = SOURCE_PAGES.get(source)
        if source == RATE:
            cells[source, source_id] = ListCell(
                gettext("Exchange rates"), reverse("admin:customers_exchangerate_changelist")
            )
            continue
        label = str(SOURCE_NAMES[source])
        number = numbers.get(id_) if page == "invoices_invoice" and id_ else None
        text = f"{label}, {number}" if number else f"{label} {source_id}"
        cells[source, source_id] = ListCell(
            text[:1].upper() + text[1:], reverse(f"admin:{page}_change", args=[id_]) if page and id_ else ""
        )
    return cells


def _customer_names(ids: Any) -> dict[int, str]:
    return {customer.pk: str(customer) for customer in Customer.objects.filter(pk__in={id_ for id_ in ids if id_})}


def _described(code: str, text: str) -> str:
    """Return a filter in words."""
    labels: dict[str, str] = {
        "month": gettext("in %(value)s"),
        "since": gettext("since %(value)s"),
        "until": gettext("until %(value)s"),
        "before": gettext("before %(value)s"),
        "booked": gettext("first booked in %(value)s"),
        "booked_before": gettext("first booked before %(value)s"),
        "earned": gettext("earned in %(value)s"),
        "service": gettext("of %(value)s"),
        "earners": gettext("of customers with income in %(value)s"),
    }
    times = {
        LATER: gettext("earned later than the months shown"),
        WITHIN_YEAR: gettext("earned within twelve months"),
        AFTER_YEAR: gettext("earned more than twelve months from now"),
    }
    if code == "earned" and text in times:
        return times[text]
    if code in labels:
        return labels[code] % {"value": _month(date.fromisoformat(f"{text}-01"))}
    if code in ("income", "usage", "other_than", "usage_other_than"):
        return _division_described(code, text)
    if code == "waterfall":
        more = {"deferred": gettext("Deferred"), "booked": gettext("Booked")}
        return str(more.get(text) or ROWS[text])
    if code in ("role", "bucket"):
        return role_name(text) if code == "role" else str(BUCKETS[text])
    if code in ("method", "comparison"):
        return str(METHODS.get(text, text) if code == "method" else BooksComparison(text).label)
    if code == "source":
        return ", ".join(str(SOURCE_NAMES[source]) for source in text.split(","))
    if code == "customer":
        return ", ".join(_customer_names([int(text)]).values())
    if code == "movement":
        return text.partition(":")[2].replace("_", " ")
    return {"side": {"debit": gettext("debits"), "credit": gettext("credits")}.get(text, text)}.get(
        code, f"{code}: {text}"
    )


def _division_described(code: str, text: str) -> str:
    if not text:
        return gettext("all usage") if code == "usage" else gettext("all income")
    by, colon, key = text.partition(":")
    if code == "usage_other_than":
        return gettext("other usage")
    if code == "other_than":
        return gettext("other income") if colon else gettext("other customers")
    if by == "kind":
        return str(KINDS.get(key, key))
    names = DIMENSIONS[by].names([key] if by == "country" or key.isdecimal() else [])
    return next(iter(names.values()), gettext("None"))
