"""Run rate, usage MRR, forecast and margin, as documented."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.metrics.usage_outlook import forecast, spread_by_day, usage_margin, usage_mrr, usage_run_rate
from tests.docs_tables import rows
from tests.pricing.strategies import LAW

F = Fraction

money = st.fractions(min_value=0, max_value=10**6)


def figures(text: str) -> list[Fraction]:
    return [F(figure) for figure in text.split(", ")]


@pytest.mark.parametrize("row", rows("metrics.md", "usage-mrr"), ids=lambda row: row["usage"])
def test_the_documented_usage_mrr(row):
    assert f"{float(usage_mrr(figures(row['usage']), figures(row['commitment']))):.2f}" == row["usage MRR"]


@pytest.mark.parametrize("row", rows("metrics.md", "usage-run-rate"), ids=lambda row: row["usage"])
def test_the_documented_run_rate(row):
    found = usage_run_rate(figures(row["usage"]))
    assert [f"{float(rate):.2f}" for rate in found] == [row["12 × last month"], row["4 × last three"]]


@pytest.mark.parametrize("row", rows("metrics.md", "forecast"), ids=lambda row: row["windows"])
def test_the_documented_forecast(row):
    found = forecast(
        recognized=F(row["recognized"]),
        fees_to_come=F(row["fees to come"]),
        windows=figures(row["windows"]),
        days_left=int(row["days left"]),
    )
    assert [f"{float(figure):.2f}" for figure in found] == [row["likely"], row["least"], row["greatest"]]


@pytest.mark.parametrize("row", rows("metrics.md", "margin"), ids=lambda row: row["units"])
def test_the_documented_margin(row):
    found = usage_margin(F(row["revenue"]), units=F(row["units"]), unit_cost=F(row["unit cost"]))
    percent = "" if found.percent is None else f"{float(found.percent):.1f}%"
    assert [f"{float(found.amount):.2f}", percent] == [row["margin"], row["percent"]]


DAYS = [date(2026, 1, 1) + timedelta(days=number) for number in range(31)]


@pytest.mark.parametrize("row", rows("metrics.md", "usage-revenue-by-day"), ids=lambda row: row["quantities"])
def test_the_documented_usage_by_day(row):
    days = DAYS[: int(row["days"])]
    quantities = dict(zip(days, figures(row["quantities"]), strict=False)) if row["quantities"] else {}
    by_day = spread_by_day(F(row["revenue"]), quantities=quantities, days=days)
    assert ", ".join(f"{float(amount):.2f}" for amount in by_day.values()) == row["by day"]


@LAW
@given(money, st.dictionaries(st.sampled_from(DAYS), money), st.integers(1, 31))
def test_the_days_add_up_to_the_month(revenue, quantities, count):
    assert sum(spread_by_day(revenue, quantities=quantities, days=DAYS[:count]).values()) == revenue


def test_revenue_of_no_day_is_refused():
    with pytest.raises(ValueError, match="one day or more"):
        spread_by_day(1, quantities={}, days=[])


@LAW
@given(money, money, st.lists(money, min_size=1, max_size=4), st.integers(0, 31))
def test_the_likely_figure_lies_in_the_range(recognized, fees, windows, days):
    found = forecast(recognized=recognized, fees_to_come=fees, windows=windows, days_left=days)
    assert recognized + fees <= found.least <= found.likely <= found.greatest


def test_too_few_or_too_many_figures_are_refused():
    with pytest.raises(ValueError, match="3 complete months"):
        usage_run_rate([1, 2])
    with pytest.raises(ValueError, match="1 to 4 windows"):
        forecast(recognized=0, fees_to_come=0, windows=[1] * 5, days_left=1)
