"""
Invoices, payments, refunds and the provider's payments against the books: docs/revenue-reports.md#reconciliation.

Each comparison adds up rows that were written independently, so that a row that one side lacks is a difference.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from billing.revenue.ledger.books import read_books
from billing.revenue.ledger.live_postings import ALL_MONTHS
from billing.revenue.ledger.sources import place_sql
from billing.revenue.reports.entries import entry_parameters, movements_sql
from billing.revenue.reports.recorded_amounts import METHODS, RECORDS, BooksComparison
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row, RowList
from customers.models import Seller
from lib import sql
from lib.decimals import EXACT, ZERO

_POSTINGS = {
    BooksComparison.INVOICES: {"role": "receivable", "source": "line,invoice"},
    BooksComparison.PAYMENTS: {"role": "cash", "source": "payment,balance"},
    BooksComparison.REFUNDS: {"role": "cash", "source": "refund", "shown": "credits"},
    BooksComparison.PROVIDER: {"role": "cash", "source": "payment,balance"},
}
"""BooksComparison → the filters of the postings that it adds up."""

_SUMS = f"""
WITH {ALL_MONTHS}
SELECT r.comparison, b.months[r.place], r.method, sum(r.amount) FROM b CROSS JOIN ({RECORDS}) r GROUP BY 1, 2, 3
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

Amounts = dict[tuple[date, str, str], Decimal]
"""Month, comparison and method → amount."""


def report_reconciliation(seller: Seller, *, currency: str, at: datetime) -> Report:
    """
    Return each month's invoices, payments, refunds and payments at the provider, with the amounts of the books.

    Every difference is zero in sound books.
    """
    books = read_books(seller, at=at)
    values = entry_parameters(books) | {"currency": currency}
    records = _amounts(_SUMS, values)
    booked = _amounts(
        _BOOKS.format(movements=movements_sql(books, "currency", "source", "service_month", "method")), values
    )
    booked |= _amounts(_RECORDED, values)
    order = {code: number for number, code in enumerate(BooksComparison.values)}
    keys = sorted(records.keys() | booked.keys(), key=lambda key: (-key[0].toordinal(), order[key[1]], key[2]))
    columns = [
        ReportColumn("month", _("Month"), Measure.MONTH),
        ReportColumn("comparison", _("BooksComparison"), Measure.TEXT),
        ReportColumn("method", _("Method"), Measure.TEXT),
        ReportColumn("records", _("Invoices and payments"), rows=RowList.RECORDS),
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
    comparison = BooksComparison(code)
    of_month = {"service": f"{month:%Y-%m}"} | ({"method": method} if method else {})
    return Row(
        {
            "month": month,
            "comparison": str(comparison.label),
            "method": str(METHODS.get(method, method)),
            "records": recorded,
            "books": booked,
            "difference": EXACT.subtract(recorded, booked),
        },
        {"records": {"comparison": code, **of_month}, "books": {**of_month, **_POSTINGS[comparison]}},
    )
