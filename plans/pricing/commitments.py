"""Commitments: a guaranteed minimum with a true-up, and a surcharge on spend above it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from lib.decimals import EXACT, ZERO
from lib.money import round_money
from plans.pricing.validation import InvalidCharge, check_percent, check_price

MAX_FACTOR = Decimal(100)
# Ten years of monthly invoices.
MAX_PERIODS = 120
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class SpendCommitment:
    """
    A minimum spend in a period, or over a contract of several periods.

    minimum: of a full period, of the full contract, or of a full usage window. For a commitment in units it is their
    worth, and zero until they are priced (`committed_units.py`).
    periods: number of invoice periods that the minimum covers; more than one make a contract.
    overage_factor: multiplies usage above the minimum, 0 to 100; 1 = no surcharge.
    discount: percent off unit prices in return for the commitment, 0 to 100.
    trues_up: whether the missing part is billed at the end. Without it the minimum only separates spend within the
    commitment from spend above it.
    feature: code of the only feature whose usage counts; empty if all usage does.
    units: the commitment in units of that feature; None if it is in money.
    per_window: whether each usage window of the feature's price has the minimum, instead of the period.

    Source: docs/pricing.md#commitments.
    """

    minimum: Decimal
    overage_factor: Decimal = Decimal(1)
    discount: Decimal = ZERO
    trues_up: bool = True
    periods: int = 1
    feature: str = ""
    units: Decimal | None = None
    per_window: bool = False

    def __post_init__(self) -> None:
        check_price(self.minimum, subject="The minimum commitment")
        if not 1 <= self.periods <= MAX_PERIODS:
            raise InvalidCharge(f"A contract lasts 1 to {MAX_PERIODS} invoice periods, not {self.periods}.")
        if not self.overage_factor.is_finite() or not 0 <= self.overage_factor <= MAX_FACTOR:
            raise InvalidCharge(
                f"Usage beyond a commitment is charged at 0 to {MAX_FACTOR} times its price, not"
                f" {self.overage_factor}."
            )
        check_percent(self.discount, subject="The committed discount")
        if self.discount > HUNDRED:
            raise InvalidCharge(f"A committed discount is at most 100%, not {self.discount:f}.")
        if self.units is not None and not (self.units.is_finite() and self.units > 0):
            raise InvalidCharge(f"Committed units must be a number above zero, not {self.units}.")
        if self.units is not None and not self.feature:
            raise InvalidCharge("A commitment in units needs the code of the feature that they are units of.")
        if self.per_window and not self.feature:
            raise InvalidCharge("A commitment per usage window needs the code of the feature whose windows count.")
        if self.per_window and self.periods > 1:
            raise InvalidCharge(
                f"A commitment per usage window covers 1 of the invoice periods at a time, not {self.periods}."
            )

    def covers(self, feature: str) -> bool:
        """Return whether usage of the feature with this code counts toward the commitment."""
        return self.feature in ("", feature)

    def discounted(self, unit_price: Decimal) -> Decimal:
        """Return a unit price less the discount, exactly."""
        return discount_price(unit_price, self.discount)


def discount_price(unit_price: Decimal, percent: Decimal) -> Decimal:
    """
    Return a unit price less a percentage, exactly: a price of 12 places and a percentage of 10 give up to 24 places.
    """
    return EXACT.multiply(unit_price, EXACT.scaleb(EXACT.subtract(HUNDRED, percent), -2))


@dataclass(frozen=True, slots=True)
class CommitmentSettlement:
    """
    A period's amount under a commitment: within + excess + surcharge + true_up.

    limit: the committed minimum, less the spend of earlier periods of the contract.
    within, excess: the parts of the spend up to the limit and above it.
    surcharge: the factor's addition to the excess, below zero for a factor below 1.
    true_up: the missing part, billed without usage.
    """

    limit: Decimal
    within: Decimal
    excess: Decimal
    surcharge: Decimal
    true_up: Decimal

    @property
    def total(self) -> Decimal:
        return EXACT.add(EXACT.add(self.within, self.excess), EXACT.add(self.surcharge, self.true_up))

    def __add__(self, other: "CommitmentSettlement") -> "CommitmentSettlement":
        return CommitmentSettlement(
            limit=EXACT.add(self.limit, other.limit),
            within=EXACT.add(self.within, other.within),
            excess=EXACT.add(self.excess, other.excess),
            surcharge=EXACT.add(self.surcharge, other.surcharge),
            true_up=EXACT.add(self.true_up, other.true_up),
        )


NOTHING_SETTLED = CommitmentSettlement(ZERO, ZERO, ZERO, ZERO, ZERO)


def settle_commitment(
    commitment: SpendCommitment,
    *,
    spent: Decimal,
    currency: str,
    spent_before: Decimal = ZERO,
    share: Fraction = Fraction(1),
    is_final: bool = True,
) -> CommitmentSettlement:
    """
    Split a period's spend at the committed minimum, and compute the surcharge and the true-up.

    spent: the amounts that count toward the commitment in this period, rounded as their lines are.
    spent_before: the same of the contract's earlier periods, at list prices.
    share: the period's share of a full one; the minimum is prorated by it.
    is_final: whether the period, or the contract, ends here; a true-up is due only then.

    Source: docs/pricing.md#commitments.
    """
    minimum = round_money(Fraction(commitment.minimum) * share, currency)
    limit = max(EXACT.subtract(minimum, spent_before), ZERO)
    within = min(spent, limit)
    excess = EXACT.subtract(spent, within)
    surcharge_factor = EXACT.subtract(commitment.overage_factor, Decimal(1))
    return CommitmentSettlement(
        limit=limit,
        within=within,
        excess=excess,
        surcharge=round_money(EXACT.multiply(excess, surcharge_factor), currency),
        true_up=EXACT.subtract(limit, within) if is_final and commitment.trues_up else ZERO,
    )


def parts_within(amounts: Iterable[Decimal], *, limit: Decimal, spent_before: Decimal = ZERO) -> Iterator[Decimal]:
    """
    Yield the part of each amount that lies within a commitment; the rest of it lies beyond.

    amounts: of the lines, in their order; a line below zero returns its part. limit: of the settlement.
    spent_before: the spend of earlier lines, which used the commitment first.

    The parts are differences of `min(spend, limit)`, so they sum exactly to the growth of the settlement's `within`.

    Source: docs/pricing.md#commitments.
    """
    spent = spent_before
    for amount in amounts:
        before, spent = spent, EXACT.add(spent, amount)
        yield EXACT.subtract(min(spent, limit), min(before, limit))
