"""Charts are drawn on the server: bars and lines to scale, with figures in words."""

from decimal import Decimal

import pytest

from lib.admin.charts import HEIGHT, ChartSeries, Scale, bar_chart, line_chart
from lib.formats import format_short

AXES = [
    # values         figures of the axis
    ([0, 320_000], ["$400k", "$300k", "$200k", "$100k", "$0"]),
    ([-450, 810], ["$1k", "$500", "$0", "−$500"]),
    ([-3, 4_000], ["$4k", "$3k", "$2k", "$1k", "$0"]),
    ([], ["$1", "$0"]),
    ([0.2], ["$0.2", "$0.15", "$0.1", "$0.05", "$0"]),
]
SHORT = [(1_200_000, "USD", "$1.2M"), (-80_000, "EUR", "−€80k"), (7, "", "7"), (2_000_000_000, "", "2B")]


@pytest.mark.parametrize(("values", "figures"), AXES, ids=str)
def test_the_axis_has_round_figures(values, figures):
    assert [line.text for line in Scale.covering(values, "USD").grid()] == figures


@pytest.mark.parametrize(("number", "currency", "text"), SHORT)
def test_round_numbers_are_short(number, currency, text):
    assert format_short(number, currency) == text


def test_stacked_bars_meet_and_negative_ones_hang_below_zero():
    series = [ChartSeries("a", [Decimal(30)]), ChartSeries("b", [Decimal(70)]), ChartSeries("c", [Decimal(-50)])]
    chart = bar_chart(["May"], series, summary="", currency="USD")
    first, second, third = chart.columns[0].bars
    (zero,) = [float(line.y) for line in chart.grid if line.is_zero]
    assert float(first.y) + float(first.height) == pytest.approx(zero, abs=0.02)
    assert float(second.y) + float(second.height) == pytest.approx(float(first.y), abs=0.02)
    assert float(third.y) == pytest.approx(zero, abs=0.02)
    assert float(second.y) == pytest.approx(0, abs=0.02)
    assert float(second.height) == pytest.approx(70 / 150 * HEIGHT, abs=0.02)
    assert chart.columns[0].title == "May\na: $30.00\nb: $70.00\nc: -$50.00"


def test_many_columns_have_few_labels_and_always_the_last():
    chart = bar_chart([str(day) for day in range(30)], [ChartSeries("a", [1] * 30)], summary="")
    labels = [column.label for column in chart.columns if column.has_label]
    assert len(labels) == 10
    assert labels[-1] == "29"


def test_a_line_has_gaps_where_there_is_no_figure():
    chart = line_chart(["1", "2", "3", "4"], [ChartSeries("a", [1, 2, None, 2])], summary="")
    assert len(chart.lines) == 2
