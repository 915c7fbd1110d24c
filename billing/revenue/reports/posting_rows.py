"""The postings behind a figure of a report, newest months first, in pages: every cell leads to its rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from billing.models.postings import INCOME, Role
from billing.revenue.ledger.books import SellerBooks, read_books
from billing.revenue.ledger.live_postings import DETAILS
from billing.revenue.reports.balances import TAX_MOVEMENTS
from billing.revenue.reports.conversion import DIFFERENCES, ReportCurrency
from billing.revenue.reports.converted_cells import round_exactly
from billing.revenue.reports.entries import entry_parameters, movements_sql
from billing.revenue.reports.filters import UnknownFilter, read_choice, read_month, read_number, unknown
from billing.revenue.reports.income import DIMENSIONS
from billing.revenue.reports.roll_forwards import EXCHANGE_MOVEMENT, ROLL_FORWARDS
from billing.revenue.reports.waterfall import CONDITIONS
from customers.models import Seller
from lib import sql
from lib.decimals import ZERO

PAGE_SIZE = 100

Condition = tuple[str, dict[str, Any]]
"""A condition on a movement `e` and its fee `f`, and its parameters."""


@dataclass(frozen=True, slots=True)
class PostingRow:
    """
    A posting of a locked month as stored, or of an open one as computed.

    share: its part of the figure, which is its amount or less it.
    """

    month: date
    service_month: date
    booked_month: date
    customer_id: int
    source: str
    source_id: int
    debit: str
    credit: str
    amount: Decimal
    kind: str
    share: Decimal


@dataclass(frozen=True, slots=True)
class PostingPage:
    """
    A page of postings. total: of all pages, as the report shows it: the change of the role, or less it where credits
    are above zero. count: of all pages.
    """

    rows: tuple[PostingRow, ...]
    total: Decimal
    count: int


_ROLES = (*Role.values, *DIFFERENCES)

# Filter by a month → its condition.
_MONTHS = {
    "month": "e.month = %(month)s",
    "since": "e.month >= %(since)s",
    "before": "e.month < %(before)s",
    "until": "e.month <= %(until_month)s",
    "booked": "e.booked_month = %(booked)s",
    "booked_before": "e.booked_month < %(booked_before)s",
    "service": "e.service_month = %(service)s",
    # Of customers with income above zero in a month.
    "earners": """e.customer_id IN (
        SELECT customer_id FROM movements WHERE month = %(earners)s AND role = ANY(%(earned_as)s)
            AND currency = %(currency)s AND customer_id <> 0
        GROUP BY 1 HAVING sum(change) < 0)""",
}
_MOVEMENTS = "WITH movements AS ({movements})"
_FROM = """
FROM movements e
LEFT JOIN plans_fee f ON f.id = e.fee_id
WHERE e.currency = %(currency)s AND {conditions}
"""


def read_posting_rows(
    seller: Seller,
    *,
    currency: str,
    filters: Mapping[str, str],
    at: datetime,
    page: int = 1,
    into: ReportCurrency | None = None,
) -> PostingPage:
    """
    Return a page of the postings that match all filters.

    into: `currency` with its rates, to convert all others; each share is rounded, and the total is the figure.

    :raises UnknownFilter: if a filter is unknown or its value malformed, or a rate is missing.
    """
    books = read_books(seller, at=at)
    conditions, values = _conditions(filters)
    values |= {"currency": currency, "offset": (page - 1) * PAGE_SIZE, "sign": -1 if _shows_credits(filters) else 1}
    values["earned_as"] = [role.value for role in INCOME]
    rows = sql.fetch_rows(
        _MOVEMENTS.format(movements=movements_sql(books, *DETAILS, into=into))
        + " SELECT e.month, e.service_month, e.booked_month, e.customer_id, e.source, e.source_id, e.debit, e.credit,"
        f" e.amount, e.kind, %(sign)s * e.change, sum(%(sign)s * e.change) OVER (), count(*) OVER ()"
        f" {_FROM.format(conditions=' AND '.join(conditions))}"
        " ORDER BY e.month DESC, abs(e.amount) DESC, e.source, e.source_id, e.debit, e.credit, e.service_month"
        f" LIMIT {PAGE_SIZE} OFFSET %(offset)s",
        entry_parameters(books, into=into) | values,
    )
    total, count = rows[0][-2:] if rows else (ZERO, 0)
    page_rows = tuple(PostingRow(*row[:-2]) for row in rows)
    if into is not None:
        page_rows = tuple(replace(row, share=_rounded(row.share, into, books)) for row in page_rows)
        total = _rounded(total, into, books)
    return PostingPage(page_rows, total, count)


def _rounded(amount: Decimal, into: ReportCurrency, books: SellerBooks) -> Decimal:
    rounded = round_exactly(amount, into.currency)
    if rounded is None:
        raise UnknownFilter(" ".join(into.missing_rates(books)), field="in")
    return rounded


def _shows_credits(filters: Mapping[str, str]) -> bool:
    """Return whether the report shows credits above zero, as for income and liabilities."""
    return not _INCOME_FILTERS.isdisjoint(filters) or filters.get("shown") == "credits"


def _conditions(filters: Mapping[str, str]) -> tuple[list[str], dict[str, object]]:
    """
    Return the conditions on a movement `e` and its fee `f`, and their parameters.

    A posting is in the list once, as the movement of one role: of the receivable, if no filter names another one.
    """
    conditions: list[str] = []
    values: dict[str, object] = {}
    names_role = False
    for name, text in filters.items():
        if name in _MONTHS:
            conditions.append(_MONTHS[name])
            values["until_month" if name == "until" else name] = read_month(name, text)
        elif name in _CONDITIONS:
            condition, parameters = _CONDITIONS[name](text)
            conditions.append(condition)
            values |= parameters
            names_role = names_role or name in _ROLE_FILTERS
        else:
            raise unknown(name)
    return [*conditions, "true" if names_role else "e.role = 'receivable'"], values


def _of_role(text: str) -> Condition:
    return "e.role = %(role)s", {"role": read_choice("role", text, _ROLES)}


def _of_roles(text: str) -> Condition:
    if not text:
        return "true", {}
    return "e.role = ANY(%(roles)s)", {"roles": [read_choice("roles", role, _ROLES) for role in text.split(",")]}


def _of_income(text: str) -> Condition:
    condition = "e.role = ANY(%(income)s)"
    income = {"income": [role.value for role in INCOME]}
    if not text:
        return condition, income
    expression, key = _division("income", text)
    return f"{condition} AND {expression} = %(division)s", income | {"division": key}


def _of_other_income(text: str) -> Condition:
    """Return the condition for income that has no column of its own. text: the division and the keys of columns."""
    expression, keys = _division("other_than", text)
    values = {"income": [role.value for role in INCOME], "divisions": keys.split(",")}
    return f"e.role = ANY(%(income)s) AND NOT ({expression} = ANY(%(divisions)s))", values


def _of_usage(text: str) -> Condition:
    if not text:
        return _USAGE, {}
    expression, key = _division("usage", text)
    return f"{_USAGE} AND {expression} = %(usage)s", {"usage": key}


def _of_other_usage(text: str) -> Condition:
    """Return the condition for usage that has no row of its own. text: the division and the keys of rows."""
    expression, keys = _division("usage_other_than", text)
    return f"{_USAGE} AND NOT ({expression} = ANY(%(usages)s))", {"usages": keys.split(",")}


def _division(name: str, text: str) -> tuple[str, str]:
    """Return the expression of a division of income, as text, and the key or keys after the colon."""
    by, _colon, key = text.partition(":")
    expression = DIMENSIONS[read_choice(name, by, DIMENSIONS)].expression
    return f"coalesce(({expression})::text, 'None')", key


def _of_side(text: str) -> Condition:
    return f"e.role = e.{read_choice('side', text, ['debit', 'credit'])}", {}


def _of_rate(text: str) -> Condition:
    try:
        rate = Decimal(text) if text else None
    except InvalidOperation:
        raise UnknownFilter(f"“{text}” is not a rate.", field="rate") from None
    return "e.tax_rate IS NOT DISTINCT FROM %(rate)s::numeric", {"rate": rate}


def _of_movement(text: str) -> Condition:
    report, _colon, code = text.partition(":")
    if report == "tax":
        return f"({TAX_MOVEMENTS[read_choice('movement', code, TAX_MOVEMENTS)]})", {}
    if report not in ROLL_FORWARDS:
        raise UnknownFilter(f"“{text}” is not a column of a roll-forward.", field="movement")
    movements = (*ROLL_FORWARDS[report][1], EXCHANGE_MOVEMENT)
    for movement in movements:
        if movement.code == code:
            return f"({movement.condition})", {}
    return " AND ".join(f"({movement.condition}) IS NOT TRUE" for movement in movements), {}


_USAGE = "e.role = 'revenue' AND e.feature_id IS NOT NULL"
_INCOME_FILTERS = {"income", "other_than", "usage", "usage_other_than", "waterfall"}
# Filter → the condition for its text. The first ones say which role's movement of a posting is meant.
_ROLE_FILTERS: Mapping[str, Callable[[str], Condition]] = {
    "role": _of_role,
    "roles": _of_roles,
    "income": _of_income,
    "other_than": _of_other_income,
    "usage": _of_usage,
    "usage_other_than": _of_other_usage,
    "waterfall": lambda text: (f"({CONDITIONS[read_choice('waterfall', text, CONDITIONS)]})", {}),
}
_CONDITIONS: Mapping[str, Callable[[str], Condition]] = {
    **_ROLE_FILTERS,
    "against": lambda text: ("e.other = ANY(%(against)s)", {"against": text.split(",")}),
    "side": _of_side,
    "movement": _of_movement,
    "source": lambda text: ("e.source = ANY(%(sources)s)", {"sources": text.split(",")}),
    "method": lambda text: ("e.method = %(method)s", {"method": text}),
    "customer": lambda text: ("e.customer_id = %(customer)s", {"customer": read_number("customer", text)}),
    "tax": lambda text: ("e.tax_name = %(tax)s", {"tax": text}),
    "rate": _of_rate,
    "shown": lambda text: ("true", {"shown": read_choice("shown", text, ["credits"])}),
}
