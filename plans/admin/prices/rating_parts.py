"""The rating parts of an amount as a table of units, prices and amounts."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from lib.formats import format_money, format_number
from plans.pricing.rating_parts import RatingPart


@dataclass(frozen=True, slots=True)
class PartRow:
    units_of: str
    units: str
    unit_price: str
    flat_fee: str
    amount: str


def rows_of(parts: Iterable[RatingPart], currency: str) -> list[PartRow]:
    return [
        PartRow(
            units_of=_span(part),
            units=format_number(part.units),
            unit_price=format_money(part.unit_price, currency),
            flat_fee=format_money(part.flat_fee, currency) if part.flat_fee else "",
            amount=format_money(part.amount, currency),
        )
        for part in parts
    ]


def _span(part: RatingPart) -> str:
    """Return the units of a part: “1 – 10,000” for whole bounds, “above 2.5” for others."""
    first = _after(part.start)
    if part.end is None:
        return "all units" if not part.start else f"from {first}"
    return f"{first} – {format_number(part.end)}"


def _after(bound: Decimal) -> str:
    return format_number(bound + 1) if bound == bound.to_integral_value() else f"above {format_number(bound)}"
