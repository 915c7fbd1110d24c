"""Bars and their axes, in the units of the drawing: geometry only."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from lib.decimals import HALF_UP, ZERO

WIDTH, LEFT, TOP, BASE = Decimal(660), Decimal(58), Decimal(6), Decimal(106)
"""The bars' base line is y = BASE, from x = LEFT to x = WIDTH; the highest bars reach y = TOP."""

GAP = Decimal("0.25")  # of a bar's room
STEPS = tuple(Decimal(step) for step in ("1", "1.2", "1.6", "2", "2.4", "3", "4", "5", "6", "8", "10"))
HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar. Coordinates are text, because a template would format numbers by the locale of the request."""

    x: str
    y: str
    width: str
    height: str
    middle: str


@dataclass(frozen=True, slots=True)
class Axis:
    """A horizontal line at `y`, labeled with `quantity`."""

    y: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Chart:
    """The chart. bars: from left to right. axes: from the top down, the last one is zero."""

    bars: tuple[Bar, ...]
    axes: tuple[Axis, Axis, Axis]


def draw_chart(quantities: Sequence[Decimal]) -> Chart:
    """
    Return the bars of quantities, scaled so that the top is a round number.

    A negative quantity has no height; the total next to the chart includes it.
    """
    top = round_up(max([ZERO, *quantities]))
    slot_width = HALF_UP.divide(WIDTH - LEFT, Decimal(max(len(quantities), 1)))
    bars = tuple(_bar(index, max(quantity, ZERO), top, slot_width) for index, quantity in enumerate(quantities))
    return Chart(bars, draw_axes(top, top_y=TOP, base_y=BASE))


def draw_axes(quantity: Decimal, *, top_y: Decimal, base_y: Decimal) -> tuple[Axis, Axis, Axis]:
    """Return the axes of `quantity`, of its half and of zero."""
    middle_y = (top_y + base_y) / 2
    return Axis(coordinate(top_y), quantity), Axis(coordinate(middle_y), quantity / 2), Axis(coordinate(base_y), ZERO)


def round_up(quantity: Decimal) -> Decimal:
    """
    Return the smallest STEPS × power of ten that is at least `quantity`, so that its half is round too; 1 for 0.
    """
    if quantity <= 0:
        return Decimal(1)
    power = Decimal(1).scaleb(quantity.adjusted())
    return next(power * step for step in STEPS if power * step >= quantity)


def _bar(index: int, quantity: Decimal, top: Decimal, slot_width: Decimal) -> Bar:
    height = _to_hundredths(HALF_UP.divide(HALF_UP.multiply(quantity, BASE - TOP), top))
    left = LEFT + slot_width * index
    return Bar(
        x=coordinate(left + slot_width * GAP / 2),
        y=coordinate(BASE - height),
        width=coordinate(slot_width * (1 - GAP)),
        height=coordinate(height),
        middle=coordinate(left + slot_width / 2),
    )


def _to_hundredths(number: Decimal) -> Decimal:
    return number.quantize(HUNDREDTH, rounding=ROUND_HALF_UP)


def coordinate(number: Decimal) -> str:
    """Return a coordinate as text, to the hundredth."""
    return f"{_to_hundredths(number):f}"
