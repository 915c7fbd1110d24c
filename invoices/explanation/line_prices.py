"""The price of a line as its explanation states it, to price another quantity at it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from invoices.explanation.facts import ExplainedLine
from lib.money import round_money
from plans.pricing.rating_parts import RatingPart

# Notes that make an amount something else than its quantity at its price.
_DIFFERENCES = frozenset({"billed_before", "claimed_before", "cumulative", "given_before", "climbed", "wallet"})


@dataclass(frozen=True, slots=True)
class FeePrice:
    """A fee's price of one unit for a whole period; quantities are units times their share of the period."""

    unit_price: Fraction

    def amount_of(self, quantity: Fraction) -> Fraction | None:
        """Return the exact amount of a quantity."""
        return self.unit_price * quantity


@dataclass(frozen=True, slots=True)
class UsagePrice:
    """
    The tiers that a usage line entered, from zero without a gap, each unit at the price of its own.

    included: units that cost nothing.
    """

    tiers: tuple[RatingPart, ...]
    included: Fraction

    def amount_of(self, quantity: Fraction) -> Fraction | None:
        """Return the exact amount of a quantity; None if it exceeds the tiers that the line shows."""
        billable = max(quantity - self.included, Fraction(0))
        last_end = self.tiers[-1].end
        if last_end is not None and billable > Fraction(last_end):
            return None
        amount = Fraction(0)
        for tier in self.tiers:
            start = Fraction(tier.start)
            if billable <= start:
                break
            end = billable if tier.end is None else min(Fraction(tier.end), billable)
            amount += (end - start) * Fraction(tier.unit_price) + Fraction(tier.flat_fee)
        return amount


def priced_quantity(line: ExplainedLine) -> Fraction | None:
    """Return the quantity that the line's price applies to: units, of a fee times the share of its period."""
    workings = line.explanation
    if _DIFFERENCES & workings.keys():
        return None
    if line.kind == "usage":
        return Fraction(line.quantity)
    if line.kind != "fee":
        return None
    if "segments" in workings:
        return sum(
            (Fraction(segment["billable"]) * Fraction(segment["share"]) for segment in workings["segments"]),
            Fraction(0),
        )
    if "taken" in workings:
        return Fraction(workings["taken"])
    return Fraction(workings["share"]) if "share" in workings else None


def stated_price(line: ExplainedLine, currency: str) -> FeePrice | UsagePrice | None:
    """Return the price that a line's explanation states, if it explains the line's amount to the minor unit."""
    quantity = priced_quantity(line)
    price = _usage_price(line) if line.kind == "usage" else _fee_price(line.explanation)
    if price is None or quantity is None:
        return None
    amount = price.amount_of(quantity)
    return price if amount is not None and round_money(amount, currency) == line.amount else None


def _fee_price(workings: Mapping[str, Any]) -> FeePrice | None:
    return FeePrice(Fraction(str(workings["fee"]))) if "fee" in workings else None


def _usage_price(line: ExplainedLine) -> UsagePrice | None:
    parts = sorted(
        (RatingPart.from_json(stored) for stored in line.explanation.get("parts", ())), key=lambda part: part.start
    )
    end: Decimal | None = Decimal(0)
    for part in parts:
        # A fee below zero is what a maximum takes off, which depends on the quantity.
        if end is None or part.start != end or part.flat_fee < 0:
            return None
        end = part.end
    return UsagePrice(tuple(parts), Fraction(str(line.explanation.get("included", 0)))) if parts else None
