"""A lot: some prepaid value that was granted at once, on one set of conditions."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from lib.decimals import EXACT, ZERO
from wallets.credit_rules.units import PLACES


@dataclass(frozen=True, slots=True)
class Lot:
    """
    A lot as it stands.

    amount: units that were granted. remaining: those not spent, expired or void. held: of those, what reservations
    keep for themselves. expired: units that went to breakage, which use from before the expiry may take back.
    cost: what all of it was paid with, net of tax. is_paid: whether it counts as paid for rather than promotional.
    valid_from, expires_at: half-open; without end where None. features: all where empty.
    priority: the lowest number is taken first. granted_at, id: the last tie-breakers.
    wallet_id, wallet_priority: where it lies; wallets are taken one after the other.
    """

    id: int
    amount: Decimal
    remaining: Decimal
    held: Decimal = ZERO
    expired: Decimal = ZERO
    cost: Decimal = ZERO
    is_paid: bool = True
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    features: frozenset[int] = frozenset()
    priority: int = 50
    granted_at: datetime | None = None
    wallet_id: int = 0
    wallet_priority: int = 0

    @property
    def free(self) -> Decimal:
        """What is neither gone nor held."""
        return EXACT.subtract(self.remaining, self.held)

    def is_valid(self, at: datetime) -> bool:
        """Tell whether it may pay for use at `at`."""
        return (self.valid_from is None or self.valid_from <= at) and (
            self.expires_at is None or at < self.expires_at
        )

    def is_for(self, feature: int | None) -> bool:
        """Tell whether it may pay for a feature; None: for something that is none, which a restricted lot may not."""
        return not self.features or feature in self.features


def cost_between(lot: Lot, before: Decimal, after: Decimal) -> Decimal:
    """
    Return what the units cost that take a lot from `before` to `after` remaining units; below zero if it grows.

    The cost of what is gone is a function of how much is gone, so that any sequence of movements costs the same, and
    the last unit takes what rounding left.

    Source: docs/wallets.md#cost-basis.
    """
    return EXACT.subtract(_cost_of_removed(lot, after), _cost_of_removed(lot, before))


def _cost_of_removed(lot: Lot, remaining: Decimal) -> Decimal:
    removed = EXACT.subtract(lot.amount, remaining)
    # In whole steps of the last place: fractions take several times as long, and each spend waits for it twice.
    cost, removed_steps, amount = _steps(lot.cost), _steps(removed), _steps(lot.amount)
    return EXACT.scaleb(Decimal((2 * cost * removed_steps + amount) // (2 * amount)), -PLACES) if cost else ZERO


def _steps(units: Decimal) -> int:
    return int(EXACT.scaleb(units, PLACES))
