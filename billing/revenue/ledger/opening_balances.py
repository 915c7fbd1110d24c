"""The balances with which a seller's books begin: docs/postings.md#opening-balances."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Self

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from billing.models import OpeningBalance
from billing.models.postings import Role
from billing.revenue.ledger.books import read_books
from customers.models import Seller
from lib.audit_log import audited_transaction
from lib.currencies import CREDITS, MINOR_UNITS
from lib.field_types import MAX_MONEY
from lib.money import round_money
from lib.tabular_files import CellProblem, TableRow, read_table

COLUMNS = ("currency", "role", "amount")
ROLES = (
    *(Role.RECEIVABLE, Role.CASH, Role.CUSTOMER_BALANCE, Role.REFUNDS_PAYABLE, Role.DEFERRED, Role.PREPAID),
    *(Role.UNBILLED, Role.TAX),
)
"""The roles that have a balance at the beginning. Income and losses begin at zero."""


class BalancesRefused(Exception):
    """Opening balances can't be entered; the text says why and how to fix it."""


class CellsRefused(BalancesRefused):
    """Cells of a file can't be used; nothing is stored. problems: all of them."""

    def __init__(self, problems: Sequence[CellProblem]) -> None:
        super().__init__("\n".join(f"Row {each.row}, {each.column}: {each.text}" for each in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class EnteredBalance:
    """amount: debits less credits."""

    currency: str
    role: Role
    amount: Decimal

    @classmethod
    def of(cls, row: TableRow) -> Self:
        """:raises CellsRefused: with every cell of the row that can't be used."""
        currency, role, text = (row.cells[column] for column in COLUMNS)
        problems = {}
        if currency not in MINOR_UNITS or currency == CREDITS:
            problems["currency"] = _("“%s” is not an ISO 4217 currency, such as USD.") % currency
        if role not in ROLES:
            values = {"role": role, "roles": ", ".join(ROLES)}
            problems["role"] = _("“%(role)s” is not one of: %(roles)s.") % values
        amount = _amount(text)
        if amount is None:
            problems["amount"] = _("“%s” is not an amount, such as -1250.00.") % text
        elif "currency" not in problems and round_money(amount, currency) != amount:
            problems["amount"] = _("%(currency)s has fewer decimal places than “%(amount)s”.") % {
                "currency": currency,
                "amount": text,
            }
        if problems or amount is None:
            raise CellsRefused([CellProblem(row.number, column, problem) for column, problem in problems.items()])
        return cls(currency, Role(role), amount)


def _amount(text: str) -> Decimal | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) <= MAX_MONEY else None


def read_balances(content: bytes, *, name: str) -> list[EnteredBalance]:
    """
    Read a CSV or XLSX file with the columns currency, role and amount.

    :raises FileRefused: if it is no such table.
    :raises CellsRefused: with every cell that can't be used.
    """
    problems: list[CellProblem] = []
    entered: dict[tuple[str, Role], EnteredBalance] = {}
    for row in read_table(content, name=name, columns=COLUMNS, needed=COLUMNS):
        try:
            balance = EnteredBalance.of(row)
        except CellsRefused as refused:
            problems += refused.problems
            continue
        if (balance.currency, balance.role) in entered:
            problems.append(CellProblem(row.number, "role", _("Another row has the same currency and role.")))
        entered[balance.currency, balance.role] = balance
    if problems:
        raise CellsRefused(problems)
    return list(entered.values())


def enter_balances(
    *, seller: Seller, month: date, balances: Sequence[EnteredBalance], by: User | None, at: datetime
) -> None:
    """
    Let the books of a seller begin in a month with these balances. They replace those that were entered before.

    month: its first day.

    :raises BalancesRefused: if a month is locked, the month is in the future, or the seller has documents before it.
    """
    with audited_transaction("enter opening balances", by=by, at=at, seller=seller.pk):
        # Row lock: a lock of the first month comes before or after, with or without these balances.
        Seller.objects.select_for_update(no_key=True).get(pk=seller.pk)
        lock = seller.month_locks.filter(unlocked_at__isnull=True).order_by("month").last()
        if lock is not None:
            text = _("%(month)s is locked. Opening balances are entered before the first lock; unlock it first.")
            raise BalancesRefused(text % {"month": f"{lock.month:%B %Y}"})
        OpeningBalance.objects.filter(seller=seller).delete()
        books = read_books(seller, at=at)
        if month > books.months[-1]:
            raise BalancesRefused(_("%s is in the future. Enter the balances when it begins.") % f"{month:%B %Y}")
        if month > books.months[0]:
            text = _("The seller has documents of %(first)s. Enter the balances at the start of that month.")
            raise BalancesRefused(text % {"first": f"{books.months[0]:%B %Y}"})
        OpeningBalance.objects.bulk_create(
            OpeningBalance(
                seller=seller, month=month, currency=balance.currency, role=balance.role, amount=balance.amount
            )
            for balance in balances
            if balance.amount
        )
