"""Income and balances of a seller in all its currencies, one line each: never a sum of two currencies."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from billing.models.postings import INCOME, Role
from billing.revenue.ledger.books import read_books
from billing.revenue.reports.entries import entry_parameters, movements_sql
from billing.revenue.reports.waterfall import CONDITIONS
from customers.models import Seller
from lib import sql
from lib.decimals import EXACT, ZERO

MONTHS_COMPARED = 3
"""The running month and two complete ones."""

_SUMS = f"""
SELECT e.currency, CASE WHEN e.role = ANY(%(income)s) THEN 'income' ELSE e.role END,
    CASE WHEN e.role = ANY(%(income)s) AND e.month >= %(compared)s THEN e.month END, -sum(e.change),
    coalesce(-sum(e.change) FILTER (WHERE {CONDITIONS["booked"]}), 0)
FROM ({{movements}}) e WHERE e.role = ANY(%(roles)s) GROUP BY 1, 2, 3
"""  # noqa: S608


@dataclass(slots=True)
class CurrencyOverview:
    """
    A seller's figures in one currency.

    income: of the compared months. all_income: since the books began. booked: earned or deferred revenue of lines.
    balances: deferred, prepaid and unbilled revenue, each above zero if there is some.
    """

    currency: str
    months: tuple[date, ...]
    income: dict[date, Decimal] = field(default_factory=dict)
    all_income: Decimal = ZERO
    booked: Decimal = ZERO
    balances: dict[str, Decimal] = field(default_factory=dict)


def read_overview(seller: Seller, *, at: datetime) -> dict[str, CurrencyOverview]:
    """Return currency → its figures, the seller's own currency first."""
    books = read_books(seller, at=at)
    compared = books.months[-MONTHS_COMPARED:]
    balances = (Role.DEFERRED, Role.PREPAID, Role.UNBILLED)
    values = {
        "income": [role.value for role in INCOME],
        "roles": [role.value for role in (*INCOME, *balances)],
        "compared": compared[0],
    }
    overviews: dict[str, CurrencyOverview] = {}
    statement = _SUMS.format(movements=movements_sql(books, "currency"))
    for currency, code, month, amount, booked in sql.fetch_rows(statement, entry_parameters(books) | values):
        overview = overviews.setdefault(currency, CurrencyOverview(currency, compared))
        overview.booked = EXACT.add(overview.booked, booked)
        if code != "income":
            overview.balances[code] = EXACT.minus(amount) if code == Role.UNBILLED else amount
            continue
        overview.all_income = EXACT.add(overview.all_income, amount)
        if month is not None:
            overview.income[month] = amount
    own_first = sorted(overviews, key=lambda currency: (currency != str(seller.currency), currency))
    return {currency: overviews[currency] for currency in own_first}
