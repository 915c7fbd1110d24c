"""
Add up a wallet's ledger: opening balance, movements, closing balance.

Source: docs/wallets.md#statements.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from lib.decimals import EXACT, ZERO


class StatementSection(StrEnum):
    """The sections of a statement, in order."""

    GRANTED = "granted"
    USED = "used"
    EXPIRED = "expired"
    ROLLED_OVER = "rolled_over"
    REPAID = "repaid"
    PAID = "paid"
    REFUNDED = "refunded"
    VOIDED = "voided"
    TRANSFERRED_IN = "transferred_in"
    TRANSFERRED_OUT = "transferred_out"


SECTIONS = {
    "grant": StatementSection.GRANTED,
    "spend": StatementSection.USED,
    "give_back": StatementSection.USED,
    "expire": StatementSection.EXPIRED,
    "revive": StatementSection.EXPIRED,
    "roll_over": StatementSection.ROLLED_OVER,
    "repay": StatementSection.REPAID,
    "pay": StatementSection.PAID,
    "refund": StatementSection.REFUNDED,
    "void": StatementSection.VOIDED,
    "transfer_in": StatementSection.TRANSFERRED_IN,
    "transfer_out": StatementSection.TRANSFERRED_OUT,
}
"""Kind of movement → the section of the statement."""

STAYS = (StatementSection.ROLLED_OVER, StatementSection.REPAID)
"""Movements within the wallet: their units sum to zero, and the line states the units moved."""


class Moved(NamedTuple):
    """
    Summed entries of the wallet's own account.

    is_within: whether they were made in the span; otherwise after it. kind: of the movement. name: the feature of a
        spend, or the kind of a granted lot. units, money: the wallet's gain. put_in: sum of the positive units.
    """

    is_within: bool
    kind: str
    name: str
    units: Decimal
    money: Decimal
    put_in: Decimal


class StatementLine(NamedTuple):
    """A line of a statement. units, money: the wallet's gain. moved: units moved within the wallet."""

    section: StatementSection
    name: str
    units: Decimal
    money: Decimal
    moved: Decimal = ZERO


class Statement(NamedTuple):
    """
    A statement of a span.

    opening, closing: the balance, negative for debt. opening_cost, closing_cost: the cost of its lots, net of tax,
        which is deferred revenue. opening + Σ lines = closing, in units and in money.
    """

    opening: Decimal
    opening_cost: Decimal
    lines: tuple[StatementLine, ...]
    closing: Decimal
    closing_cost: Decimal


def build_statement(present: tuple[Decimal, Decimal], movements: Iterable[Moved]) -> Statement:
    """
    Return the statement of a span.

    present: the wallet's current balance, and the current cost of its lots. moved: all movements since the span
        began.

    It is calculated backwards from the present, so movements before the span need not be read.
    """
    closing, closing_cost = present
    lines: dict[tuple[StatementSection, str], StatementLine] = {}
    for movement in movements:
        if not movement.is_within:
            closing = EXACT.subtract(closing, movement.units)
            closing_cost = EXACT.subtract(closing_cost, movement.money)
            continue
        section = SECTIONS[movement.kind]
        name = movement.name if section in (StatementSection.GRANTED, StatementSection.USED) else ""
        line = lines.get((section, name), StatementLine(section, name, ZERO, ZERO))
        lines[section, name] = StatementLine(
            section,
            name,
            EXACT.add(line.units, movement.units),
            EXACT.add(line.money, movement.money),
            EXACT.add(line.moved, movement.put_in) if section in STAYS else ZERO,
        )
    opening, opening_cost = closing, closing_cost
    for line in lines.values():
        opening, opening_cost = EXACT.subtract(opening, line.units), EXACT.subtract(opening_cost, line.money)
    order = list(StatementSection)
    ordered_lines = sorted(lines.values(), key=lambda line: (order.index(line.section), line.name))
    return Statement(opening, opening_cost, tuple(ordered_lines), closing, closing_cost)
