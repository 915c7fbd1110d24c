"""
Add up a wallet's ledger: opening, what came and went, closing.

Source: docs/wallets.md#statements.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from lib.decimals import EXACT, ZERO


class Section(StrEnum):
    """What a line of a statement is about, in the order of the statement."""

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
    "grant": Section.GRANTED,
    "spend": Section.USED,
    "give_back": Section.USED,
    "expire": Section.EXPIRED,
    "revive": Section.EXPIRED,
    "roll_over": Section.ROLLED_OVER,
    "repay": Section.REPAID,
    "pay": Section.PAID,
    "refund": Section.REFUNDED,
    "void": Section.VOIDED,
    "transfer_in": Section.TRANSFERRED_IN,
    "transfer_out": Section.TRANSFERRED_OUT,
}
"""Kind of movement → where a statement tells it."""

STAYS = (Section.ROLLED_OVER, Section.REPAID)
"""What moves within the wallet: its units sum to nothing, and what is told is how many moved."""


class Moved(NamedTuple):
    """
    Entries of the wallet's own account, added up.

    is_within: whether they were made in the span; after it otherwise. kind: of the movement. name: the feature's, of
    use, or the lot's kind. units, money: what the wallet gained. put_in: units of those above zero.
    """

    is_within: bool
    kind: str
    name: str
    units: Decimal
    money: Decimal
    put_in: Decimal


class Line(NamedTuple):
    """units, money: what the wallet gained. moved: how many units moved within it, of what stays there."""

    section: Section
    name: str
    units: Decimal
    money: Decimal
    moved: Decimal = ZERO


class Statement(NamedTuple):
    """
    opening, closing: the balance, below zero for what is owed. opening_cost, closing_cost: what its lots cost, net of
    tax: revenue that is deferred. opening + Σ lines = closing, in units and in money.
    """

    opening: Decimal
    opening_cost: Decimal
    lines: tuple[Line, ...]
    closing: Decimal
    closing_cost: Decimal


def state(present: tuple[Decimal, Decimal], moved: Iterable[Moved]) -> Statement:
    """
    Return the statement of a span.

    present: the wallet's balance now, and what its lots cost now. moved: all since the span began.

    It is counted back from the present, so what was before the span need not be read.
    """
    closing, closing_cost = present
    lines: dict[tuple[Section, str], Line] = {}
    for one in moved:
        if not one.is_within:
            closing, closing_cost = EXACT.subtract(closing, one.units), EXACT.subtract(closing_cost, one.money)
            continue
        section = SECTIONS[one.kind]
        name = one.name if section in (Section.GRANTED, Section.USED) else ""
        line = lines.get((section, name), Line(section, name, ZERO, ZERO))
        lines[section, name] = Line(
            section,
            name,
            EXACT.add(line.units, one.units),
            EXACT.add(line.money, one.money),
            EXACT.add(line.moved, one.put_in) if section in STAYS else ZERO,
        )
    opening, opening_cost = closing, closing_cost
    for line in lines.values():
        opening, opening_cost = EXACT.subtract(opening, line.units), EXACT.subtract(opening_cost, line.money)
    order = list(Section)
    told = sorted(lines.values(), key=lambda line: (order.index(line.section), line.name))
    return Statement(opening, opening_cost, tuple(told), closing, closing_cost)
