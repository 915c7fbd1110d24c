"""The line of a balance by day, and where it leads at the present pace: geometry only."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from invoices.rendering.chart import Axis, coordinate, draw_axes, round_up
from lib.decimals import HALF_UP, ZERO

WIDTH, TOP, BASE = Decimal(680), Decimal(2), Decimal(180)
"""The page stretches the drawing to its own width and height: nothing in it is written, or round."""


@dataclass(frozen=True, slots=True)
class BalanceDrawing:
    """
    The chart: points of lines as text. axes: from the top down, the last one is zero.

    area: below the line. outlook: from the last balance to zero; empty without one.
    """

    line: str
    area: str
    outlook: str
    axes: tuple[Axis, Axis, Axis]


def draw_balance(balances: Sequence[Decimal], *, days_left: int | None = None) -> BalanceDrawing:
    """
    Return the line of balances, one a day and at least two, scaled so that the top is a round number.

    days_left: days from the last balance until it is zero; None if the chart ends today. A debt is drawn as zero.
    """
    top = round_up(max(ZERO, *balances))
    last = len(balances) - 1
    room = HALF_UP.divide(WIDTH, Decimal(last + (days_left or 0)))
    points = [_point(room * index, max(balance, ZERO), top) for index, balance in enumerate(balances)]
    end = coordinate(room * last)
    outlook = f"{points[-1]} {_point(room * (last + days_left), ZERO, top)}" if days_left else ""
    line = " ".join(points)
    area = f"0,{coordinate(BASE)} {line} {end},{coordinate(BASE)}"
    return BalanceDrawing(line, area, outlook, draw_axes(top, top_y=TOP, base_y=BASE))


def _point(x: Decimal, value: Decimal, top: Decimal) -> str:
    height = HALF_UP.divide(HALF_UP.multiply(value, BASE - TOP), top)
    return f"{coordinate(x)},{coordinate(BASE - height)}"
