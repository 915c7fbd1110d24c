"""Receivables by how long they are past due, at any time: docs/revenue-reports.md#aging."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from billing.revenue.ledger.books import read_books
from billing.revenue.reports.filters import read_choice, read_number, unknown
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row, RowList, Value
from billing.revenue.reports.totals import add_up
from customers.models import Customer, Seller
from lib import sql
from lib.decimals import ZERO, exact_sum

MOST_ROWS = 200
"""Customers on a page, those that owe most first; the others are added up in one row."""

PAGE_SIZE = 100
"""Invoices on a page of the list behind a figure."""

BUCKETS = {
    "not_due": _("Not due"),
    "1_30": _("1–30 days"),
    "31_60": _("31–60 days"),
    "61_90": _("61–90 days"),
    "over_90": _("Over 90 days"),
}
"""Column → its title; the days are counted from the due date, in the seller's calendar."""

# Each amount counts if it was there at the time. Written-off invoices are no receivables, but a payment on one is.
_OPEN = """
    SELECT i.id, i.number, i.due_date, i.total, i.customer_id, greatest(%(day)s - i.due_date, 0) AS days_late,
        CASE WHEN %(day)s <= i.due_date THEN 'not_due' WHEN %(day)s - i.due_date <= 30 THEN '1_30'
            WHEN %(day)s - i.due_date <= 60 THEN '31_60' WHEN %(day)s - i.due_date <= 90 THEN '61_90'
            ELSE 'over_90' END AS bucket,
        i.total - coalesce(n.amount, 0) - coalesce(p.amount, 0) + coalesce(r.amount, 0) AS open
    FROM invoices_invoice i
    LEFT JOIN LATERAL (SELECT sum(c.total) AS amount FROM invoices_invoice c
        WHERE c.corrects_id = i.id AND c.kind = 'credit_note' AND c.issued_at < %(at)s) n ON true
    LEFT JOIN LATERAL (SELECT sum(y.amount) AS amount FROM invoices_payment y
        WHERE y.invoice_id = i.id AND greatest(y.paid_at, i.issued_at) < %(at)s) p ON true
    LEFT JOIN LATERAL (
        SELECT sum(x.amount) AS amount FROM (
            SELECT e.amount FROM invoices_balanceentry e JOIN invoices_invoice c ON c.id = e.document_id
            WHERE c.corrects_id = i.id AND e.kind = 'credit_note' AND e.at < %(at)s
            UNION ALL
            SELECT f.amount FROM invoices_refund f JOIN invoices_invoice c ON c.id = f.note_id
            WHERE c.corrects_id = i.id AND f.created_at < %(at)s
        ) x
    ) r ON true
    WHERE i.seller_id = %(seller)s AND NOT i.sandbox AND i.kind = 'invoice' AND i.currency = %(currency)s
        AND i.issued_at < %(at)s AND NOT EXISTS (
            SELECT FROM invoices_writeoff w WHERE w.invoice_id = i.id AND w.at < %(at)s)
"""
_BY_CUSTOMER = f"SELECT t.customer_id, t.bucket, sum(t.open) FROM ({_OPEN}) t WHERE t.open <> 0 GROUP BY 1, 2"  # noqa: S608
_INVOICES = f"""
SELECT t.id, t.number, t.customer_id, t.due_date, t.days_late, t.total, t.open, sum(t.open) OVER (), count(*) OVER ()
FROM ({_OPEN}) t WHERE t.open <> 0 AND (%(bucket)s = '' OR t.bucket = %(bucket)s)
    AND coalesce(t.customer_id = %(customer)s, true) AND NOT t.customer_id = ANY(%(others)s::bigint[])
ORDER BY t.due_date, t.id LIMIT {PAGE_SIZE} OFFSET %(offset)s
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An unpaid invoice. open: what is left of its total, with tax. days_late: since its due date, at least 0."""

    id: int
    number: str
    customer_id: int
    due_date: date
    days_late: int
    total: Decimal
    open: Decimal


@dataclass(frozen=True, slots=True)
class OpenInvoicePage:
    """A page of open invoices, the oldest due date first. total: the sum of all that is open. count: of all pages."""

    rows: tuple[OpenInvoice, ...]
    total: Decimal
    count: int


def read_open_invoices(
    seller: Seller, *, currency: str, filters: Mapping[str, str], at: datetime, page: int = 1
) -> OpenInvoicePage:
    """
    Return a page of the invoices behind a figure of the aging report. filters: `bucket`, `customer`,
    `other_than`: the numbers of customers whose invoices are left out.

    :raises UnknownFilter: if a filter is unknown or its value malformed.
    """
    values: dict[str, object] = {"bucket": "", "customer": None, "others": [], "offset": (page - 1) * PAGE_SIZE}
    for name, text in filters.items():
        if name == "bucket":
            values[name] = read_choice(name, text, BUCKETS)
        elif name == "customer":
            values[name] = read_number(name, text)
        elif name == "other_than":
            values["others"] = [read_number(name, number) for number in text.split(",")]
        else:
            raise unknown(name)
    rows = sql.fetch_rows(_INVOICES, _parameters(seller, currency=currency, at=at) | values)
    total, count = rows[0][-2:] if rows else (ZERO, 0)
    return OpenInvoicePage(tuple(OpenInvoice(*row[:-2]) for row in rows), total, count)


def _parameters(seller: Seller, *, currency: str, at: datetime) -> dict[str, object]:
    day = at.astimezone(ZoneInfo(seller.time_zone)).date()
    return {"seller": seller.pk, "currency": currency, "at": at, "day": day}


def report_aging(seller: Seller, *, currency: str, at: datetime, page: int = 1) -> Report:
    """Return each customer's receivables at a time by days past due, the largest sum first."""
    by_customer: dict[int, dict[str, Decimal]] = {}
    for customer_id, bucket, amount in sql.fetch_rows(_BY_CUSTOMER, _parameters(seller, currency=currency, at=at)):
        by_customer.setdefault(customer_id, {})[bucket] = amount
    ordered = sorted(by_customer, key=lambda id_: (-exact_sum(by_customer[id_].values()), id_))
    shown = ordered[(page - 1) * MOST_ROWS : page * MOST_ROWS]
    names = {customer.pk: str(customer) for customer in Customer.objects.filter(pk__in=shown)}
    rows = [_row(names[id_], by_customer[id_], {"customer": str(id_)}) for id_ in shown]
    if rest := [id_ for id_ in ordered if id_ not in names]:
        sums = {code: exact_sum(by_customer[id_].get(code, ZERO) for id_ in rest) for code in BUCKETS}
        rows.append(_row(str(_("Other customers")), sums, {"other_than": ",".join(map(str, shown))}))
    columns = [
        ReportColumn("customer", _("Customer"), Measure.TEXT),
        *(ReportColumn(code, title, rows=RowList.INVOICES) for code, title in BUCKETS.items()),
        ReportColumn("total", _("Total"), is_total=True, rows=RowList.INVOICES),
    ]
    return Report(
        "aging",
        currency,
        at,
        columns,
        [*rows, add_up(rows, columns, str(_("Total")), _filters({}))],
        locked_until=max(read_books(seller, at=at).locks, default=None),
        more_rows=max(len(ordered) - page * MOST_ROWS, 0),
    )


def _row(name: str, amounts: dict[str, Decimal], conditions: dict[str, str]) -> Row:
    """Return the row of a customer. conditions: of its invoices."""
    values: dict[str, Value] = {"customer": name, **amounts, "total": exact_sum(amounts.values())}
    return Row(values, _filters(conditions))


def _filters(conditions: dict[str, str]) -> dict[str, dict[str, str]]:
    return {code: conditions | {"bucket": code} for code in BUCKETS} | {"total": conditions}
