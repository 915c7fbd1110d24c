"""Refusals of wallet operations."""

from decimal import Decimal


class LedgerRefused(Exception):
    """The movement can't be made; the text gives the reason and the remedy. field: the argument at fault."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class InsufficientUnits(LedgerRefused):
    """The wallet has fewer units than requested. available: the units it has."""

    def __init__(self, requested: Decimal, available: Decimal, unit: str) -> None:
        super().__init__(
            f"{requested.normalize():f} {unit} were asked for, and {available.normalize():f} are available: top up.",
            field="amount",
        )
        self.available = available


class ReferenceConflict(LedgerRefused):
    """The reference is already used by a different movement."""

    def __init__(self, reference: str) -> None:
        super().__init__(
            f"“{reference}” names a movement with other content already: use a new one.", field="reference"
        )
