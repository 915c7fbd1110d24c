"""Net and gross retention on recognized revenue, for sellers of usage: docs/metrics.md#retention-on-revenue."""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from django.utils.translation import gettext_lazy as _

from billing.models.postings import INCOME
from billing.revenue.ledger.books import read_books
from billing.revenue.reports.entries import entry_parameters, movements_sql
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row
from customers.models import Seller
from lib import sql
from lib.money import round_to
from plans.metrics.retention import Retention, to_percent

_TENTH = Decimal("0.1")

# Each customer's income of a month beside that of the same month a year later. Opening balances have no customer.
_PAIRS = """
WITH income AS (
    SELECT e.customer_id, e.month, -sum(e.change) AS amount FROM ({movements}) e
    WHERE e.role = ANY(%(roles)s) AND e.currency = %(currency)s AND e.customer_id <> 0 AND e.month < %(this_month)s
    GROUP BY 1, 2
)
SELECT (t.month + interval '1 year')::date, sum(t.amount), sum(coalesce(n.amount, 0)),
    sum(least(t.amount, coalesce(n.amount, 0))), count(*), count(*) FILTER (WHERE n.amount > 0)
FROM income t LEFT JOIN income n ON n.customer_id = t.customer_id AND n.month = t.month + interval '1 year'
WHERE t.amount > 0 AND t.month + interval '1 year' < %(this_month)s GROUP BY 1 ORDER BY 1 DESC
"""


def read_revenue_retention(seller: Seller, *, currency: str, at: datetime) -> dict[date, Retention]:
    """Return complete month → the income of the customers of twelve months before, then and now; latest first."""
    books = read_books(seller, at=at)
    statement = _PAIRS.format(movements=movements_sql(books, "currency", "customer_id"))
    values = {"currency": currency, "roles": [role.value for role in INCOME], "this_month": books.months[-1]}
    return {
        month: Retention(Fraction(then), Fraction(now), Fraction(kept), customers, kept_customers)
        for month, then, now, kept, customers, kept_customers in sql.fetch_rows(
            statement, entry_parameters(books) | values
        )
    }


def report_revenue_retention(seller: Seller, *, currency: str, at: datetime) -> Report:
    """Return the retention of each complete month that has one twelve months before it, the latest first."""
    by_month = read_revenue_retention(seller, currency=currency, at=at)
    columns = [
        ReportColumn("month", _("Month"), Measure.MONTH),
        ReportColumn("then", _("12 months before")),
        ReportColumn("now", _("Same customers now")),
        ReportColumn("net", _("NRR"), Measure.PERCENT),
        ReportColumn("gross", _("GRR"), Measure.PERCENT),
        ReportColumn("customers", _("Customers then"), Measure.COUNT),
        ReportColumn("kept_customers", _("Customers kept"), Measure.COUNT),
    ]
    rows = [_row(month, retained) for month, retained in by_month.items()]
    locked_until = max(read_books(seller, at=at).locks, default=None)
    return Report("revenue-retention", currency, at, columns, rows, locked_until, chart=["then", "now"])


def _row(month: date, retained: Retention) -> Row:
    then, now = (_decimal(amount) for amount in (retained.then, retained.now))
    net, gross = (
        None if share is None else round_to(to_percent(share), _TENTH) for share in (retained.net, retained.gross)
    )
    year_before = f"{month.replace(year=month.year - 1):%Y-%m}"
    of_the_same = {"income": "", "earners": year_before}
    return Row(
        {
            "month": month,
            "then": then,
            "now": now,
            "net": net,
            "gross": gross,
            "customers": retained.customers,
            "kept_customers": retained.kept_customers,
        },
        {"then": of_the_same | {"month": year_before}, "now": of_the_same | {"month": f"{month:%Y-%m}"}},
    )


def _decimal(amount: Fraction) -> Decimal:
    """Return a sum of postings, which has at most four decimal places."""
    return Decimal(amount.numerator) / Decimal(amount.denominator)
