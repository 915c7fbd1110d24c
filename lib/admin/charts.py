"""
Charts of staff pages as SVG, drawn on the server for `staff/chart.html`.

Lengths are percent across and pixels down, so that bars fill any width while text keeps its size.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil, floor, log10
from typing import Self

from django.utils.translation import gettext

from lib.formats import format_money, format_number, format_short

HEIGHT = 220
COLORS = 8
"""Series colors of the style sheet; neighbors differ in lightness as well as in hue."""
DOT_COLOR = "ink"
FAINT_COLOR = "faint"
MOST_STEPS = 5
MOST_LABELS = 13
"""Labels below a chart; of more columns, every second, third, … has one."""
ROOM = 0.66
"""The part of a column's width that its bars take."""
CUT = 0.6
"""The part of the greatest level of a waterfall from which on the axis doesn't begin at zero."""
SLACK = 1e-6
"""Steps are floats, whose sums are not exact."""
TOTAL_COLOR, RISE_COLOR, FALL_COLOR = "1", "3", "6"
"""Colors of a waterfall."""
THINNEST, FIGURE_GAP = 1.5, 5
"""Pixels: the least height of a step, and the gap between a bar and its figure."""
WIDEST = 8.0
"""Percent of the chart: the width of a bar among few columns."""


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """
    One line, or one color of bars; None where there is no figure.

    color: 1 to 8; default: by its place. hatched: for amounts that are not certain yet.
    """

    name: str
    values: Sequence[Decimal | int | None]
    faint: bool = False
    color: int = 0
    hatched: bool = False


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """shape: bar, hatched, dot or line."""

    name: str
    color: str
    shape: str = "bar"


@dataclass(frozen=True, slots=True)
class ChartBar:
    """Left edge and width in percent of the drawing, top and height in pixels."""

    x: str
    y: str
    width: str
    height: str
    color: str
    hatched: bool = False


@dataclass(frozen=True, slots=True)
class ChartColumn:
    """
    A place on the horizontal axis. title: its figures in words. left, width: in percent. center, dot: the place of
    the dot, in percent and pixels; empty without one. has_label: False where labels would overlap.
    figure, figure_y: a figure above the bar and its place in pixels; empty without one.
    """

    label: str
    title: str
    left: str
    width: str
    center: str
    bars: tuple[ChartBar, ...] = ()
    dot: str = ""
    has_label: bool = True
    figure: str = ""
    figure_y: str = ""


@dataclass(frozen=True, slots=True)
class GridLine:
    """A horizontal line at `y` pixels, with its figure. is_zero: the base of the bars."""

    y: str
    text: str
    is_zero: bool


@dataclass(frozen=True, slots=True)
class Polyline:
    """points: x in percent and y in pixels, of a drawing that is 100 wide."""

    points: str
    color: str


@dataclass(frozen=True, slots=True)
class StaffChart:
    """
    The input of `staff/chart.html`. summary: a sentence for screen readers. note: about the axis, if it needs one.
    """

    summary: str
    columns: Sequence[ChartColumn]
    grid: Sequence[GridLine]
    legend: Sequence[LegendEntry] = ()
    lines: Sequence[Polyline] = ()
    height: int = HEIGHT
    note: str = ""


@dataclass(frozen=True, slots=True)
class MeterChart:
    """The chart of one meter, with its current figure and the one that it is compared with as text."""

    name: str
    now: str
    before: str
    chart: StaffChart


@dataclass(frozen=True, slots=True)
class Scale:
    """The vertical axis, from `least` to `greatest` in steps of a round number. Floats: a drawing, not amounts."""

    least: float
    greatest: float
    step: float
    currency: str = field(default="")

    @classmethod
    def covering(cls, values: Iterable[float], currency: str = "") -> Self:
        """Return the scale for values and zero, with at most five steps or so."""
        reached = [0.0, *values]
        least, greatest = min(reached), max(reached)
        step = _round_up((greatest - least) / MOST_STEPS)
        # A small amount below zero gets no step of its own, which would leave most of it empty.
        below = least if -least < step / 4 else floor(least / step) * step
        return cls(below, (ceil(greatest / step) or (not least)) * step, step, currency)

    @classmethod
    def cut(cls, values: Sequence[float], currency: str = "") -> Self:
        """Return the scale for levels; it begins above zero if they would look alike otherwise."""
        least, greatest = min(values), max(values)
        if least < CUT * greatest or greatest <= 0:
            return cls.covering(values, currency)
        # Nearly a step below the least level, so that its bar has a height.
        step = _round_up((greatest - least) * 2 / MOST_STEPS or greatest / MOST_STEPS)
        below = max(floor(least / step - 1), 0) * step
        return cls(below, (floor(greatest / step) + 1) * step, step, currency)

    def y(self, value: float) -> float:
        return HEIGHT * (self.greatest - value) / (self.greatest - self.least)

    def grid(self) -> list[GridLine]:
        count = floor((self.greatest - self.least) / self.step + SLACK)
        values = [self.greatest - number * self.step for number in range(count + 1)]
        return [
            GridLine(_text(self.y(value)), format_short(value, self.currency), is_zero=abs(value) < self.step / 2)
            for value in values
        ]


def bar_chart(
    labels: Sequence[str],
    series: Sequence[ChartSeries],
    *,
    summary: str,
    stacked: bool = True,
    dots: ChartSeries | None = None,
    currency: str = "",
) -> StaffChart:
    """
    Return bars for each label, stacked or side by side; negative values go below zero.

    dots: drawn in front of them, such as their sum. currency: of the values, if they are amounts.
    """
    dotted = [] if dots is None else [dots]
    scale = Scale.covering(_extent(series, dotted, stacked=stacked), currency)
    room = 100 / max(len(labels), 1)
    columns = []
    for index, label in enumerate(labels):
        values = [_number(entry, index) for entry in series]
        center = room * (index + 0.5)
        bars = _stacked(values, series, scale) if stacked else _side_by_side(values, series, scale)
        width = min(room * ROOM, WIDEST)
        columns.append(
            _column(
                index,
                label,
                [*series, *dotted],
                count=len(labels),
                currency=currency,
                bars=tuple(
                    ChartBar(
                        _text(center - width / 2 + left * width),
                        _text(top),
                        _text(part * width),
                        _text(height),
                        color,
                        entry.hatched,
                    )
                    for left, part, top, height, color, entry in bars
                ),
                dot="" if dots is None or dots.values[index] is None else _text(scale.y(_number(dots, index))),
            )
        )
    legend = [
        LegendEntry(entry.name, _color(entry, place), "hatched" if entry.hatched else "bar")
        for place, entry in enumerate(series)
    ] + [LegendEntry(entry.name, DOT_COLOR, "dot") for entry in dotted]
    return StaffChart(summary, columns, scale.grid(), legend if len(legend) > 1 else ())


def waterfall_chart(
    first: tuple[str, Decimal], steps: Sequence[tuple[str, Decimal]], last: str, *, summary: str, currency: str
) -> StaffChart:
    """
    Return the way from an amount to another one: a bar for each, and one between them for each step.

    first: label and amount. steps: label and amount of each. last: label of the sum.
    """
    levels = [first[1]]
    for _label, amount in steps:
        levels.append(levels[-1] + amount)
    scale = Scale.cut([float(level) for level in levels], currency)
    base = max(scale.least, 0.0)
    ends = [
        (label, level, base, float(level), TOTAL_COLOR)
        for label, level in ((first[0], levels[0]), (last, levels[-1]))
    ]
    bars = [
        (label, amount, float(levels[place]), float(levels[place + 1]), RISE_COLOR if amount > 0 else FALL_COLOR)
        for place, (label, amount) in enumerate(steps)
    ]
    room = 100 / (len(bars) + len(ends))
    columns = [
        _waterfall_column(
            (label, _figure(amount, currency, is_step=color != TOTAL_COLOR)),
            (scale.y(start), scale.y(end)),
            color,
            left=room * place,
            room=room,
        )
        for place, (label, amount, start, end, color) in enumerate([ends[0], *bars, ends[1]])
    ]
    note = gettext("The axis starts at %(amount)s, so that the steps are visible.") % {
        "amount": format_short(scale.least, currency)
    }
    return StaffChart(summary, columns, scale.grid(), note=note if scale.least > 0 else "")


def _waterfall_column(
    texts: tuple[str, str], heights: tuple[float, float], color: str, *, left: float, room: float
) -> ChartColumn:
    (label, figure), top = texts, min(heights)
    bar = ChartBar(
        _text(left + room * (1 - ROOM) / 2),
        _text(top),
        _text(room * ROOM),
        _text(max(abs(heights[1] - heights[0]), THINNEST)),
        color,
    )
    return ChartColumn(
        label,
        f"{label}\n{figure}",
        _text(left),
        _text(room),
        _text(left + room / 2),
        (bar,),
        figure=figure,
        figure_y=_text(top - FIGURE_GAP),
    )


def _figure(amount: Decimal, currency: str, *, is_step: bool) -> str:
    text = format_money(amount, currency)
    return f"+{text}" if is_step and amount > 0 else text


def line_chart(
    labels: Sequence[str], series: Sequence[ChartSeries], *, summary: str, currency: str = ""
) -> StaffChart:
    """Return lines; a faint one is the reference for the others."""
    scale = Scale.covering(_extent(series, [], stacked=False), currency)
    room = 100 / max(len(labels), 1)
    columns = [
        _column(index, label, series, count=len(labels), currency=currency) for index, label in enumerate(labels)
    ]
    lines = [
        Polyline(points, _color(entry, place))
        for place, entry in enumerate(series)
        for points in _runs(entry, scale, room)
    ]
    legend = [LegendEntry(entry.name, _color(entry, place), "line") for place, entry in enumerate(series)]
    # The reference is drawn first, behind the others.
    return StaffChart(summary, columns, scale.grid(), legend if len(legend) > 1 else (), lines[::-1])


def _column(
    index: int,
    label: str,
    series: Sequence[ChartSeries],
    *,
    count: int,
    currency: str,
    bars: tuple[ChartBar, ...] = (),
    dot: str = "",
) -> ChartColumn:
    room = 100 / count
    every = ceil(count / MOST_LABELS)
    parts = [
        f"{entry.name}: {format_money(value, currency) if currency else format_number(value)}"
        for entry in series
        if index < len(entry.values) and (value := _decimal(entry.values[index]))
    ]
    return ChartColumn(
        label,
        "\n".join([label, *parts]),
        _text(room * index),
        _text(room),
        _text(room * (index + 0.5)),
        bars,
        dot,
        # Counted from the end: the latest column always has a label.
        has_label=(count - 1 - index) % every == 0,
    )


def _stacked(
    values: Sequence[float], series: Sequence[ChartSeries], scale: Scale
) -> Iterator[tuple[float, float, float, float, str, ChartSeries]]:
    """Yield (left, width, top, height, color, series): parts of a column's width, and pixels."""
    above = below = 0.0
    for place, (value, entry) in enumerate(zip(values, series, strict=True)):
        if value > 0:
            above += value
            yield 0, 1, scale.y(above), scale.y(above - value) - scale.y(above), _color(entry, place), entry
        elif value < 0:
            below += value
            yield 0, 1, scale.y(below - value), scale.y(below) - scale.y(below - value), _color(entry, place), entry


def _side_by_side(
    values: Sequence[float], series: Sequence[ChartSeries], scale: Scale
) -> Iterator[tuple[float, float, float, float, str, ChartSeries]]:
    """Yield the same as `_stacked`."""
    width = 1 / max(len(series), 1)
    for place, (value, entry) in enumerate(zip(values, series, strict=True)):
        if value:
            top = scale.y(max(value, 0))
            yield place * width, width, top, scale.y(min(value, 0)) - top, _color(entry, place), entry


def _runs(entry: ChartSeries, scale: Scale, room: float) -> Iterator[str]:
    """Yield the points of a line, without a gap's; a single figure is a short dash."""
    run: list[tuple[float, float]] = []
    for index, value in enumerate([*entry.values, None]):
        if value is not None:
            run.append((room * (index + 0.5), scale.y(float(value))))
        elif run:
            single = [(run[0][0] - room / 4, run[0][1]), (run[0][0] + room / 4, run[0][1])]
            yield " ".join(f"{_text(x)},{_text(y)}" for x, y in (run if len(run) > 1 else single))
            run = []


def _extent(series: Sequence[ChartSeries], dotted: Sequence[ChartSeries], *, stacked: bool) -> list[float]:
    apart = [float(value) for entry in dotted for value in entry.values if value is not None]
    if not stacked:
        return apart + [float(value) for entry in series for value in entry.values if value is not None]
    columns = [
        [_number(entry, index) for entry in series]
        for index in range(max((len(entry.values) for entry in series), default=0))
    ]
    return [
        *apart,
        *(sum(value for value in column if value > 0) for column in columns),
        *(sum(value for value in column if value < 0) for column in columns),
    ]


def _number(entry: ChartSeries, index: int) -> float:
    return float(entry.values[index] or 0) if index < len(entry.values) else 0.0


def _decimal(value: Decimal | int | None) -> Decimal:
    return Decimal(value or 0)


def _round_up(step: float) -> float:
    """Return the least of 1, 2, 5, 10, 20, … that is no smaller; also 0.1, 0.2 and so on."""
    if step <= 0:
        return 1.0
    power = 10.0 ** floor(log10(step))
    return float(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - SLACK)))


def _color(entry: ChartSeries, place: int) -> str:
    if entry.faint:
        return FAINT_COLOR
    return str(entry.color or place % COLORS + 1)


def _text(length: float) -> str:
    return f"{length:.2f}"
