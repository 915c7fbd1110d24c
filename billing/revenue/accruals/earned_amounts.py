"""The amounts that a period has earned by a time beyond those of its lines, by the line that bills them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from invoices.documents.drafts import DraftLine
from lib.decimals import EXACT, ZERO


class EarnedKey(NamedTuple):
    """The line that bills an amount. is_uninvoiced: whether it counts only until its period is invoiced."""

    kind: str
    plan_feature_id: int | None
    fee_id: int | None
    is_uninvoiced: bool


class EarnedAmounts:
    """Amounts by the line that bills them, added up."""

    def __init__(self) -> None:
        self._amounts: dict[EarnedKey, Decimal] = {}

    def add(self, line: DraftLine, amount: Decimal, *, kind: str = "", is_uninvoiced: bool) -> None:
        """Add an amount of a line. kind: default: the line's."""
        key = EarnedKey(kind or line.kind, line.plan_feature_id, line.fee_id, is_uninvoiced)
        self._amounts[key] = EXACT.add(self._amounts.get(key, ZERO), amount)

    def __iter__(self) -> Iterator[tuple[EarnedKey, Decimal]]:
        """Yield the amounts that are not zero."""
        return ((key, amount) for key, amount in self._amounts.items() if amount)
