"""Why an operation on a wallet is refused."""

from decimal import Decimal


class LedgerRefused(Exception):
    """A movement cannot be made as asked; the text says why and what to do. field: which of its figures it is."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class InsufficientUnits(LedgerRefused):
    """The wallet has less than was asked for. available: how much it has."""

    def __init__(self, requested: Decimal, available: Decimal, unit: str) -> None:
        super().__init__(
            f"{requested.normalize():f} {unit} were asked for, and {available.normalize():f} are available: top up.",
            field="amount",
        )
        self.available = available


class ReferenceConflict(LedgerRefused):
    """The reference names another movement already."""

    def __init__(self, reference: str) -> None:
        super().__init__(
            f"“{reference}” names a movement with other content already: use a new one.", field="reference"
        )
