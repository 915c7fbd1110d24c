"""
Invoices, payments, refunds and the provider's payments against the books: docs/revenue-reports.md#reconciliation.

Each comparison adds up rows that were written independently, so that a row that one side lacks is a difference.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.revenue.ledger.books import read_books
from billing.revenue.ledger.live_postings import ALL_MONTHS
from billing.revenue.ledger.sources import place_sql
from billing.revenue.reports.entries import entry_parameters, movements_sql
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row
from customers.models import Seller
from invoices.models.payment_attempts import RefundProvider
from invoices.models.payments import PaymentChannel
from lib import sql
from lib.decimals import EXACT, ZERO


class BooksComparison(NamedTuple):
    """
    A comparison of rows with the books.

    filters: of the postings that it adds up. by_method: whether it is one for each method of payment.
    """

    title: str | Promise
    filters: Mapping[str, str]
    by_method: bool = True


COMPARISONS = {
    "invoices": BooksComparison(
        _("Invoices and credit notes"), {"role": "receivable", "source": "line,invoice"}, by_method=False
    ),
    "payments": BooksComparison(_("Payments"), {"role": "cash", "source": "payment,balance"}),
    "refunds": BooksComparison(_("Refunds"), {"role": "cash", "source": "refund", "shown": "credits"}),
    "provider": BooksComparison(_("Collected by the provider"), {"role": "cash", "source": "payment,balance"}),
}
"""Code → comparison, in the order of their rows in a month."""

# The month of a row is that in which the books would count it. An overpayment is money received, like a payment.
_RECORDS = f"""
WITH {ALL_MONTHS}
SELECT r.comparison, b.months[r.place], r.method, sum(r.amount) FROM b CROSS JOIN (
    SELECT 'invoices' AS comparison, '' AS method, {place_sql("i.issued_at")} AS place,
        CASE WHEN i.kind = 'credit_note' THEN -i.total ELSE i.total END AS amount
    FROM b CROSS JOIN invoices_invoice i
    WHERE i.seller_id = b.seller AND NOT i.sandbox AND i.state <> 'draft' AND i.currency = %(currency)s
    UNION ALL
    SELECT 'payments', p.method, {place_sql("greatest(p.paid_at, i.issued_at)")}, p.amount
    FROM b CROSS JOIN invoices_payment p JOIN invoices_invoice i ON i.id = p.invoice_id
    WHERE i.seller_id = b.seller AND NOT i.sandbox AND p.method NOT IN ('balance', 'wallet')
        AND p.currency = %(currency)s
    UNION ALL
    SELECT 'payments', coalesce(a.provider, 'manual'), {place_sql("e.at")}, e.amount
    FROM b CROSS JOIN invoices_balanceentry e JOIN customers_customer c ON c.id = e.customer_id AND NOT c.sandbox
    LEFT JOIN invoices_paymentattempt a ON e.reference = 'charge:' || a.id
    WHERE e.seller_id = b.seller AND e.kind = 'overpayment' AND e.currency = %(currency)s
    UNION ALL
    SELECT 'refunds', r.provider, {place_sql("r.settled_at")}, r.amount
    FROM b CROSS JOIN invoices_refund r JOIN customers_customer c ON c.id = r.customer_id AND NOT c.sandbox
    WHERE r.seller_id = b.seller AND r.state = 'succeeded' AND r.currency = %(currency)s
    UNION ALL
    SELECT 'provider', a.provider, {place_sql("a.settled_at")}, a.amount
    FROM b CROSS JOIN invoices_paymentattempt a JOIN invoices_invoice i ON i.id = a.invoice_id
    WHERE i.seller_id = b.seller AND NOT i.sandbox AND a.state = 'succeeded' AND a.currency = %(currency)s
) r
GROUP BY 1, 2, 3
"""  # noqa: S608

# By service month: a late row of a locked month is booked in an open one, and names the month it belongs to.
_BOOKS = """
SELECT CASE WHEN e.role = 'receivable' THEN 'invoices' WHEN e.source = 'refund' THEN 'refunds' ELSE 'payments' END,
    e.service_month, CASE WHEN e.role = 'receivable' THEN '' ELSE e.method END,
    sum(CASE WHEN e.source = 'refund' THEN -e.change ELSE e.change END)
FROM ({movements}) e
WHERE e.currency = %(currency)s AND (e.role = 'receivable' AND e.source IN ('line', 'invoice')
    OR e.role = 'cash' AND e.source IN ('payment', 'balance', 'refund'))
GROUP BY 1, 2, 3
"""

# What was recorded for each payment that a provider reported as collected: on the invoice, and beyond it.
_RECORDED = f"""
WITH {ALL_MONTHS}
SELECT 'provider', b.months[r.place], r.provider, sum(r.amount) FROM b CROSS JOIN (
    SELECT {place_sql("coalesce(a.settled_at, a.created_at)")} AS place, a.provider, p.amount
    FROM b CROSS JOIN invoices_paymentattempt a JOIN invoices_invoice i ON i.id = a.invoice_id
    JOIN invoices_payment p ON p.attempt_id = a.id
    WHERE i.seller_id = b.seller AND NOT i.sandbox AND a.currency = %(currency)s
    UNION ALL
    SELECT {place_sql("coalesce(a.settled_at, a.created_at)")}, a.provider, e.amount
    FROM b CROSS JOIN invoices_paymentattempt a JOIN invoices_invoice i ON i.id = a.invoice_id
    JOIN invoices_balanceentry e ON e.customer_id = i.customer_id AND e.kind = 'overpayment'
        AND e.reference = 'charge:' || a.id
    WHERE i.seller_id = b.seller AND NOT i.sandbox AND a.currency = %(currency)s
) r
GROUP BY 1, 2, 3
"""  # noqa: S608

_METHODS = dict(RefundProvider.choices) | dict(PaymentChannel.choices)

Amounts = dict[tuple[date, str, str], Decimal]
"""Month, comparison and method → amount."""


def report_reconciliation(seller: Seller, *, currency: str, at: datetime) -> Report:
    """
    Return each month's invoices, payments, refunds and payments at the provider, with the amounts of the books.

    Every difference is zero in sound books.
    """
    books = read_books(seller, at=at)
    values = entry_parameters(books) | {"currency": currency}
    records = _amounts(_RECORDS, values)
    booked = _amounts(
        _BOOKS.format(movements=movements_sql(books, "currency", "source", "service_month", "method")), values
    )
    booked |= _amounts(_RECORDED, values)
    order = list(COMPARISONS)
    keys = sorted(records.keys() | booked.keys(), key=lambda key: (-key[0].toordinal(), order.index(key[1]), key[2]))
    columns = [
        ReportColumn("month", _("Month"), Measure.MONTH),
        ReportColumn("comparison", _("Comparison"), Measure.TEXT),
        ReportColumn("method", _("Method"), Measure.TEXT),
        ReportColumn("records", _("Invoices and payments")),
        ReportColumn("books", _("Books")),
        ReportColumn("difference", _("Difference"), is_total=True),
    ]
    rows = [_row(*key, records.get(key, ZERO), booked.get(key, ZERO)) for key in keys]
    return Report(
        "reconciliation",
        currency,
        at,
        columns,
        rows,
        locked_until=max(books.locks, default=None),
        chart=["difference"],
    )


def _amounts(statement: str, values: Mapping[str, object]) -> Amounts:
    rows = sql.fetch_rows(statement, values)
    return {(month, comparison, method): amount for comparison, month, method, amount in rows}


def _row(month: date, code: str, method: str, recorded: Decimal, booked: Decimal) -> Row:
    comparison = COMPARISONS[code]
    filters = {"service": f"{month:%Y-%m}", **comparison.filters}
    if comparison.by_method:
        filters["method"] = method
    return Row(
        {
            "month": month,
            "comparison": str(comparison.title),
            "method": str(_METHODS.get(method, method)),
            "records": recorded,
            "books": booked,
            "difference": EXACT.subtract(recorded, booked),
        },
        {"books": filters},
    )
