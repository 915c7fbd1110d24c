"""Revenue by month and kind, usage revenue by day, and the forecast of the month: docs/revenue-reports.md#home."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Sum
from django.db.models.functions import TruncDay

from billing.metering.usage.usage_summary import ADDING
from billing.models import Rollup
from billing.models.postings import INCOME
from billing.revenue.finance_home.month_to_date import Comparison, MonthToDate
from billing.revenue.ledger.books import SellerBooks
from billing.revenue.ledger.live_postings import parameters, postings_sql
from billing.revenue.reports.entries import MOVEMENTS, entry_parameters, movements_sql
from billing.revenue.reports.income import DIMENSIONS
from invoices.documents.calendar_months import last_day_of, month_before, month_of
from lib import sql
from lib.decimals import EXACT, ZERO, exact_sum
from lib.money import round_money
from plans.metrics.usage_outlook import WINDOW_DAYS, WINDOWS, Forecast, forecast, spread_by_day
from plans.models import Feature

MONTHS_SHOWN = 13
USAGE = ("usage", "prepaid")
"""The kinds of income that follow from usage, billed or prepaid."""
DAY = timedelta(days=1)

_INCOME = """
SELECT e.currency, e.month, {kind}, e.feature_id, -sum(e.change) FROM ({movements}) e
LEFT JOIN plans_fee f ON f.id = e.fee_id
WHERE e.role = ANY(%(roles)s) AND e.month >= %(since)s GROUP BY 1, 2, 3, 4 HAVING sum(e.change) <> 0
"""
_FEES_TO_COME = """
SELECT e.currency, -sum(e.change) FROM ({movements}) e
WHERE e.role = ANY(%(roles)s) AND e.kind NOT IN ('usage', 'late_usage', 'usage_credit', 'progressive', 'credit_pack')
GROUP BY 1
"""


class MonthIncome(NamedTuple):
    """An amount of income in a month. feature_id: of usage."""

    month: date
    kind: str
    feature_id: int | None
    amount: Decimal


@dataclass(slots=True)
class EarnedRevenue:
    """
    Revenue in one currency.

    by_month: month → kind of income → amount, in order of time. usage_days: day → usage revenue, of this month and
    the one before. fees_to_come: invoiced fees that the rest of the month will earn.
    """

    by_month: dict[date, dict[str, Decimal]] = field(default_factory=dict)
    usage_days: dict[date, Fraction] = field(default_factory=dict)
    fees_to_come: Decimal = ZERO
    outlook: Forecast | None = None

    def total(self, month: date) -> Decimal:
        return exact_sum(self.by_month.get(month, {}).values())

    def usage(self, span: MonthToDate, currency: str) -> Comparison:
        """Return the usage revenue of the month to date, and of the same days of the month before."""
        now = exact_sum(self.by_month.get(span.month, {}).get(kind, ZERO) for kind in USAGE)
        then = sum(
            (amount for day, amount in self.usage_days.items() if span.previous <= day <= span.same_day), Fraction(0)
        )
        return Comparison(now, round_money(then, currency))


def read_earned_revenue(books: SellerBooks, span: MonthToDate) -> dict[str, EarnedRevenue]:
    """Return the revenue of a seller's books by currency, in four queries."""
    since = span.month
    for _ in range(MONTHS_SHOWN - 1):
        since = month_before(since)
    revenue: dict[str, EarnedRevenue] = {}
    usage: dict[str, list[MonthIncome]] = {}
    for currency, month, kind, feature_id, amount in _read_income(books, since=since):
        by_kind = revenue.setdefault(currency, EarnedRevenue()).by_month.setdefault(month, {})
        by_kind[kind] = EXACT.add(by_kind.get(kind, ZERO), amount)
        if kind in USAGE and month >= month_before(span.previous):
            usage.setdefault(currency, []).append(MonthIncome(month, kind, feature_id, amount))
    for currency, amount in _read_fees_to_come(books, span):
        revenue.setdefault(currency, EarnedRevenue()).fees_to_come = amount
    days = _usage_by_day(usage, span)
    for currency, row in revenue.items():
        row.by_month = dict(sorted(row.by_month.items()))
        row.usage_days = days.get(currency, {})
        row.outlook = _outlook(row, books, span)
    return revenue


def _read_income(books: SellerBooks, *, since: date) -> list[tuple[str, date, str, int | None, Decimal]]:
    since = max(since, books.months[0])
    kind = DIMENSIONS["kind"]
    movements = movements_sql(books, "currency", "feature_id", *kind.columns)
    statement = _INCOME.format(kind=kind.expression, movements=movements)
    values = {"roles": [role.value for role in INCOME], "since": since}
    return sql.fetch_rows(statement, entry_parameters(books, since=since) | values)


def _read_fees_to_come(books: SellerBooks, span: MonthToDate) -> list[tuple[str, Decimal]]:
    """Return the income of the rest of the month that follows from issued lines."""
    rest = replace(books, months=(*books.months, books.months[-1]), ends=(*books.ends, span.ends_at))
    statement = _FEES_TO_COME.format(movements=MOVEMENTS.format(entries=postings_sql(rest)))
    values = parameters(rest, low=rest.running + 1, high=rest.running + 1)
    return sql.fetch_rows(statement, values | {"roles": [role.value for role in INCOME]})


def _usage_by_day(usage: Mapping[str, Sequence[MonthIncome]], span: MonthToDate) -> dict[str, dict[date, Fraction]]:
    """
    Return usage revenue by day and currency: each month's revenue of a feature, spread by its meter's hourly usage.

    Prices may differ within the month, by tiers and allowances; so a day's amount is an estimate, and the month's sum
    is exact. Source: docs/metrics.md#usage-revenue-by-day.
    """
    meters = dict(Feature.objects.values_list("pk", "meter_id")) if usage else {}
    quantities = _read_quantities(span) if usage else {}
    days: dict[str, dict[date, Fraction]] = {}
    for currency, rows in usage.items():
        by_day = days.setdefault(currency, {})
        for row in rows:
            last = span.today if row.month == span.month else last_day_of(row.month)
            of_month = [row.month + DAY * number for number in range((last - row.month).days + 1)]
            meter_id = meters.get(row.feature_id) if row.feature_id is not None else None
            of_meter = quantities.get((currency, meter_id), {})
            for day, amount in spread_by_day(row.amount, quantities=of_meter, days=of_month).items():
                by_day[day] = by_day.get(day, Fraction(0)) + amount
    return days


def _read_quantities(span: MonthToDate) -> dict[tuple[str, int | None], dict[date, Decimal]]:
    """Return the live quantities of the last two months and the one before by currency, meter and day."""
    zone = ZoneInfo(span.seller.time_zone)
    first = month_before(span.previous)
    since = datetime.combine(first, datetime.min.time(), zone)
    rows = (
        Rollup.objects.filter(
            bucket__gte=since,
            bucket__lt=span.at,
            meter__aggregation__in=ADDING,
            period__subscription__seller=span.seller,
            period__subscription__customer__sandbox=False,
        )
        .annotate(day=TruncDay("bucket", tzinfo=zone))
        .values_list("period__subscription__currency", "meter_id", "day")
        .annotate(Sum("quantity"))
        .order_by()
    )
    quantities: dict[tuple[str, int | None], dict[date, Decimal]] = {}
    for currency, meter_id, day, quantity in rows:
        quantities.setdefault((str(currency), meter_id), {})[day.date()] = quantity
    return quantities


def _outlook(row: EarnedRevenue, books: SellerBooks, span: MonthToDate) -> Forecast | None:
    """Return the forecast of the month; None before the books have a week of complete days."""
    windows: list[Fraction] = []
    for number in range(WINDOWS):
        last = span.today - DAY * (1 + WINDOW_DAYS * number)
        first = last - DAY * (WINDOW_DAYS - 1)
        if month_of(first) < books.months[0]:
            break
        amounts = (row.usage_days.get(first + DAY * offset, Fraction(0)) for offset in range(WINDOW_DAYS))
        windows.insert(0, sum(amounts, Fraction(0)))
    if not windows:
        return None
    recognized = row.total(span.month)
    return forecast(recognized=recognized, fees_to_come=row.fees_to_come, windows=windows, days_left=span.days_left)
