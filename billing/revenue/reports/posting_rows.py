"""The postings behind a figure of a report, newest months first, in pages: every cell leads to its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from billing.models.postings import INCOME, Role
from billing.revenue.ledger.books import read_books
from billing.revenue.reports.entries import MOVEMENTS, entries_sql, entry_parameters
from billing.revenue.reports.income import DIMENSIONS
from billing.revenue.reports.roll_forwards import ROLL_FORWARDS
from customers.models import Seller
from lib import sql

PAGE_SIZE = 100


class UnknownFilter(ValueError):
    """A filter of postings is unknown or malformed; the text names it and what it takes. field: its name."""

    def __init__(self, text: str, *, field: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class PostingRow:
    """A posting of a locked month as stored, or of an open one as computed."""

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


@dataclass(frozen=True, slots=True)
class PostingPage:
    """A page of postings. total: the sum of all pages, as a change of the filtered role. count: of all pages."""

    rows: tuple[PostingRow, ...]
    total: Decimal
    count: int


# Filter → the condition on a movement `e` and its fee `f`, and how its text becomes a parameter.
_MONTHS = {
    "month": "e.month = %(month)s",
    "since": "e.month >= %(since)s",
    "before": "e.month < %(before)s",
    "until": "e.month <= %(until_month)s",
    "booked": "e.booked_month = %(booked)s",
    "booked_before": "e.booked_month < %(booked_before)s",
    "service": "e.service_month = %(service)s",
}
_FROM = """
FROM ({movements}) e
LEFT JOIN plans_fee f ON f.id = e.fee_id
WHERE e.currency = %(currency)s AND {conditions}
"""


def read_posting_rows(
    seller: Seller, *, currency: str, filters: Mapping[str, str], at: datetime, page: int = 1
) -> PostingPage:
    """
    Return a page of the postings that match all filters.

    :raises UnknownFilter: if a filter is unknown or its value malformed.
    """
    books = read_books(seller, at=at)
    conditions, values = _conditions(filters)
    source = _FROM.format(
        movements=MOVEMENTS.format(entries=entries_sql(books, tells_customers=True)),
        conditions=" AND ".join(conditions),
    )
    parameters = entry_parameters(books) | {"currency": currency, "offset": (page - 1) * PAGE_SIZE} | values
    rows = sql.fetch_rows(
        "SELECT e.month, e.service_month, e.booked_month, e.customer_id, e.source, e.source_id, e.debit, e.credit,"
        f" e.amount, e.kind, sum(e.change) OVER (), count(*) OVER () {source}"
        " ORDER BY e.month DESC, abs(e.amount) DESC, e.source, e.source_id, e.debit, e.credit, e.service_month"
        f" LIMIT {PAGE_SIZE} OFFSET %(offset)s",
        parameters,
    )
    total, count = rows[0][-2:] if rows else (Decimal(0), 0)
    return PostingPage(tuple(PostingRow(*row[:-2]) for row in rows), total, count)


def _conditions(filters: Mapping[str, str]) -> tuple[list[str], dict[str, object]]:
    conditions: list[str] = []
    values: dict[str, object] = {"role": "receivable"}
    income = [role.value for role in INCOME]
    for name, text in filters.items():
        if name in _MONTHS:
            conditions.append(_MONTHS[name])
            values["until_month" if name == "until" else name] = _month(name, text)
        elif name == "role":
            values["role"] = _choice(name, text, Role.values)
        elif name == "against":
            conditions.append("e.other = ANY(%(against)s)")
            values["against"] = text.split(",")
        elif name == "side":
            conditions.append(
                "e.change > 0" if _choice(name, text, ["debit", "credit"]) == "debit" else "e.change < 0"
            )
        elif name == "movement":
            conditions.append(_movement(text))
        elif name == "customer":
            conditions.append("e.customer_id = %(customer)s")
            values["customer"] = _number(name, text)
        elif name == "tax":
            conditions.append("e.tax_name || coalesce(' ' || e.tax_rate, '') = %(tax)s")
            values["tax"] = text
        elif name == "income":
            values["role"] = None
            conditions.append("e.role = ANY(%(income)s)")
            values["income"] = income
            if text:
                by, _colon, value = text.partition(":")
                conditions.append(
                    f"coalesce(({DIMENSIONS[_choice(name, by, list(DIMENSIONS))].expression})::text,"
                    " 'None') = %(division)s"
                )
                values["division"] = value
        else:
            raise UnknownFilter(f"The filter “{name}” is unknown.", field=name)
    if values["role"] is not None:
        conditions.append("e.role = %(role)s")
    return conditions, values


def _movement(text: str) -> str:
    report, _colon, code = text.partition(":")
    if report not in ROLL_FORWARDS:
        raise UnknownFilter(f"“{text}” is not a column of a roll-forward.", field="movement")
    movements = ROLL_FORWARDS[report][1]
    for movement in movements:
        if movement.code == code:
            return movement.condition
    return " AND ".join(f"({movement.condition}) IS NOT TRUE" for movement in movements)


def _month(name: str, text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise UnknownFilter(f"“{text}” is not a month; write it like 2026-01.", field=name) from None


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise UnknownFilter(f"“{text}” is not a number.", field=name)
    return int(text)


def _choice(name: str, text: str, choices: list[str]) -> str:
    if text not in choices:
        raise UnknownFilter(f"“{text}” is unknown. Choose one of: {', '.join(choices)}.", field=name)
    return text
