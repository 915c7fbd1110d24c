"""Coupons: what they take off which lines."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from lib.decimals import EXACT, ZERO
from lib.money import allocate, minor_unit, round_money
from plans.pricing.validation import InvalidCharge, check_percent, check_price


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


Fits = Callable[[Sequence[Decimal]], bool]
"""Whether a document may come to these amounts, one for each claim: its total, with taxes, is not below zero."""


def take_off(
    discounts: Sequence[Discount], claims: Sequence[Claim], currency: str, *, fits: Fits | None = None
) -> tuple[TakenOff, ...]:
    """
    Return what each discount takes off these lines.

    Discounts stack on the remainder, in the order given. Each is rounded once, is never more than what is left of the
    lines that it is for, and is spread over them by largest remainder. Lines that give back are not discounted; what
    they give back is not taken off a second time, so all discounts together leave a sum of zero or more, if it was.

    fits: asked where lines give back, since what is claimed may be taxed at another rate than what is given back: a
    discount that would leave too little is cut to where it fits.

    Source: docs/pricing.md#discounts.
    """
    left = [claim.amount for claim in claims]
    most = max(sum(left, ZERO), ZERO)
    may_not_fit = fits is not None and any(amount < 0 for amount in left)
    found = []
    for discount in discounts:
        weights = [
            max(amount, ZERO) if discount.scope is None or claim.key in discount.scope else ZERO
            for claim, amount in zip(claims, left, strict=True)
        ]
        base = sum(weights, ZERO)
        shares = _shares(min(_wanted(discount, base, currency), base, most), weights, currency)
        if fits is not None and may_not_fit and not fits(_less(left, shares)):
            shares = _cut(shares, left, weights, currency, fits)
        taken = sum(shares, ZERO)
        left = _less(left, shares)
        most = EXACT.subtract(most, taken)
        found.append(TakenOff(base, taken, shares))
    return tuple(found)


def _shares(taken: Decimal, weights: Sequence[Decimal], currency: str) -> tuple[Decimal, ...]:
    return allocate(taken, weights, minor_unit(currency)) if taken else (ZERO,) * len(weights)


def _less(left: Sequence[Decimal], shares: Sequence[Decimal]) -> list[Decimal]:
    return [EXACT.subtract(amount, share) for amount, share in zip(left, shares, strict=True)]


def _cut(
    shares: tuple[Decimal, ...], left: Sequence[Decimal], weights: Sequence[Decimal], currency: str, fits: Fits
) -> tuple[Decimal, ...]:
    """Return the shares of a smaller total that fits, found by halving; nothing if none does."""
    unit = minor_unit(currency)
    too_much = int(EXACT.divide(sum(shares, ZERO), unit))

    def of(count: int) -> tuple[Decimal, ...]:
        return _shares(EXACT.multiply(Decimal(count), unit), weights, currency)

    # As many counts from 1 on fit as come before the first that does not.
    return of(bisect_left(range(1, too_much), True, key=lambda count: not fits(_less(left, of(count)))))


def _wanted(discount: Discount, base: Decimal, currency: str) -> Decimal:
    if discount.amount is not None:
        return round_money(discount.amount, currency)
    return round_money(Fraction(base) * Fraction(discount.percent or ZERO) / 100, currency)
