"""The content of a bank's file, whichever its format."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from lib.currencies import MINOR_UNITS
from lib.decimals import EXACT, ZERO, exact_sum

MAX_LINES = 20_000
"""Lines of a file; its bytes are bounded by who receives it."""

MAX_AMOUNT = Decimal("1e12")
EARLIEST, LATEST = date(2000, 1, 1), date(2200, 1, 1)

# The sizes of the columns that keep these texts.
MAX_TEXT, MAX_NAME, MAX_ACCOUNT, MAX_REFERENCE = 1000, 140, 40, 70


class BankFileRefused(ValueError):
    """The file can't be read as statements of a bank; the text names the place, the reason and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankFileLine:
    """
    One movement of a bank account.

    amount: above zero for money received, below zero for money sent. text: the purpose that the payer entered.
    booking_date: when the bank booked it; a statement has the movements of its booking dates, whatever their value
    dates. None if the format doesn't say.
    bank_reference: the bank's own identification, if it gives one; the end-to-end ID is the payer's.
    is_reversal: whether the bank takes an earlier movement back. place: where the file has it, for messages.
    """

    value_date: date
    amount: Decimal
    currency: str
    booking_date: date | None = None
    payer_name: str = ""
    payer_account: str = ""
    text: str = ""
    end_to_end_id: str = ""
    bank_reference: str = ""
    is_reversal: bool = False
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankFileStatement:
    """
    The movements of one bank account, in the order of the file.

    account: its IBAN or number without blanks; empty if the file names none. reference: the bank's own number of the
    statement. opening, closing: None if the format has no balances.
    """

    account: str
    lines: Sequence[BankFileLine]
    reference: str = ""
    currency: str = ""
    opening: Decimal | None = None
    closing: Decimal | None = None


def check_statement(statement: BankFileStatement) -> BankFileStatement:
    """
    Return a statement whose amounts are valid in their currencies, and whose balances fit its lines; lines of zero,
    which move nothing, are left out.

    :raises BankFileRefused: otherwise.
    """
    for line in statement.lines:
        check_amount(line.amount, line.currency, line.place)
        if not EARLIEST <= line.value_date < LATEST:
            raise BankFileRefused(f"{line.place}: the date {line.value_date} is out of range.")
    # Banks report the quarterly closing of an account, for example, as a movement of zero.
    statement = replace(statement, lines=[line for line in statement.lines if line.amount])
    if statement.opening is None or statement.closing is None:
        return statement
    for line in statement.lines:
        if line.currency != statement.currency:
            raise BankFileRefused(
                f"{line.place}: the amount is in {line.currency}, and the balances are in {statement.currency}."
            )
    for balance in (statement.opening, statement.closing):
        check_amount(balance, statement.currency, f"Statement {statement.reference}")
    expected = EXACT.add(statement.opening, exact_sum(line.amount for line in statement.lines))
    if expected != statement.closing:
        raise BankFileRefused(
            f"Statement {statement.reference}: the closing balance is {statement.closing:f} {statement.currency}, but"
            f" the opening balance and the lines sum to {expected:f} {statement.currency}. Download the file again."
        )
    return statement


def check_amount(amount: Decimal, currency: str, place: str) -> None:
    """:raises BankFileRefused: if an amount is out of bounds, or not a multiple of its currency's minor unit."""
    unit = MINOR_UNITS.get(currency)
    if unit is None:
        raise BankFileRefused(f"{place}: “{currency[:10]}” is not a currency.")
    if not amount.is_finite() or abs(amount) > MAX_AMOUNT:
        raise BankFileRefused(f"{place}: the amount is out of range.")
    if amount % unit != ZERO:
        raise BankFileRefused(f"{place}: {amount:f} has too many decimal places for {currency}.")


def clean_text(text: str, size: int) -> str:
    """Return a text without control characters and repeated blanks, cut to a size."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:size].strip()


def clean_account(text: str) -> str:
    """Return an account's number without blanks, in upper case."""
    return "".join(clean_text(text, 2 * MAX_ACCOUNT).split()).upper()[:MAX_ACCOUNT]
