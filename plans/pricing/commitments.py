"""What a customer promised to spend: made up where it was not reached, charged differently beyond."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from lib.decimals import EXACT, ZERO
from lib.money import round_money
from plans.pricing.validation import InvalidCharge, check_percent, check_price

MOST_FACTOR = Decimal(100)
MOST_PERIODS = 120
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Commitment:
    """
    A minimum to spend in a period, or over a contract of several.

    minimum: of a full period, or of the whole contract.
    periods: how many invoice periods the minimum is for; more than one make a contract.
    overage_factor: what usage beyond the minimum is multiplied by, 0 to 100; 1 = nothing more.
    discount: percent off unit prices in return for the promise, 0 to 100.
    trues_up: whether what is missing is claimed at the end; without it the minimum only parts what is within it from
        what is beyond.

    Source: docs/pricing.md#commitments.
    """

    minimum: Decimal
    overage_factor: Decimal = Decimal(1)
    discount: Decimal = ZERO
    trues_up: bool = True
    periods: int = 1

    def __post_init__(self) -> None:
        check_price(self.minimum, of="The minimum commitment")
        if not 1 <= self.periods <= MOST_PERIODS:
            raise InvalidCharge(f"A contract lasts 1 to {MOST_PERIODS} invoice periods, not {self.periods}.")
        if not self.overage_factor.is_finite() or not 0 <= self.overage_factor <= MOST_FACTOR:
            raise InvalidCharge(
                f"Usage beyond a commitment is charged at 0 to {MOST_FACTOR} times its price, not"
                f" {self.overage_factor}."
            )
        check_percent(self.discount, of="The committed discount")
        if self.discount > HUNDRED:
            raise InvalidCharge(f"A committed discount is at most 100 %, not {self.discount:f}.")

    def discounted(self, unit_price: Decimal) -> Decimal:
        """Return a unit price less the discount, exactly."""
        return discounted(unit_price, self.discount)


def discounted(unit_price: Decimal, percent: Decimal) -> Decimal:
    """Return a unit price less a percentage, exactly: of 12 places and 10, it may have 24."""
    return EXACT.multiply(unit_price, EXACT.scaleb(EXACT.subtract(HUNDRED, percent), -2))


@dataclass(frozen=True, slots=True)
class Settled:
    """
    What a period comes to under a commitment: within + beyond + surcharge + true_up.

    limit: what was promised, less what earlier periods of the contract spent.
    within, beyond: of what was spent, what the promise covers and what exceeds it.
    surcharge: what the factor adds to the excess, below zero for a factor below 1.
    true_up: what is claimed without having been used.
    """

    limit: Decimal
    within: Decimal
    beyond: Decimal
    surcharge: Decimal
    true_up: Decimal

    @property
    def total(self) -> Decimal:
        return EXACT.add(EXACT.add(self.within, self.beyond), EXACT.add(self.surcharge, self.true_up))


def settle(
    commitment: Commitment,
    *,
    spent: Decimal,
    currency: str,
    before: Decimal = ZERO,
    share: Fraction = Fraction(1),
    is_final: bool = True,
) -> Settled:
    """
    Part what was spent by what was promised, and return what is claimed beside it.

    spent: the claims that count toward the commitment in this period, rounded as their lines are.
    before: the same of the contract's earlier periods, at plain prices.
    share: of a full period that this one is; the promise holds in proportion.
    is_final: whether the period, or the contract, ends here; what is missing is made up only then.

    Source: docs/pricing.md#commitments.
    """
    promised = round_money(Fraction(commitment.minimum) * share, currency)
    limit = max(EXACT.subtract(promised, before), ZERO)
    within = min(spent, limit)
    beyond = EXACT.subtract(spent, within)
    extra = EXACT.subtract(commitment.overage_factor, Decimal(1))
    return Settled(
        limit=limit,
        within=within,
        beyond=beyond,
        surcharge=round_money(EXACT.multiply(beyond, extra), currency),
        true_up=EXACT.subtract(limit, within) if is_final and commitment.trues_up else ZERO,
    )
