"""The usage pages: per meter a chart over time and a table per dimension."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from invoices.rendering.chart import Axis, Bar, draw_chart
from invoices.rendering.formats import Figures
from invoices.rendering.usage_facts import DimensionUsage, MeterUsage

# Labels that fit below the chart on an A4 page without touching each other.
MAX_TICKS = 8
# Far more bars than a chart has, since long spans are drawn by month. A longer value would take several lines.
MAX_STEPS = 400
MAX_VALUE_LENGTH = 120
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tick:
    x: str
    label: str


@dataclass(frozen=True, slots=True)
class DimensionText:
    name: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MeterText:
    """One meter's part of the appendix. summary: the content of the chart in words."""

    name: str
    subtitle: str
    total: str
    unit: str
    summary: str
    bars: tuple[Bar, ...]
    axes: tuple[tuple[Axis, str], ...]
    ticks: tuple[Tick, ...]
    dimensions: tuple[DimensionText, ...]
    later: str


def appendix_pages(
    usage: Sequence[MeterUsage], *, first: date, last: date, figures: Figures
) -> tuple[MeterText, ...]:
    """Return the usage from the first to the last day as text, both days included."""
    return tuple(_meter(meter, first, last, figures) for meter in usage)


def _meter(meter: MeterUsage, first: date, last: date, figures: Figures) -> MeterText:
    quantity_by_day = dict(meter.steps)
    days = sorted({*_step_days(first, last, meter.step), *quantity_by_day})[:MAX_STEPS]
    quantities = [quantity_by_day.get(day, Decimal(0)) for day in days]
    usage_chart = draw_chart(quantities)
    format_day = figures.short_day if meter.step == "day" else figures.month
    total = figures.quantity(meter.total)
    peak_quantity = max(quantities)
    return MeterText(
        name=meter.name,
        subtitle=_("by day") if meter.step == "day" else _("by month"),
        total=total,
        unit=figures.unit(meter.total, meter.unit),
        summary=_("%(name)s: %(total)s in total; highest on %(peak)s with %(most)s")
        % {
            "name": meter.name,
            "total": total,
            "peak": format_day(days[quantities.index(peak_quantity)]),
            "most": figures.quantity(peak_quantity),
        },
        bars=usage_chart.bars,
        axes=tuple((axis, figures.quantity(axis.quantity)) for axis in usage_chart.axes),
        ticks=tuple(_ticks(days, usage_chart.bars, format_day)),
        dimensions=tuple(_dimension(dimension, figures) for dimension in meter.dimensions),
        later=_("%(quantity)s of these units arrived after the invoice was issued and are not billed on it.")
        % {"quantity": figures.quantity(meter.unmatched)}
        if meter.unmatched
        else "",
    )


def _step_days(first: date, last: date, step: str) -> Iterator[date]:
    day = first if step == "day" else first.replace(day=1)
    while day <= last:
        yield day
        day = day + DAY if step == "day" else (day.replace(day=28) + 4 * DAY).replace(day=1)


def _ticks(days: list[date], bars: Sequence[Bar], format_day: Callable[[date], str]) -> Iterator[Tick]:
    interval = -(-len(days) // MAX_TICKS)
    for index in range(0, len(days), interval):
        yield Tick(bars[index].middle, format_day(days[index]))


def _dimension(dimension: DimensionUsage, figures: Figures) -> DimensionText:
    rows = [(_value_label(value), figures.quantity(quantity)) for value, quantity in dimension.values]
    if dimension.other_values:
        count = dimension.other_values
        others = ngettext("%(count)s other", "%(count)s others", count) % {"count": figures.quantity(Decimal(count))}
        rows.append((others, figures.quantity(dimension.other_quantity)))
    return DimensionText(dimension.name, tuple(rows))


def _value_label(value: str | None) -> str:
    if value is None:
        return _("(none)")
    return value if len(value) <= MAX_VALUE_LENGTH else value[: MAX_VALUE_LENGTH - 1] + "…"
