"""Charts for the theme's Chart.js: data and options as JSON, and a sentence for screen readers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

COLORS = ("#3b6fc4", "#e0913a", "#3d9a74", "#a35bb5", "#c2504f", "#7a8794", "#c9a227", "#2f8fa8")
FAINT = "#b8c4d6"
GRID = "rgba(128, 140, 160, 0.18)"
INK = "#7d8796"


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """One line, or one color of bars; None where there is no figure. color: default: by its place."""

    name: str
    values: Sequence[Decimal | int | None]
    faint: bool = False
    color: str = ""


@dataclass(frozen=True, slots=True)
class StaffChart:
    """The input of `staff/chart.html`."""

    kind: str
    data: str
    options: str
    summary: str


@dataclass(frozen=True, slots=True)
class MeterChart:
    """The chart of one meter, with its current figure and the one that it is compared with as text."""

    name: str
    now: str
    before: str
    chart: StaffChart


def bar_chart(
    labels: Sequence[str],
    series: Sequence[ChartSeries],
    *,
    summary: str,
    stacked: bool = True,
    dots: ChartSeries | None = None,
) -> StaffChart:
    """Return bars for each label, stacked or side by side. dots: drawn in front of them, such as their sum."""
    datasets = [
        _dataset(entry, entry.color or COLORS[index % len(COLORS)])
        | {"stack": "all" if stacked else entry.name, "maxBarThickness": 28, "borderRadius": 2}
        for index, entry in enumerate(series)
    ]
    if dots is not None:
        in_front = {
            "type": "line",
            "showLine": False,
            "pointRadius": 4,
            "pointHitRadius": 8,
            "order": -1,
            "stack": "dots",
        }
        datasets.append(_dataset(dots, dots.color or INK) | in_front)
    return _chart("bar", labels, datasets, summary, stacked=stacked)


def line_chart(labels: Sequence[str], series: Sequence[ChartSeries], *, summary: str) -> StaffChart:
    """Return lines; a faint one is the reference for the others."""
    datasets = [
        _dataset(entry, FAINT if entry.faint else COLORS[0])
        | {"borderWidth": 2, "pointRadius": 0, "pointHitRadius": 8, "tension": 0.25, "spanGaps": False}
        | ({"borderDash": [4, 4]} if entry.faint else {"fill": "origin", "backgroundColor": f"{COLORS[0]}1a"})
        for entry in series
    ]
    return _chart("line", labels, datasets, summary, stacked=False)


def _dataset(entry: ChartSeries, color: str) -> dict[str, Any]:
    values = [None if value is None else float(value) for value in entry.values]  # a drawing, not an amount
    return {"label": entry.name, "data": values, "borderColor": color, "backgroundColor": color}


def _chart(
    kind: str, labels: Sequence[str], datasets: list[dict[str, Any]], summary: str, *, stacked: bool
) -> StaffChart:
    options = {
        "animation": False,
        "responsive": True,
        "maintainAspectRatio": False,
        "interaction": {"mode": "index", "intersect": False},
        "plugins": {
            "legend": {
                "display": len(datasets) > 1,
                "align": "end",
                "labels": {"boxWidth": 8, "boxHeight": 8, "usePointStyle": True, "color": INK},
            }
        },
        "scales": {
            "x": {
                "stacked": stacked,
                "grid": {"display": False},
                "ticks": {"color": INK, "maxRotation": 0, "autoSkipPadding": 14},
            },
            "y": {
                "stacked": stacked,
                "beginAtZero": True,
                "border": {"display": False},
                "grid": {"color": GRID},
                "ticks": {"color": INK, "maxTicksLimit": 6},
            },
        },
    }
    data = {"labels": list(labels), "datasets": datasets}
    return StaffChart(kind, json.dumps(data), json.dumps(options), summary)
