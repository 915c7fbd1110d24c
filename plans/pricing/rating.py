"""
The one rating function.

Preview, simulation, forecast, portal, wallet and invoice all call `rate_usage`, so they cannot disagree. It
is a pure function of the period's cumulative quantities: what is billed later is rate(everything) minus what
was billed.
"""

import decimal
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from plans.pricing.bounds import InvalidQuantity
from plans.pricing.exact import EXACT, LEAST_UNIT, ZERO, plain
from plans.pricing.money import round_money
from plans.pricing.parts import Part, total
from plans.pricing.rates import Rate, match_rate
from plans.pricing.rounding import Rounding
from plans.pricing.terms import Consumption, PriceTerms

__all__ = [
    "Consumption",
    "PriceTerms",
    "Rate",
    "RatedLine",
    "Rating",
    "Rounding",
    "UnknownRate",
    "match_rate",
    "rate_usage",
]


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


@dataclass(frozen=True, slots=True)
class Rating:
    """
    What a period's usage of one feature comes to.

    lines: one per rate that was used or is due without usage, in the terms' order.
    amount: the exact sum of the lines' amounts, unrounded.
    """

    currency: str
    lines: tuple[RatedLine, ...]
    amount: Decimal

    @property
    def quantity(self) -> Decimal:
        """The units of all lines, exactly."""
        units = ZERO
        for line in self.lines:
            units = EXACT.add(units, line.quantity)
        return units

    @property
    def invoiced(self) -> Decimal:
        """The sum of the lines as an invoice claims them: each rounded once to the currency's minor unit."""
        claims = ZERO
        for line in self.lines:
            claims = EXACT.add(claims, round_money(line.amount, self.currency))
        return claims


def rate_usage(terms: PriceTerms, quantities: Mapping[int | str, Decimal]) -> Rating:
    """
    Rate a period's usage of one feature.

    quantities: rate key → units used since the period began, cumulative; a rate without a quantity gets no
        line, except a flat fee, which is due without usage.

    Included units are drawn from the rates in their listed order, and each rate climbs its own tiers. Above a
    hard cap units are refused and cost nothing. Usage that no rate matches is not passed here: it is unbilled
    usage.

    :raises UnknownRate: if a key is not a rate's.
    :raises InvalidQuantity: if a quantity is not finite, or too long to be priced exactly.

    Source: docs/pricing.md#rating.
    """
    left = terms.included
    known = 0
    lines = []
    amount = ZERO
    for rate in terms.rates:
        quantity = quantities.get(rate.key)
        if quantity is not None:
            known += 1
        elif rate.charge.due_without_usage:
            quantity = ZERO
        else:
            continue
        line = _rate_line(terms, rate, quantity, left)
        lines.append(line)
        if line.included:
            left = EXACT.subtract(left, line.included)
        amount = EXACT.add(amount, line.amount)
    if known != len(quantities):
        raise _unknown(terms, quantities)
    return Rating(terms.currency, tuple(lines), amount)


def _rate_line(terms: PriceTerms, rate: Rate, quantity: Decimal, left: Decimal) -> RatedLine:
    try:
        EXACT.quantize(quantity, LEAST_UNIT)  # fails for more places than can be priced exactly
        if terms.rounding is not None:
            quantity = terms.rounding.apply(quantity)
        included, billable, refused = _divide(terms, quantity, left)
        parts = rate.charge.rate(billable)
    except (decimal.InvalidOperation, decimal.Inexact) as error:
        raise InvalidQuantity(
            f"{quantity} units at rate {rate.key!r} cannot be priced exactly: check the events."
        ) from error
    amount = parts[0].amount if len(parts) == 1 else total(parts)
    return RatedLine(rate.key, rate.label, quantity, included, billable, parts, amount, refused)


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


def _unknown(terms: PriceTerms, quantities: Mapping[int | str, Decimal]) -> UnknownRate:
    unknown = sorted(map(repr, set(quantities) - {rate.key for rate in terms.rates}))
    return UnknownRate(
        f"No rate has the key {', '.join(unknown)}: usage that no rate matches is unbilled usage, not rated."
    )
