"""
The only rating function.

Preview, simulation, forecast, portal, wallet and invoice all call `rate_usage`, so they cannot disagree. It is a pure
function of the period's cumulative quantities: a later invoice bills the rating of all usage minus the amount billed
before.
"""

import decimal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from lib.decimals import EXACT, LEAST_UNIT, ZERO, to_plain_string
from lib.money import round_money
from plans.pricing.charge_models import Dynamic, Graduated, Percentage, QuantityCharge, Volume
from plans.pricing.commitments import discount_price
from plans.pricing.rate_usage import RateUsage
from plans.pricing.rates import LIST_PRICE, RateTerms, match_rate
from plans.pricing.rating_parts import RatingPart, price_units, total
from plans.pricing.rounding import Rounding
from plans.pricing.terms import Consumption, PriceTerms
from plans.pricing.validation import InvalidQuantity

__all__ = [
    "BOUND",
    "LIST_PRICE",
    "UNCOVERED",
    "Bound",
    "Consumption",
    "PriceTerms",
    "RateTerms",
    "RateUsage",
    "RatedLine",
    "Rating",
    "Rounding",
    "UnknownRate",
    "empty_line",
    "match_rate",
    "rate_usage",
]


FULL_PERIOD = Fraction(1)

NO_PRIOR_UNITS: Mapping[int | str, Decimal] = {}

BOUND = -1
"""The key of the line for a minimum or maximum; keys of rates are zero or above."""


UNCOVERED = -2
"""The key of units that a wallet was charged for and could not cover."""


class UnknownRate(ValueError):
    """The usage to rate names a key for which the terms have no rate."""


@dataclass(frozen=True, slots=True)
class RatedLine:
    """
    The amount of one rate: quantity = included + billable + refused, except for a quantity below zero that is not
    credited.

    quantity: units used, after the meter's rounding.
    included: units covered by the allowance, free.
    billable: units that the charge model priced.
    refused: units above a hard cap, which cost nothing and are flagged.
    prior_units: units that had entered the rate's tiers before this quantity.
    value: text of the value that a split price charges here; empty if the price is not split.
    parts: the explanation; their sum is `amount`, exact and unrounded.
    """

    rate_key: int | str
    label: str
    quantity: Decimal
    included: Decimal
    billable: Decimal
    parts: tuple[RatingPart, ...]
    amount: Decimal
    refused: Decimal
    prior_units: Decimal = ZERO
    value: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the explanation as an invoice line stores it: every number as plain decimal text."""
        return {
            "quantity": to_plain_string(self.quantity),
            "included": to_plain_string(self.included),
            "billable": to_plain_string(self.billable),
            "refused": to_plain_string(self.refused),
            "parts": [part.as_json() for part in self.parts],
            "amount": to_plain_string(self.amount),
        }


def empty_line(rate_key: int | str) -> RatedLine:
    """Return a line of zero for a rate, or for a bound."""
    return RatedLine(rate_key, "", ZERO, ZERO, ZERO, (), ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class Bound:
    """
    The line that raises a feature's amount to its minimum, or lowers it to its maximum.

    limit: the minimum or maximum of the period, prorated by its share of a full one.
    amount: the difference, above zero for a minimum and below for a maximum; both are rounded.

    Source: docs/pricing.md#minimum-and-maximum.
    """

    kind: Literal["minimum", "maximum"]
    limit: Decimal
    amount: Decimal

    @property
    def line(self) -> "RatedLine":
        """The bound as a line with the key BOUND: it is billed, explained and offset like any other line."""
        part = price_units(ZERO, None, ZERO, ZERO, self.amount)
        label = f"{self.kind} of {to_plain_string(self.limit)}"
        return RatedLine(BOUND, label, ZERO, ZERO, ZERO, (part,), self.amount, ZERO)


@dataclass(frozen=True, slots=True)
class Rating:
    """
    The rated usage of one feature in a period.

    lines: one per rate that was used or is due without usage, in the terms' order.
    amount: the exact sum of the lines' amounts, unrounded.
    bound: the adjustment by the price's minimum or maximum, if one applies.
    """

    currency: str
    lines: tuple[RatedLine, ...]
    amount: Decimal
    bound: Bound | None = None

    @property
    def quantity(self) -> Decimal:
        """The exact sum of the lines' units, without those that a wallet could not cover."""
        units = ZERO
        for line in self.lines:
            if line.rate_key != UNCOVERED:
                units = EXACT.add(units, line.quantity)
        return units

    @property
    def invoice_lines(self) -> tuple[RatedLine, ...]:
        """All lines that an invoice shows: one for each rate, and the adjustment by a minimum or maximum."""
        return self.lines if self.bound is None else (*self.lines, self.bound.line)

    @property
    def invoiced_amount(self) -> Decimal:
        """The sum of the lines as an invoice shows them: each rounded once to the currency's minor unit."""
        line_amounts = _sum_rounded(self.lines, self.currency)
        return EXACT.add(line_amounts, self.bound.amount) if self.bound else line_amounts


def rate_usage(
    terms: PriceTerms,
    usage_by_rate: Mapping[int | str, Decimal | RateUsage],
    *,
    share: Fraction = FULL_PERIOD,
    is_final: bool = True,
    prior_units: Mapping[int | str, Decimal] = NO_PRIOR_UNITS,
) -> Rating:
    """
    Rate a period's usage of one feature.

    usage_by_rate: rate key → usage since the period began, cumulative: a quantity, or a `RateUsage` where the charge
    depends on more than the quantity. Units that a wallet could not cover have the key UNCOVERED. A rate without
    usage gets no line, except a flat fee, which is due without usage.
    share: the period's share of a full one; a minimum or maximum is prorated by it.
    is_final: False while the period is open and usage may follow: its minimum is not due yet.
    prior_units: rate key → units that have entered its tiers already, billed by the version that was in force before.

    The rates consume the allowance in their listed order, and each rate has its own tiers. If a split price has an
    allowance per value, the rates of a value consume that one. Units above a hard cap are
    refused and cost nothing. The caller does not pass usage that no rate matches: it is unmatched usage.

    :raises UnknownRate: if a key is not a rate's.
    :raises InvalidQuantity: if a quantity is not finite, has too many digits to be priced exactly, or lacks the
    details of usage that its charge needs.

    Source: docs/pricing.md#rating.
    """
    allowances = _Allowances(terms)
    rated_count = 0
    lines = []
    amount = ZERO
    for rate in terms.rates:
        usage = usage_by_rate.get(rate.key)
        if usage is not None:
            rated_count += 1
        elif rate.charge.due_without_usage:
            usage = ZERO
        else:
            continue
        line = _rate_line(terms, rate, usage, allowances.remaining(rate), prior_units.get(rate.key, ZERO))
        lines.append(line)
        if line.included:
            allowances.consume(rate, line.included)
        amount = EXACT.add(amount, line.amount)
    if terms.uncovered_charge is not None and UNCOVERED in usage_by_rate:
        rated_count += 1
        lines.append(_uncovered_line(terms.uncovered_charge, usage_by_rate[UNCOVERED]))
        amount = EXACT.add(amount, lines[-1].amount)
    if rated_count != len(usage_by_rate):
        raise _unknown_rate(terms, usage_by_rate)
    bound = _bound_amount(terms, lines, share, is_final=is_final)
    return Rating(terms.currency, tuple(lines), amount, bound)


class _Allowances:
    """The remaining allowance of a price: one for all rates, or one for each value that the price is split by."""

    def __init__(self, terms: PriceTerms) -> None:
        self._terms = terms
        self._per_value = terms.split is not None and terms.split.allowance_per_value
        self._remaining: dict[int, Decimal] = {}

    def remaining(self, rate: RateTerms) -> Decimal:
        # The other values share a rate, but have no allowance to share.
        is_other = self._per_value and rate.split_value is not None and not rate.position
        position = rate.position if self._per_value else 0
        return self._remaining.setdefault(position, ZERO if is_other else self._terms.included)

    def consume(self, rate: RateTerms, units: Decimal) -> None:
        position = rate.position if self._per_value else 0
        self._remaining[position] = EXACT.subtract(self._remaining[position], units)


def _uncovered_line(charge: QuantityCharge, usage: Decimal | RateUsage) -> RatedLine:
    """Return the line for units that a wallet could not cover: no allowance and no meter rounding applies to them."""
    quantity = usage.quantity if isinstance(usage, RateUsage) else usage
    parts = charge.rate(quantity)
    return RatedLine(UNCOVERED, "beyond the wallet", quantity, ZERO, quantity, parts, total(parts), ZERO)


def _sum_rounded(lines: Iterable[RatedLine], currency: str) -> Decimal:
    rounded_sum = ZERO
    for line in lines:
        rounded_sum = EXACT.add(rounded_sum, round_money(line.amount, currency))
    return rounded_sum


def _bound_amount(terms: PriceTerms, lines: Iterable[RatedLine], share: Fraction, *, is_final: bool) -> Bound | None:
    """
    Return the adjustment that raises the rounded lines to the minimum or lowers them to the maximum; None within
    both.
    """
    if terms.minimum is None and terms.maximum is None:
        return None
    line_amounts = _sum_rounded(lines, terms.currency)
    if terms.minimum is not None and is_final:
        limit = round_money(Fraction(terms.minimum) * share, terms.currency)
        if line_amounts < limit:
            return Bound("minimum", limit, EXACT.subtract(limit, line_amounts))
    if terms.maximum is not None:
        limit = round_money(Fraction(terms.maximum) * share, terms.currency)
        if line_amounts > limit:
            return Bound("maximum", limit, EXACT.subtract(limit, line_amounts))
    return None


def _rate_line(
    terms: PriceTerms, rate: RateTerms, usage: Decimal | RateUsage, remaining_allowance: Decimal, prior_units: Decimal
) -> RatedLine:
    quantity = usage.quantity if isinstance(usage, RateUsage) else usage
    charge, discount = rate.charge, terms.discount
    if discount and isinstance(charge, Graduated | Volume):
        # Before the maximum of a tier, which compares with the discounted amount.
        charge, discount = _discount_charge(charge, discount), ZERO
    try:
        EXACT.quantize(quantity, LEAST_UNIT)  # raises for more decimal places than can be priced exactly
        if terms.rounding is not None:
            quantity = terms.rounding.apply(quantity)
        included, billable, refused = _split_quantity(terms, quantity, remaining_allowance)
        if prior_units and isinstance(charge, Graduated | Volume):
            parts = charge.rate(billable, prior_units=prior_units)
        elif not isinstance(charge, Percentage | Dynamic):
            parts = charge.rate(billable)
        elif isinstance(usage, RateUsage):
            parts = charge.rate(replace(usage, quantity=quantity))
        else:
            raise InvalidQuantity(f"Rate {rate.key!r} rates individual events, but only a quantity was given.")
        if rate.factor is not LIST_PRICE:
            parts = tuple(part.scaled(rate.factor) for part in parts)
    except (decimal.InvalidOperation, decimal.Inexact) as error:
        raise InvalidQuantity(
            f"{quantity} units at rate {rate.key!r} cannot be priced exactly: check the events."
        ) from error
    if discount:
        parts = tuple(_discount_part(part, discount) for part in parts)
    amount = parts[0].amount if len(parts) == 1 else total(parts)
    value = rate.split_value.text if rate.split_value else ""
    return RatedLine(rate.key, rate.label, quantity, included, billable, parts, amount, refused, prior_units, value)


@lru_cache(maxsize=1_000)
def _discount_charge(charge: Graduated | Volume, percent: Decimal) -> Graduated | Volume:
    """Return a tiered charge with a percentage off its unit prices, built once for all periods that it rates."""
    return charge.discounted(percent)


def _discount_part(part: RatingPart, percent: Decimal) -> RatingPart:
    """Return a part with its unit price reduced by a percentage; its flat fee is not discounted."""
    return price_units(part.start, part.end, part.units, discount_price(part.unit_price, percent), part.flat_fee)


def _split_quantity(
    terms: PriceTerms, quantity: Decimal, remaining_allowance: Decimal
) -> tuple[Decimal, Decimal, Decimal]:
    """Split a quantity into included units, billable units and units that a hard cap refuses."""
    if quantity < 0:
        return ZERO, quantity if terms.credits_below_zero else ZERO, ZERO
    if quantity <= remaining_allowance:
        return quantity, ZERO, ZERO
    overage = EXACT.subtract(quantity, remaining_allowance) if remaining_allowance else quantity
    if terms.model == "hard_cap":
        return remaining_allowance, ZERO, overage
    return remaining_allowance, overage, ZERO


def _unknown_rate(terms: PriceTerms, usage_by_rate: Mapping[int | str, Decimal | RateUsage]) -> UnknownRate:
    unknown_keys = sorted(map(repr, set(usage_by_rate) - {rate.key for rate in terms.rates}))
    return UnknownRate(
        f"No rate has the key {', '.join(unknown_keys)}: usage without a rate is unmatched usage and is not rated."
    )
