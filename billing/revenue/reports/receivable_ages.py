"""Receivables by how long they are past due, at any time: docs/revenue-reports.md#aging."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from billing.revenue.ledger.books import read_books
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row, Value
from billing.revenue.reports.waterfall import add_up
from customers.models import Customer, Seller
from lib import sql
from lib.decimals import ZERO, exact_sum

MOST_ROWS = 200
"""Customers on the page and in the file, those that owe most; the others are added up in one row."""

BUCKETS = {
    "not_due": _("Not due"),
    "1_30": _("1–30 days"),
    "31_60": _("31–60 days"),
    "61_90": _("61–90 days"),
    "over_90": _("Over 90 days"),
}
"""ReportColumn → its title; the days are counted from the due date, in the seller's calendar."""

# Each amount counts if it was there at the time. Written-off invoices are no receivables, but a payment on one is.
_OPEN = """
SELECT t.customer_id, t.bucket, sum(t.open) FROM (
    SELECT i.customer_id, CASE WHEN %(day)s <= i.due_date THEN 'not_due' WHEN %(day)s - i.due_date <= 30 THEN '1_30'
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
) t
WHERE t.open <> 0 GROUP BY 1, 2
"""


def report_aging(seller: Seller, *, currency: str, at: datetime) -> Report:
    """Return each customer's receivables at a time by days past due, the largest sum first."""
    day = at.astimezone(ZoneInfo(seller.time_zone)).date()
    by_customer: dict[int, dict[str, Decimal]] = {}
    for customer_id, bucket, amount in sql.fetch_rows(
        _OPEN, {"seller": seller.pk, "currency": currency, "at": at, "day": day}
    ):
        by_customer.setdefault(customer_id, {})[bucket] = amount
    ordered = sorted(by_customer, key=lambda id_: (-exact_sum(by_customer[id_].values()), id_))
    names = {customer.pk: str(customer) for customer in Customer.objects.filter(pk__in=ordered[:MOST_ROWS])}
    rows = [_row(names[id_], by_customer[id_], customer_id=id_) for id_ in ordered[:MOST_ROWS]]
    if rest := ordered[MOST_ROWS:]:
        sums = {code: exact_sum(by_customer[id_].get(code, ZERO) for id_ in rest) for code in BUCKETS}
        rows.append(_row(str(_("Other customers")), sums))
    columns = [
        ReportColumn("customer", _("Customer"), Measure.TEXT),
        *(ReportColumn(code, title) for code, title in BUCKETS.items()),
        ReportColumn("total", _("Total"), is_total=True),
    ]
    return Report(
        "aging",
        currency,
        at,
        columns,
        [*rows, add_up(rows, columns, lambda: str(_("Total")))],
        locked_until=max(read_books(seller, at=at).locks, default=None),
    )


def _row(name: str, amounts: dict[str, Decimal], *, customer_id: int | None = None) -> Row:
    filters = {"total": {"customer": str(customer_id), "role": "receivable"}} if customer_id else {}
    values: dict[str, Value] = {"customer": name, **amounts, "total": exact_sum(amounts.values())}
    return Row(values, filters)
