"""Read a statement of account."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from customers.models import Customer, Seller
from invoices.models import BalanceEntry, Invoice
from invoices.statements.movements import MOVEMENTS, MovementKind
from lib import sql
from lib.decimals import EXACT, ZERO, exact_sum

MAX_MOVEMENTS = 2_000
"""Movements of one statement, which is built in memory and typeset as one file."""

MAX_DAYS = 1_830
"""Five years."""


class StatementRefused(ValueError):
    """A statement can't be made of this range; the text says why. field: the field at fault."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class AccountMovement:
    """
    One movement. amount: above zero if the customer owes more by it. balance: after it.

    invoice_id, number: of the invoice or credit note that it is about; None and "" for a payout of the balance.
    reference: of a payment or a refund.
    """

    at: datetime
    day: date
    kind: MovementKind
    amount: Decimal
    invoice_id: int | None
    number: str
    reference: str
    balance: Decimal


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """
    A customer's account with a seller in one currency, from one day to another, both included, in the seller's zone.

    opening, closing: what the customer owed before and after; below zero, what the seller owed.
    """

    customer: Customer
    seller: Seller
    currency: str
    since: date
    until: date
    opening: Decimal
    movements: tuple[AccountMovement, ...]
    closing: Decimal

    @property
    def totals(self) -> Mapping[MovementKind, Decimal]:
        """Return the sum of each kind that occurs, in the usual order; opening plus these is closing."""
        return {
            kind: exact_sum(movement.amount for movement in self.movements if movement.kind == kind)
            for kind in MovementKind
            if any(movement.kind == kind for movement in self.movements)
        }


_OPENING = f"SELECT coalesce(sum(m.amount), 0) FROM ({MOVEMENTS}) m WHERE m.at < %(start)s"  # noqa: S608
_ROWS = f"""
SELECT m.at, m.kind, m.amount, m.invoice_id, coalesce(m.number, ''), m.reference FROM ({MOVEMENTS}) m
WHERE m.at >= %(start)s AND m.at < %(end)s AND m.amount <> 0
ORDER BY m.at, array_position(%(kinds)s, m.kind), m.row_id LIMIT {MAX_MOVEMENTS + 1}
"""  # noqa: S608


def read_account_statement(
    *, customer: Customer, seller: Seller, currency: str, since: date, until: date
) -> AccountStatement:
    """
    Return a statement of account, in two queries.

    :raises StatementRefused: if the range is empty or too long, or has too many movements.
    """
    if not since <= until:
        raise StatementRefused(_("The first day comes after the last one."), field="since")
    if (until - since).days > MAX_DAYS:
        raise StatementRefused(_("Choose a range of at most five years."), field="since")
    zone = ZoneInfo(seller.time_zone)
    values = {
        "customer": customer.pk,
        "seller": seller.pk,
        "currency": currency,
        "start": datetime.combine(since, time(), zone),
        "end": datetime.combine(until + timedelta(days=1), time(), zone),
        "kinds": MovementKind.values,
    }
    (opening,) = sql.fetch_column(_OPENING, values)
    rows = sql.fetch_rows(_ROWS, values)
    if len(rows) > MAX_MOVEMENTS:
        text = _("The range has more than %(most)s movements. Choose a shorter one.")
        raise StatementRefused(text % {"most": MAX_MOVEMENTS}, field="since")
    movements, balance = [], opening or ZERO
    for at, kind, amount, invoice_id, number, reference in rows:
        balance = EXACT.add(balance, amount)
        day = at.astimezone(zone).date()
        movements.append(AccountMovement(at, day, MovementKind(kind), amount, invoice_id, number, reference, balance))
    return AccountStatement(
        customer, seller, currency, since, until, opening or ZERO, tuple(movements), closing=balance
    )


def read_accounts(customer: Customer) -> list[tuple[int, str]]:
    """Return the (seller id, currency) of a customer's accounts, the customer's own first."""
    issued = Invoice.objects.filter(customer=customer).exclude(number=None).order_by()
    entries = BalanceEntry.objects.filter(customer=customer).order_by()
    pairs = {*issued.values_list("seller", "currency").distinct(), *entries.values_list("seller", "currency")}
    own = (customer.seller_id, str(customer.currency))
    known = {(seller_id, str(currency)) for seller_id, currency in pairs} or {own}
    return sorted(known, key=lambda pair: (pair != own, pair))
