"""A chart of daily bars with marks of the previous period: geometry only, in the units of the drawing."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from invoices.rendering.chart import Axis, coordinate, draw_axes, round_up
from lib.decimals import HALF_UP, ZERO

WIDTH, TOP, BASE = Decimal(680), Decimal(2), Decimal(180)
"""The page stretches the drawing to its own width and height: nothing in it is written, or round."""

GAP = Decimal("0.24")  # of a day's room


@dataclass(frozen=True, slots=True)
class Column:
    """A day: its bar, and a mark at the height of the same day of the previous period; empty if there was none."""

    x: str
    y: str
    width: str
    height: str
    mark: str
    right: str
    title: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The chart. columns: from left to right. axes: from the top down, the last one is zero."""

    columns: tuple[Column, ...]
    axes: tuple[Axis, Axis, Axis]


def draw(now: Sequence[Decimal], before: Sequence[Decimal | None], titles: Sequence[str]) -> Drawing:
    """
    Return the bars of `now`, one per title, with marks of `before`, scaled so that the top is a round number.

    Negative values have no height; the table next to the chart shows them.
    """
    top = round_up(max([ZERO, *now, *(value for value in before if value is not None)]))
    room = HALF_UP.divide(WIDTH, Decimal(max(len(titles), 1)))
    columns = []
    for index, title in enumerate(titles):
        height_value = max(now[index], ZERO) if index < len(now) else ZERO
        mark = before[index] if index < len(before) else None
        left, width = room * index + room * GAP / 2, room * (1 - GAP)
        y = _height(height_value, top)
        columns.append(
            Column(
                x=coordinate(left),
                y=coordinate(y),
                width=coordinate(width),
                height=coordinate(BASE - y),
                mark="" if mark is None else coordinate(_height(max(mark, ZERO), top)),
                right=coordinate(left + width),
                title=title,
            )
        )
    return Drawing(tuple(columns), draw_axes(top, top_y=TOP, base_y=BASE))


def _height(value: Decimal, top: Decimal) -> Decimal:
    return BASE - HALF_UP.divide(HALF_UP.multiply(value, BASE - TOP), top)
