"""The forecast of the running month as a report, for the API and the command: docs/metrics.md#forecast."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from billing.revenue.finance_home.earned_revenue import EarnedRevenue, read_earned_revenue
from billing.revenue.finance_home.month_to_date import month_to_date
from billing.revenue.ledger.books import read_books
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row, Value
from customers.models import Seller
from lib.money import round_money

FORECAST = "forecast"


def report_forecast(seller: Seller, *, currency: str, at: datetime) -> Report:
    """
    Return the revenue of the running month to date, and its outlook as a range.

    Without a week of complete days in the books, the range is empty.
    """
    span, books = month_to_date(seller, at=at), read_books(seller, at=at)
    revenue = read_earned_revenue(books, span).get(currency, EarnedRevenue())
    values: dict[str, Value] = {
        "month": span.month,
        "recognized": revenue.total(span.month),
        "fees_to_come": revenue.fees_to_come,
        "days_left": span.days_left,
    }
    if revenue.outlook is not None:
        values |= {
            name: round_money(amount, currency)
            for name, amount in zip(("likely", "least", "greatest"), revenue.outlook, strict=True)
        }
    columns = [
        ReportColumn("month", _("Month"), Measure.MONTH),
        ReportColumn("recognized", _("Recognized")),
        ReportColumn("fees_to_come", _("Fees to come")),
        ReportColumn("days_left", _("Days left"), Measure.COUNT),
        ReportColumn("likely", _("Likely")),
        ReportColumn("least", _("Least")),
        ReportColumn("greatest", _("Greatest")),
    ]
    return Report(FORECAST, currency, at, columns, [Row(values)], max(books.locks, default=None))
