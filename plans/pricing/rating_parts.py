"""The explanation of an amount: rating parts whose sum is the amount."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self

from lib.decimals import EXACT, ZERO, to_plain_string


@dataclass(frozen=True, slots=True)
class RatingPart:
    """
    Units at one price: amount = units × unit_price + flat_fee, exactly.

    start, end: the range of billable quantity that the part covers, start exclusive, end inclusive, None = open.
    units: the number that the price is multiplied by, in the meter's unit; for a package, the number of packages.
    unit_price, flat_fee, amount: in the major unit of the plan's currency, unrounded.
    """

    start: Decimal
    end: Decimal | None
    units: Decimal
    unit_price: Decimal
    flat_fee: Decimal
    amount: Decimal

    def as_json(self) -> dict[str, str | None]:
        """Return the part as an invoice line stores it: every number as plain decimal text."""
        return {
            "from": to_plain_string(self.start),
            "to": None if self.end is None else to_plain_string(self.end),
            "units": to_plain_string(self.units),
            "unit_price": to_plain_string(self.unit_price),
            "flat_fee": to_plain_string(self.flat_fee),
            "amount": to_plain_string(self.amount),
        }

    def scaled(self, factor: Decimal) -> Self:
        """Return the part with its prices multiplied by a factor, without rounding: docs/pricing.md#overrides."""
        unit_price, flat_fee = EXACT.multiply(self.unit_price, factor), EXACT.multiply(self.flat_fee, factor)
        amount = EXACT.multiply(self.amount, factor)
        return replace(self, unit_price=unit_price, flat_fee=flat_fee, amount=amount)

    @classmethod
    def from_json(cls, stored: Mapping[str, str | None]) -> Self:
        """
        Return the part that `as_json` stored.

        :raises KeyError: if a field is missing.
        :raises decimal.InvalidOperation: if a field is not a number.
        """
        end = stored["to"]
        return cls(
            start=Decimal(str(stored["from"])),
            end=None if end is None else Decimal(end),
            units=Decimal(str(stored["units"])),
            unit_price=Decimal(str(stored["unit_price"])),
            flat_fee=Decimal(str(stored["flat_fee"])),
            amount=Decimal(str(stored["amount"])),
        )


def price_units(
    start: Decimal, end: Decimal | None, units: Decimal, unit_price: Decimal, flat_fee: Decimal = ZERO
) -> RatingPart:
    """Return the part for units at a price: the only place that computes an amount of usage."""
    amount = EXACT.multiply(units, unit_price)
    if flat_fee:
        amount = EXACT.add(amount, flat_fee)
    return RatingPart(start, end, units, unit_price, flat_fee, amount)


def total(parts: Iterable[RatingPart]) -> Decimal:
    """Return the exact sum of the parts' amounts; zero for no parts."""
    amount = ZERO
    for part in parts:
        amount = EXACT.add(amount, part.amount)
    return amount
