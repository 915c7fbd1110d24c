"""
The one rating function.

Preview, simulation, forecast, portal, wallet and invoice all call `rate_usage`, so they cannot disagree. It
is a pure function of the period's cumulative quantities: what is billed later is rate(everything) minus what
was billed.
"""

import decimal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from lib.decimals import EXACT, LEAST_UNIT, ZERO, plain
from lib.money import round_money
from plans.pricing.charge_models import Dynamic, Graduated, Percentage, QuantityCharge, Volume
from plans.pricing.commitments import discounted
from plans.pricing.rate_usage import Usage
from plans.pricing.rates import LIST_PRICE, Rate, match_rate
from plans.pricing.rating_parts import Part, priced, total
from plans.pricing.rounding import Rounding
from plans.pricing.terms import Consumption, PriceTerms
from plans.pricing.validation import InvalidQuantity

__all__ = [
    "BEYOND",
    "BOUND",
    "LIST_PRICE",
    "Bound",
    "Consumption",
    "PriceTerms",
    "Rate",
    "RatedLine",
    "Rating",
    "Rounding",
    "UnknownRate",
    "Usage",
    "match_rate",
    "nothing",
    "rate_usage",
]


WHOLE = Fraction(1)

NOTHING_CLIMBED: Mapping[int | str, Decimal] = {}

BOUND = -1
"""The key of the line for a minimum or maximum; rates have keys of their own above zero."""


BEYOND = -2
"""The key of what a wallet was asked for and had not."""


class UnknownRate(ValueError):
    """A quantity is filed under a key that the terms have no rate for."""


@dataclass(frozen=True, slots=True)
class RatedLine:
    """
    What one rate comes to: quantity = included + billable + refused, unless it is below zero and credits
    nothing.

    quantity: units used, after the meter's rounding.
    included: units drawn from the allowance, free.
    billable: units that the charge model priced.
    refused: units above a hard cap, which cost nothing and are flagged.
    climbed: units that stood on the rate's ladder before these.
    parts: the explanation; their sum is `amount`, exact and unrounded.
    """

    rate_key: int | str
    label: str
    quantity: Decimal
    included: Decimal
    billable: Decimal
    parts: tuple[Part, ...]
    amount: Decimal
    refused: Decimal
    climbed: Decimal = ZERO

    def as_json(self) -> dict[str, object]:
        """Return the explanation as an invoice line stores it: every number as plain decimal text."""
        return {
            "quantity": plain(self.quantity),
            "included": plain(self.included),
            "billable": plain(self.billable),
            "refused": plain(self.refused),
            "parts": [part.as_json() for part in self.parts],
            "amount": plain(self.amount),
        }


def nothing(rate_key: int | str) -> RatedLine:
    """Return the line of a rate, or of a bound, that nothing is due for."""
    return RatedLine(rate_key, "", ZERO, ZERO, ZERO, (), ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class Bound:
    """
    The line that brings a feature's sum up to its minimum, or down to its maximum.

    limit: the minimum or maximum of the period, in proportion to its share of a full one.
    amount: what is added, above zero for a minimum and below for a maximum; both are rounded.

    Source: docs/pricing.md#bounds-of-a-price.
    """

    kind: Literal["minimum", "maximum"]
    limit: Decimal
    amount: Decimal

    @property
    def line(self) -> "RatedLine":
        """The same as a line under the key BOUND, so that it is billed, explained and set off like the others."""
        part = priced(ZERO, None, ZERO, ZERO, self.amount)
        label = f"{self.kind} of {plain(self.limit)}"
        return RatedLine(BOUND, label, ZERO, ZERO, ZERO, (part,), self.amount, ZERO)


@dataclass(frozen=True, slots=True)
class Rating:
    """
    What a period's usage of one feature comes to.

    lines: one per rate that was used or is due without usage, in the terms' order.
    amount: the exact sum of the lines' amounts, unrounded.
    bound: what the price's minimum adds or its maximum takes off, if it does.
    """

    currency: str
    lines: tuple[RatedLine, ...]
    amount: Decimal
    bound: Bound | None = None

    @property
    def quantity(self) -> Decimal:
        """The units of all lines, exactly; not those of a wallet that it had not."""
        units = ZERO
        for line in self.lines:
            if line.rate_key != BEYOND:
                units = EXACT.add(units, line.quantity)
        return units

    @property
    def claimed(self) -> tuple[RatedLine, ...]:
        """All lines that an invoice shows: one for each rate, and the one that keeps their sum within its bounds."""
        return self.lines if self.bound is None else (*self.lines, self.bound.line)

    @property
    def invoiced(self) -> Decimal:
        """The sum of the lines as an invoice claims them: each rounded once to the currency's minor unit."""
        claims = _claims(self.lines, self.currency)
        return EXACT.add(claims, self.bound.amount) if self.bound else claims


def rate_usage(
    terms: PriceTerms,
    used: Mapping[int | str, Decimal | Usage],
    *,
    share: Fraction = WHOLE,
    is_final: bool = True,
    climbed: Mapping[int | str, Decimal] = NOTHING_CLIMBED,
) -> Rating:
    """
    Rate a period's usage of one feature.

    used: rate key → what was used since the period began, cumulative: a quantity, or a `Usage` where the charge
        looks at more than that. A rate without usage gets no line, except a flat fee, which is due without.
    share: of a full period that this one is; a minimum or maximum is due in proportion.
        What a wallet was asked for and had not is filed under BEYOND.
    is_final: False while the period runs and more may come: then its minimum is not due yet.
    climbed: rate key → units that stand on its ladder already, billed by the version that was in force before.

    Included units are drawn from the rates in their listed order, and each rate climbs its own tiers. Above a
    hard cap units are refused and cost nothing. Usage that no rate matches is not passed here: it is unmatched
    usage.

    :raises UnknownRate: if a key is not a rate's.
    :raises InvalidQuantity: if a quantity is not finite, or too long to be priced exactly, or a charge is not told
        what it looks at.

    Source: docs/pricing.md#rating.
    """
    left = terms.included
    known = 0
    lines = []
    amount = ZERO
    for rate in terms.rates:
        usage = used.get(rate.key)
        if usage is not None:
            known += 1
        elif rate.charge.due_without_usage:
            usage = ZERO
        else:
            continue
        line = _rate_line(terms, rate, usage, left, climbed.get(rate.key, ZERO))
        lines.append(line)
        if line.included:
            left = EXACT.subtract(left, line.included)
        amount = EXACT.add(amount, line.amount)
    if terms.beyond is not None and BEYOND in used:
        known += 1
        lines.append(_beyond(terms.beyond, used[BEYOND]))
        amount = EXACT.add(amount, lines[-1].amount)
    if known != len(used):
        raise _unknown(terms, used)
    bound = _bound(terms, lines, share, is_final=is_final)
    return Rating(terms.currency, tuple(lines), amount, bound)


def _beyond(charge: QuantityCharge, usage: Decimal | Usage) -> RatedLine:
    """Return the line for what a wallet had not: nothing is included in it, and no meter rounds it."""
    quantity = usage.quantity if isinstance(usage, Usage) else usage
    parts = charge.rate(quantity)
    return RatedLine(BEYOND, "beyond the wallet", quantity, ZERO, quantity, parts, total(parts), ZERO)


def _claims(lines: Iterable[RatedLine], currency: str) -> Decimal:
    claims = ZERO
    for line in lines:
        claims = EXACT.add(claims, round_money(line.amount, currency))
    return claims


def _bound(terms: PriceTerms, lines: Iterable[RatedLine], share: Fraction, *, is_final: bool) -> Bound | None:
    """Return what lifts the claims to the minimum or lowers them to the maximum, or None within both."""
    if terms.minimum is None and terms.maximum is None:
        return None
    claims = _claims(lines, terms.currency)
    if terms.minimum is not None and is_final:
        limit = round_money(Fraction(terms.minimum) * share, terms.currency)
        if claims < limit:
            return Bound("minimum", limit, EXACT.subtract(limit, claims))
    if terms.maximum is not None:
        limit = round_money(Fraction(terms.maximum) * share, terms.currency)
        if claims > limit:
            return Bound("maximum", limit, EXACT.subtract(limit, claims))
    return None


def _rate_line(terms: PriceTerms, rate: Rate, usage: Decimal | Usage, left: Decimal, climbed: Decimal) -> RatedLine:
    quantity = usage.quantity if isinstance(usage, Usage) else usage
    charge = rate.charge
    try:
        EXACT.quantize(quantity, LEAST_UNIT)  # fails for more places than can be priced exactly
        if terms.rounding is not None:
            quantity = terms.rounding.apply(quantity)
        included, billable, refused = _divide(terms, quantity, left)
        if climbed and isinstance(charge, Graduated | Volume):
            parts = charge.rate(billable, climbed=climbed)
        elif not isinstance(charge, Percentage | Dynamic):
            parts = charge.rate(billable)
        elif isinstance(usage, Usage):
            parts = charge.rate(replace(usage, quantity=quantity))
        else:
            raise InvalidQuantity(f"Rate {rate.key!r} looks at the events, and only a quantity is told.")
        if rate.factor is not LIST_PRICE:
            parts = tuple(part.scaled(rate.factor) for part in parts)
    except (decimal.InvalidOperation, decimal.Inexact) as error:
        raise InvalidQuantity(
            f"{quantity} units at rate {rate.key!r} cannot be priced exactly: check the events."
        ) from error
    if terms.discount:
        parts = tuple(_discounted(part, terms.discount) for part in parts)
    amount = parts[0].amount if len(parts) == 1 else total(parts)
    return RatedLine(rate.key, rate.label, quantity, included, billable, parts, amount, refused, climbed)


def _discounted(part: Part, percent: Decimal) -> Part:
    """Return a part at its unit price less a percentage; its flat fee stays as it is."""
    return priced(part.start, part.end, part.units, discounted(part.unit_price, percent), part.flat_fee)


def _divide(terms: PriceTerms, quantity: Decimal, left: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """Divide a quantity into what is included, what is billed and what a hard cap refuses."""
    if quantity < 0:
        return ZERO, quantity if terms.credits_below_zero else ZERO, ZERO
    if quantity <= left:
        return quantity, ZERO, ZERO
    beyond = EXACT.subtract(quantity, left) if left else quantity
    if terms.model == "hard_cap":
        return left, ZERO, beyond
    return left, beyond, ZERO


def _unknown(terms: PriceTerms, used: Mapping[int | str, Decimal | Usage]) -> UnknownRate:
    unknown = sorted(map(repr, set(used) - {rate.key for rate in terms.rates}))
    return UnknownRate(
        f"No rate has the key {', '.join(unknown)}: usage that no rate matches is unmatched usage, not rated."
    )
