"""A statement of account as text: its lines for pages and files, and its table for CSV."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from invoices.rendering.formats import Figures
from invoices.statements.account_statement import AccountMovement, AccountStatement
from lib.decimals import to_plain_string

COLUMNS = ("date", "kind", "document", "reference", "amount", "balance", "currency")
"""The headings of the CSV file, which are not translated, as in other files for programs."""


@dataclass(frozen=True, slots=True)
class AccountStatementLine:
    """
    A line of a statement. charge, credit: one of them is empty. is_sum: whether it is the opening or closing balance.

    document_id: the invoice or credit note that its number leads to.
    """

    day: str
    text: str
    note: str = ""
    charge: str = ""
    credit: str = ""
    balance: str = ""
    is_sum: bool = False
    document_id: int | None = None


def statement_lines(statement: AccountStatement, figures: Figures) -> Iterator[AccountStatementLine]:
    """Yield the opening balance, each movement with the balance after it, and the closing balance."""
    yield _balance_line(statement.since, _("Opening balance"), figures.money(statement.opening), figures)
    for movement in statement.movements:
        amount = figures.money(abs(movement.amount))
        is_charge = movement.amount > 0
        yield AccountStatementLine(
            day=figures.day(movement.day),
            text=_text(movement),
            note=movement.reference if movement.reference != movement.number else "",
            charge=amount if is_charge else "",
            credit="" if is_charge else amount,
            balance=figures.money(movement.balance),
            document_id=movement.invoice_id,
        )
    yield _balance_line(statement.until, _("Closing balance"), figures.money(statement.closing), figures)


def _balance_line(day: date, text: str, balance: str, figures: Figures) -> AccountStatementLine:
    return AccountStatementLine(day=figures.day(day), text=text, balance=balance, is_sum=True)


def _text(movement: AccountMovement) -> str:
    return f"{movement.kind.label} {movement.number}".rstrip()


def closing_sentence(statement: AccountStatement, figures: Figures) -> str:
    """Return who owes what at the end."""
    values = {"amount": figures.money(abs(statement.closing)), "date": figures.day(statement.until)}
    if statement.closing > 0:
        return _("%(amount)s due on %(date)s") % values
    if statement.closing < 0:
        return _("%(amount)s in your favor on %(date)s") % values
    return _("Nothing due on %(date)s") % values


def table_rows(statement: AccountStatement) -> Iterator[list[str]]:
    """Yield the header and the rows of the CSV file, with plain numbers and dates."""
    yield list(COLUMNS)
    currency = statement.currency
    opening, closing = to_plain_string(statement.opening), to_plain_string(statement.closing)
    yield [statement.since.isoformat(), "opening_balance", "", "", "", opening, currency]
    for movement in statement.movements:
        yield [
            movement.day.isoformat(),
            movement.kind.value,
            movement.number,
            movement.reference,
            to_plain_string(movement.amount),
            to_plain_string(movement.balance),
            currency,
        ]
    yield [statement.until.isoformat(), "closing_balance", "", "", "", closing, currency]


def file_stem(statement: AccountStatement) -> str:
    """Return the name of its files, without an ending."""
    return f"statement-{statement.currency}-{statement.since}-{statement.until}"
