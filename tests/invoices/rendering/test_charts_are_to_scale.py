"""Bars are proportional to usage, under a round maximum."""

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from invoices.rendering.appendix import appendix_pages
from invoices.rendering.chart import BASE, LEFT, TOP, WIDTH, draw_chart, round_up
from invoices.rendering.formats import Figures
from invoices.rendering.usage_facts import DimensionUsage, MeterUsage

D = Decimal
TOPS = [("0", "1"), ("-5", "1"), ("1", "1"), ("11400", "12000"), ("0.031", "0.04"), ("9.1e40", "1e41"), ("99", "1e2")]


@pytest.mark.parametrize(("quantity", "top"), TOPS)
def test_the_top_is_the_next_round_number(quantity, top):
    assert round_up(D(quantity)) == D(top)


@given(st.lists(st.decimals(-(10**45), 10**45, places=20), min_size=1, max_size=70))
def test_bars_stay_within_the_chart_and_keep_their_order(quantities):
    chart = draw_chart(quantities)
    assert len(chart.bars) == len(quantities)
    for bar, quantity in zip(chart.bars, quantities, strict=True):
        assert D(bar.x) >= LEFT
        assert D(bar.x) + D(bar.width) <= WIDTH
        assert TOP <= D(bar.y) <= BASE
        assert D(bar.y) + D(bar.height) == BASE
        assert D(bar.height) == 0 or quantity > 0
    by_quantity = sorted(zip(quantities, chart.bars, strict=True), key=lambda pair: pair[0])
    heights = [D(bar.height) for _, bar in by_quantity]
    assert heights == sorted(heights)


def read_out(usage: MeterUsage, first: date, last: date):
    figures = Figures(Locale.parse("en_GB"), "EUR", ZoneInfo("UTC"))
    (text,) = appendix_pages([usage], first=first, last=last, figures=figures)
    return text


def test_days_without_usage_have_their_place():
    usage = MeterUsage("API calls", "call", D(7), "day", ((date(2026, 10, 3), D(7)),), ())
    text = read_out(usage, date(2026, 10, 1), date(2026, 10, 31))
    assert len(text.bars) == 31
    assert [place for place, bar in enumerate(text.bars) if D(bar.height)] == [2]
    assert text.summary == "API calls: 7 in total; highest on 3 Oct with 7"
    assert [tick.label for tick in text.ticks][:2] == ["1 Oct", "5 Oct"]


def test_long_periods_are_shown_by_month():
    usage = MeterUsage("API calls", "call", D(7), "month", ((date(2026, 3, 1), D(7)),), ())
    text = read_out(usage, date(2026, 1, 15), date(2027, 1, 14))
    assert [tick.label for tick in text.ticks] == [
        "Jan 2026", "Mar 2026", "May 2026", "Jul 2026", "Sept 2026", "Nov 2026", "Jan 2027",
    ]  # fmt: skip
    assert len(text.bars) == 13


def test_long_values_are_shortened_and_others_combined_in_one_row():
    dimension = DimensionUsage("key", (("k" * 500, D("7.5")), (None, D(2))), 40, D(1234))
    usage = MeterUsage("API calls", "call", D("1243.5"), "day", (), (dimension,), unmatched=D(-3))
    text = read_out(usage, date(2026, 10, 1), date(2026, 10, 2))
    (table,) = text.dimensions
    assert table.rows == (("k" * 119 + "…", "7.5"), ("(none)", "2"), ("40 others", "1,234"))
    assert text.later.startswith("-3 of these")
