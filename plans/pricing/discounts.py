"""Coupons: what they take off which lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from plans.pricing.bounds import InvalidCharge, check_percent, check_price
from plans.pricing.exact import EXACT, ZERO
from plans.pricing.money import allocate, minor_unit, round_money


@dataclass(frozen=True, slots=True)
class Discount:
    """
    A percentage, or an amount.

    percent: of what is left of the lines that it is for. amount: in the document's currency. One of them is given.
    scope: the keys of the lines that it is for; None = all of them.
    """

    percent: Decimal | None = None
    amount: Decimal | None = None
    scope: frozenset[int | str] | None = None

    def __post_init__(self) -> None:
        if (self.percent is None) == (self.amount is None):
            raise InvalidCharge("A discount is either a percentage or an amount.")
        if self.percent is not None:
            check_percent(self.percent, of="A discount's percentage")
        if self.amount is not None:
            check_price(self.amount, of="A discount's amount")


@dataclass(frozen=True, slots=True)
class Claim:
    """A line that may be discounted: its key, by which discounts name it, and what it claims, rounded."""

    key: int | str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class TakenOff:
    """
    What one discount takes off: in all, and of each line; the shares sum to the total exactly.

    base: what was left of the lines that it is for.
    """

    base: Decimal
    total: Decimal
    shares: tuple[Decimal, ...]


def take_off(discounts: Sequence[Discount], claims: Sequence[Claim], currency: str) -> tuple[TakenOff, ...]:
    """
    Return what each discount takes off these lines.

    Discounts stack on the remainder, in the order given. Each is rounded once, is never more than what is left of the
    lines that it is for, and is spread over them by largest remainder. Lines that give back are not discounted; what
    they give back is not taken off a second time, so all discounts together leave a sum of zero or more, if it was.

    Source: docs/pricing.md#discounts.
    """
    left = [max(claim.amount, ZERO) for claim in claims]
    most = max(sum((claim.amount for claim in claims), ZERO), ZERO)
    found = []
    for discount in discounts:
        weights = [
            amount if discount.scope is None or claim.key in discount.scope else ZERO
            for claim, amount in zip(claims, left, strict=True)
        ]
        base = sum(weights, ZERO)
        taken = min(_wanted(discount, base, currency), base, most)
        shares = allocate(taken, weights, minor_unit(currency)) if taken else (ZERO,) * len(weights)
        left = [EXACT.subtract(amount, share) for amount, share in zip(left, shares, strict=True)]
        most = EXACT.subtract(most, taken)
        found.append(TakenOff(base, taken, shares))
    return tuple(found)


def _wanted(discount: Discount, base: Decimal, currency: str) -> Decimal:
    if discount.amount is not None:
        return round_money(discount.amount, currency)
    return round_money(Fraction(base) * Fraction(discount.percent or ZERO) / 100, currency)
