"""The lines of a statement in the customer's language: for the statement itself, and for an invoice's appendix."""

from collections.abc import Callable
from decimal import Decimal

from invoices.rendering.formats import Figures
from invoices.rendering.wallet_facts import WalletRow
from wallets.models.wallets import CREDITS
from wallets.statements.totals import STAYS, Statement, StatementLine, StatementSection
from wallets.statements.translations import StatementWords


def amounts(unit: str, *, figures: Figures, words: StatementWords) -> Callable[[Decimal], str]:
    """Return a function that formats amounts of a wallet's unit: as money, or as credits."""

    def amount(units: Decimal) -> str:
        if unit != CREDITS:
            return figures.money(units)
        return f"{figures.quantity(units)} {words.credit if abs(units) == 1 else words.credits}"

    return amount


def statement_rows(
    statement: Statement, *, amount: Callable[[Decimal], str], words: StatementWords
) -> tuple[WalletRow, ...]:
    """Return the rows of a statement, from the opening balance to the closing one."""
    return (
        WalletRow(words.opening, amount(statement.opening), is_sum=True),
        *(
            WalletRow(_text(line, words), amount(line.units), _note(line, words, amount(line.moved)))
            for line in statement.lines
        ),
        WalletRow(words.closing, amount(statement.closing), is_sum=True),
    )


def _text(line: StatementLine, words: StatementWords) -> str:
    if line.section == StatementSection.GRANTED:
        return words.granted[line.name]
    if line.section == StatementSection.USED:
        return words.used.format(name=line.name or words.by_hand)
    return str(getattr(words, line.section.value))


def _note(line: StatementLine, words: StatementWords, moved: str) -> str:
    return words.stays.format(amount=moved) if line.section in STAYS else ""
