"""Committed MRR now and on the same day of last month, and the running month's movements, in all currencies."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from billing.revenue.finance_home.month_to_date import Comparison, MonthToDate
from billing.revenue.ledger.books import SellerBooks
from billing.revenue.metrics.balances import balances_statement
from billing.revenue.metrics.months import BooksMonth
from lib import sql
from lib.decimals import EXACT, ZERO
from plans.metrics.monthly_amounts import round_sum
from plans.metrics.movements import KINDS

_BY_CURRENCY = """
SELECT currency, CASE WHEN n <= %(then)s THEN 'then' WHEN n < %(months)s THEN 'since' ELSE kind END,
    sum(net - opening), count(*)
FROM moves WHERE kind IS NOT NULL GROUP BY 1, 2
"""


@dataclass(slots=True)
class MrrToDate:
    """MRR in one currency. movements: kind → amount and number of customers, in the running month."""

    now: Decimal = ZERO
    then: Decimal = ZERO
    movements: dict[str, tuple[Decimal, int]] = field(default_factory=dict)

    def rounded(self, currency: str) -> "MrrToDate":
        movements = {kind: (round_sum(amount, currency), count) for kind, (amount, count) in self.movements.items()}
        return MrrToDate(round_sum(self.now, currency), round_sum(self.then, currency), movements)

    @property
    def comparison(self) -> Comparison:
        return Comparison(self.now, self.then)

    @property
    def net_change(self) -> Decimal:
        total = ZERO
        for amount, _count in self.movements.values():
            total = EXACT.add(total, amount)
        return total


def read_mrr_to_date(books: SellerBooks, span: MonthToDate) -> dict[str, MrrToDate]:
    """
    Return the MRR of a seller's books by currency, with the kinds of movements in their usual order.

    The same day of last month is a month end of its own among the others, before that of last month.
    """
    months = [
        BooksMonth(month, end, is_over=end <= span.at, lock_id=books.locks.get(month))
        for month, end in zip(books.months, books.ends, strict=True)
    ]
    before = months[:-2]
    earlier = [replace(month, ends_at=span.same_time, lock_id=None) for month in months[-2:-1]]
    instants = [*before, *earlier, *months[-2:]]
    statement = balances_statement(span.seller, instants)
    values = statement.parameters | {"then": len(before) + len(earlier) if earlier else 0}
    revenue: dict[str, MrrToDate] = {}
    for currency, part, change, count in sql.fetch_rows(statement.start + _BY_CURRENCY, values):
        row = revenue.setdefault(currency, MrrToDate())
        row.now = EXACT.add(row.now, change)
        if part == "then":
            row.then = change
        elif part != "since":
            row.movements[part] = (change, count)
    for row in revenue.values():
        row.movements = {kind: row.movements[kind] for kind in KINDS if kind in row.movements}
    return {currency: row.rounded(currency) for currency, row in revenue.items() if row.now or row.then}
