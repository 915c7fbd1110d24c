"""A figure changed by a percentage or converted is the exact result, rounded once to what can be stored."""

from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.figure_changes import change_by_percent, convert
from tests.pricing.strategies import LAW
from tests.pricing.worked_numbers import rows

FIGURES = st.decimals(min_value=0, max_value=10**12, places=12)
PERCENTS = st.decimals(min_value=-100, max_value=10_000, places=4)
RATES = st.decimals(min_value=D("0.0001"), max_value=1_000_000, places=10)
STEPS = st.integers(0, 12).map(lambda places: D(1).scaleb(-places))


@pytest.mark.parametrize("row", rows("price-sheet"), ids=lambda row: row["why"])
def test_figures_change_as_documented(row):
    figure, step = D(row["figure"]), D(row["step"])
    changed = (
        convert(figure, D(row["rate"]), step=step)
        if row["rate"]
        else change_by_percent(figure, D(row["percent"]), step=step)
    )
    assert changed == D(row["result"])


def is_rounded(rounded, exact, step):
    """Return whether a figure is a whole number of steps, half a step from the exact one at most; a tie goes up."""
    difference = Fraction(rounded) - exact
    return rounded % step == 0 and -Fraction(step) / 2 < difference <= Fraction(step) / 2


@LAW
@given(FIGURES, PERCENTS, STEPS)
def test_a_percentage_is_applied_exactly_and_rounded_once(figure, percent, step):
    exact = Fraction(figure) * (100 + Fraction(percent)) / 100
    assert is_rounded(change_by_percent(figure, percent, step=step), exact, step)


@LAW
@given(FIGURES, RATES, STEPS)
def test_a_figure_is_converted_exactly_and_rounded_once(figure, rate, step):
    assert is_rounded(convert(figure, rate, step=step), Fraction(figure) * Fraction(rate), step)


@LAW
@given(FIGURES)
def test_no_percent_and_a_rate_of_one_change_nothing(figure):
    assert change_by_percent(figure, D(0), step=D("1e-12")) == convert(figure, D(1), step=D("1e-12")) == figure


@LAW
@given(FIGURES, FIGURES, PERCENTS, STEPS)
def test_a_higher_figure_stays_the_higher_one(first, second, percent, step):
    low, high = sorted((first, second))
    assert change_by_percent(low, percent, step=step) <= change_by_percent(high, percent, step=step)


def test_a_hundred_percent_less_is_free():
    assert change_by_percent(D("2.5"), D(-100), step=D("0.01")) == 0
