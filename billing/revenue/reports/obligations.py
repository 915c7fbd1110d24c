"""
Remaining performance obligation: what customers have paid or agreed to, and is still to be earned.

Deferred and prepaid revenue are balances of the books. Commitments count as far as their running terms are not yet
invoiced. Source: docs/metrics.md#remaining-performance-obligation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.closing.commitments.contract_state import read_commitment_cycles
from billing.closing.period_reader import read_due_periods
from billing.closing.records import CommitmentCycle
from billing.models.postings import Role
from billing.revenue.ledger.books import read_books
from billing.revenue.reports.entries import entry_parameters, movements_sql
from billing.revenue.reports.filters import unknown
from billing.revenue.reports.table import Measure, Report, ReportColumn, Row, RowList
from billing.revenue.reports.totals import add_up
from customers.models import Seller
from lib import sql
from lib.decimals import EXACT, ZERO, exact_sum
from lib.money import round_money

BATCH_SIZE = 1_000
"""Periods whose commitments are read at once: their terms and lines are in memory."""

PAGE_SIZE = 100
"""Terms on a page of the list behind the figure."""

OBLIGATIONS = {
    "deferred": gettext_lazy("Deferred revenue"),
    "prepaid": gettext_lazy("Prepaid credits"),
    "commitments": gettext_lazy("Commitments not yet invoiced"),
}


@dataclass(frozen=True, slots=True)
class OpenCommitment:
    """
    A running term of a subscription's commitment.

    since: its first day, by the seller's calendar. guaranteed: for the whole term. amount: of it, not yet invoiced.
    """

    customer_id: int
    subscription_id: int
    since: date
    guaranteed: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class OpenCommitmentPage:
    """A page of running terms, the largest open amount first. total: of all open amounts. count: of all pages."""

    rows: tuple[OpenCommitment, ...]
    total: Decimal
    count: int


_BALANCES = """
SELECT e.role, -sum(e.change) FROM ({movements}) e
WHERE e.role = ANY(%(roles)s) AND e.currency = %(currency)s GROUP BY 1
"""

# Periods that run or wait for their invoice. Only those with a commitment are read further.
_COMMITTED_PERIODS = """
SELECT p.id FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer c ON c.id = s.customer_id
WHERE s.seller_id = %(seller)s AND s.currency = %(currency)s AND NOT c.sandbox AND p.kind = 'regular'
    AND NOT p.is_trial AND p.state = 'open' AND p.starts_at <= %(at)s
    AND (EXISTS (SELECT FROM plans_commitment m WHERE m.version_id = p.version_id AND m.currency = s.currency)
        OR EXISTS (SELECT FROM billing_subscriptioncommitment own WHERE own.subscription_id = s.id))
ORDER BY p.subscription_id, p.starts_at
"""


def report_obligations(seller: Seller, *, currency: str, at: datetime) -> Report:
    """Return the remaining performance obligation by its parts, and their sum."""
    books = read_books(seller, at=at)
    statement = _BALANCES.format(movements=movements_sql(books, "currency"))
    roles = [Role.DEFERRED.value, Role.PREPAID.value]
    amounts = dict(sql.fetch_rows(statement, entry_parameters(books) | {"currency": currency, "roles": roles}))
    amounts["commitments"] = read_open_commitments(seller, currency=currency, at=at).total
    columns = [
        ReportColumn("obligation", _("Obligation"), Measure.TEXT),
        ReportColumn("amount", _("Amount")),
    ]
    filters: dict[str, dict[str, str]] = {role: {"role": role, "shown": "credits"} for role in roles}
    filters["commitments"] = {"list": RowList.COMMITMENTS.value}
    rows = [
        Row({"obligation": str(title), "amount": amounts.get(code, ZERO)}, {"amount": filters[code]})
        for code, title in OBLIGATIONS.items()
    ]
    total = add_up(rows, columns, _("Total"))
    return Report("obligations", currency, at, columns, [*rows, total], max(books.locks, default=None))


def read_open_commitments(
    seller: Seller, *, currency: str, at: datetime, filters: Mapping[str, str] | None = None, page: int = 1
) -> OpenCommitmentPage:
    """
    Return a page of the running terms of commitments, with the amounts that they still guarantee. filters: none.

    A commitment that bills no true-up guarantees nothing. A term is billed by its periods; one that has not begun
    counts for nothing.

    :raises UnknownFilter: if there is a filter.
    """
    for name in filters or ():
        raise unknown(name)
    rows = _open_commitments(seller, currency=currency, at=at)
    shown = tuple(rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
    return OpenCommitmentPage(shown, exact_sum(row.amount for row in rows), len(rows))


def _open_commitments(seller: Seller, *, currency: str, at: datetime) -> list[OpenCommitment]:
    zone = ZoneInfo(seller.time_zone)
    ids = sql.fetch_column(_COMMITTED_PERIODS, {"seller": seller.pk, "currency": currency, "at": at})
    terms: dict[tuple[int, datetime], OpenCommitment] = {}
    for start in range(0, len(ids), BATCH_SIZE):
        due_periods = read_due_periods(ids[start : start + BATCH_SIZE])
        for id_, cycles in read_commitment_cycles(due_periods.values()).by_period.items():
            # Several open periods of one contract have the same cycle.
            period, cycle = due_periods[id_], cycles[id_]
            terms[period.subscription_id, cycle.starts_at] = OpenCommitment(
                period.buyer.customer_id,
                period.subscription_id,
                cycle.starts_at.astimezone(zone).date(),
                _guaranteed(cycle),
                _missing(cycle),
            )
    open_terms = (term for term in terms.values() if term.amount)
    return sorted(open_terms, key=lambda term: (-term.amount, term.subscription_id, term.since))


def _guaranteed(cycle: CommitmentCycle) -> Decimal:
    return exact_sum(_promised(cycle, window.share) for window in cycle.windows.values())


def _missing(cycle: CommitmentCycle) -> Decimal:
    if not cycle.commitment.trues_up:
        return ZERO
    open_amounts = [
        max(EXACT.subtract(_promised(cycle, window.share), window.spent), ZERO) for window in cycle.windows.values()
    ]
    return max(EXACT.subtract(exact_sum(open_amounts), cycle.true_up), ZERO)


def _promised(cycle: CommitmentCycle, share: Fraction) -> Decimal:
    return round_money(Fraction(cycle.commitment.minimum) * share, cycle.currency)
