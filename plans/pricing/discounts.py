"""Coupons: the discounts of invoice lines."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from lib.decimals import EXACT, ZERO
from lib.money import allocate, minor_unit, round_money
from plans.pricing.validation import InvalidCharge, check_percent, check_price


@dataclass(frozen=True, slots=True)
class DiscountTerms:
    """
    A percentage or an amount; exactly one of the two.

    percent: of the remaining amount of the lines in scope. amount: in the invoice's currency.
    scope: the keys of the lines that the discount applies to; None = all lines.
    """

    percent: Decimal | None = None
    amount: Decimal | None = None
    scope: frozenset[int | str] | None = None

    def __post_init__(self) -> None:
        if (self.percent is None) == (self.amount is None):
            raise InvalidCharge("A discount is either a percentage or an amount.")
        if self.percent is not None:
            check_percent(self.percent, subject="A discount's percentage")
        if self.amount is not None:
            check_price(self.amount, subject="A discount's amount")


@dataclass(frozen=True, slots=True)
class DiscountableLine:
    """A line that may be discounted: its key, by which discounts name it, and its rounded amount."""

    key: int | str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class AppliedDiscount:
    """
    The effect of one discount: its total, and its share of each line; the shares sum to the total exactly.

    base: the remaining amount of the lines in scope.
    """

    base: Decimal
    total: Decimal
    shares: tuple[Decimal, ...]


AmountsCheck = Callable[[Sequence[Decimal]], bool]
"""Whether an invoice may have these amounts, one for each line: its total, with taxes, is not below zero."""


def apply_discounts(
    discounts: Sequence[DiscountTerms],
    lines: Sequence[DiscountableLine],
    currency: str,
    *,
    is_allowed: AmountsCheck | None = None,
) -> tuple[AppliedDiscount, ...]:
    """
    Return the effect of each discount on these lines.

    Each discount applies to the amount that the previous ones left, in the given order. It is rounded once, never
    exceeds the remaining amount of the lines in scope, and is allocated to them by largest remainder. Credit lines
    are not discounted, and discounts do not apply to amounts that credit lines offset, so all discounts together
    leave a sum of zero or more if it was zero or more before.

    is_allowed: checked if there are credit lines, since they may be taxed at another rate than the charges: a
    discount that would leave too little is reduced until it is allowed.

    Source: docs/pricing.md#discounts.
    """
    remaining = [line.amount for line in lines]
    most_to_discount = max(sum(remaining, ZERO), ZERO)
    has_credits = is_allowed is not None and any(amount < 0 for amount in remaining)
    applied = []
    for discount in discounts:
        weights = [
            max(amount, ZERO) if discount.scope is None or line.key in discount.scope else ZERO
            for line, amount in zip(lines, remaining, strict=True)
        ]
        base = sum(weights, ZERO)
        shares = _allocate(min(_nominal_amount(discount, base, currency), base, most_to_discount), weights, currency)
        if is_allowed is not None and has_credits and not is_allowed(_subtract_shares(remaining, shares)):
            shares = _reduce_shares(shares, remaining, weights, currency, is_allowed)
        discount_total = sum(shares, ZERO)
        remaining = _subtract_shares(remaining, shares)
        most_to_discount = EXACT.subtract(most_to_discount, discount_total)
        applied.append(AppliedDiscount(base, discount_total, shares))
    return tuple(applied)


def _allocate(total: Decimal, weights: Sequence[Decimal], currency: str) -> tuple[Decimal, ...]:
    return allocate(total, weights, minor_unit(currency)) if total else (ZERO,) * len(weights)


def _subtract_shares(amounts: Sequence[Decimal], shares: Sequence[Decimal]) -> list[Decimal]:
    return [EXACT.subtract(amount, share) for amount, share in zip(amounts, shares, strict=True)]


def _reduce_shares(
    shares: tuple[Decimal, ...],
    amounts: Sequence[Decimal],
    weights: Sequence[Decimal],
    currency: str,
    is_allowed: AmountsCheck,
) -> tuple[Decimal, ...]:
    """Return the shares of the largest smaller total that is allowed, found by bisection; zeros if none is."""
    unit = minor_unit(currency)
    refused_count = int(EXACT.divide(sum(shares, ZERO), unit))

    def shares_of(count: int) -> tuple[Decimal, ...]:
        return _allocate(EXACT.multiply(Decimal(count), unit), weights, currency)

    # All counts below the first refused one are allowed, so bisection over 1, 2, … finds the largest allowed count.
    return shares_of(
        bisect_left(
            range(1, refused_count),
            True,
            key=lambda count: not is_allowed(_subtract_shares(amounts, shares_of(count))),
        )
    )


def _nominal_amount(discount: DiscountTerms, base: Decimal, currency: str) -> Decimal:
    if discount.amount is not None:
        return round_money(discount.amount, currency)
    return round_money(Fraction(base) * Fraction(discount.percent or ZERO) / 100, currency)
