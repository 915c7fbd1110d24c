"""A lot: prepaid value granted at once, on one set of terms."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from lib.decimals import EXACT, ZERO
from wallets.credit_rules.units import PLACES


@dataclass(frozen=True, slots=True)
class Lot:
    """
    The state of a lot.

    amount: units granted. remaining: units not spent, expired or voided. held: the part of them held for
        reservations.
    expired: units gone to breakage, which use from before the expiry may reclaim.
    cost: paid for the whole lot, net of tax. is_paid: whether it counts as paid rather than promotional.
    valid_from, expires_at: half-open; None for no bound. features: all if empty.
    priority: the lowest number is taken first. granted_at, id: the last tie-breakers.
    wallet_id, wallet_priority: its wallet; wallets are taken one after the other.
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
        """Units that are neither gone nor held."""
        return EXACT.subtract(self.remaining, self.held)

    def is_valid(self, at: datetime) -> bool:
        """Return whether it may pay for use at `at`."""
        return (self.valid_from is None or self.valid_from <= at) and (
            self.expires_at is None or at < self.expires_at
        )

    def is_for(self, feature: int | None) -> bool:
        """
        Return whether it may pay for a feature. None: for something that is not a feature, which a restricted lot
        can't pay.
        """
        return not self.features or feature in self.features


def cost_between(lot: Lot, before: Decimal, after: Decimal) -> Decimal:
    """
    Return the cost of the units between `before` and `after` remaining units; negative if the lot grows.

    The cost of removed units is a function of their total, so any sequence of movements costs the same, and the last
    unit absorbs the rounding.

    Source: docs/wallets.md#cost-basis.
    """
    return EXACT.subtract(_cost_of_removed(lot, after), _cost_of_removed(lot, before))


def _cost_of_removed(lot: Lot, remaining: Decimal) -> Decimal:
    removed = EXACT.subtract(lot.amount, remaining)
    # In whole steps of the last place: fractions take several times as long, and each spend calculates this twice.
    cost, removed_steps, amount = _steps(lot.cost), _steps(removed), _steps(lot.amount)
    return EXACT.scaleb(Decimal((2 * cost * removed_steps + amount) // (2 * amount)), -PLACES) if cost else ZERO


def _steps(units: Decimal) -> int:
    return int(EXACT.scaleb(units, PLACES))
