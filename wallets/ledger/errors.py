"""Refusals of wallet operations."""

from decimal import Decimal

from django.utils.translation import gettext as _


class LedgerRefused(Exception):
    """The movement can't be made; the text gives the reason and the remedy. field: the argument at fault."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class InsufficientUnits(LedgerRefused):
    """The wallet has fewer units than requested. available: the units it has."""

    def __init__(self, requested: Decimal, available: Decimal, unit: str) -> None:
        text = _("The balance is too low: %(available)s of %(requested)s %(unit)s available. Top up the wallet.")
        amounts = {"requested": f"{requested.normalize():f}", "available": f"{available.normalize():f}"}
        super().__init__(text % {**amounts, "unit": unit}, field="amount")
        self.available = available


class ReferenceConflict(LedgerRefused):
    """The reference is already used by a different transaction."""

    def __init__(self, reference: str) -> None:
        text = _("The reference “%(reference)s” is already used by another transaction. Use a new one.")
        super().__init__(text % {"reference": reference}, field="reference")
