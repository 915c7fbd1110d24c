"""A value crosses a level as documented in docs/alerts.md."""

from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.limits.alerts.thresholds import (
    levels_due_within,
    levels_reached,
    levels_undercut,
    spike_levels,
    usual_daily_quantity,
)
from billing.metering.usage.forecast import is_forecast_reliable
from tests.docs_tables import rows


def levels(text):
    return tuple(int(level) for level in text.split(",") if level.strip())


@pytest.mark.parametrize("row", rows("alerts.md", "Levels"), ids=str)
def test_a_level_is_reached_as_documented(row):
    assert levels_reached(D(row["value"]), limit=D(row["limit"]), levels=levels(row["levels"])) == levels(
        row["crossed"]
    )


@pytest.mark.parametrize("row", rows("alerts.md", "Balances"), ids=str)
def test_a_balance_is_low_as_documented(row):
    undercut = levels_undercut(D(row["balance"]), limit=D(row["limit"]), levels=levels(row["levels"]))
    assert undercut == levels(row["crossed"])


@pytest.mark.parametrize("row", rows("alerts.md", "Unusual usage"), ids=str)
def test_usage_is_unusual_as_documented(row):
    usually = usual_daily_quantity([D(row["before"])], days=int(row["days"]))
    if usually is None:
        assert row["crossed"] == "too early"
        return
    amount, least = Fraction(D(row["costs"])), D(row["least"])
    assert spike_levels(
        D(row["last day"]), usual_quantity=usually, cost=amount, minimum_cost=least, levels=[5]
    ) == levels(row["crossed"])


def test_an_expiry_is_due_from_its_day_on():
    assert levels_due_within(Fraction(7), levels=[1, 7]) == (7,)
    assert levels_due_within(Fraction(1), levels=[1, 7]) == (7, 1)
    assert levels_due_within(Fraction(71, 10), levels=[1, 7]) == ()


def test_a_forecast_is_reliable_after_a_tenth_of_the_period():
    assert [is_forecast_reliable(Fraction(percent, 100)) for percent in (9, 10, 11)] == [False, True, True]


AMOUNTS = st.decimals(min_value=0, max_value=10**12, places=6)
LEVELS = st.lists(st.integers(1, 1000), min_size=1, max_size=10)


@given(AMOUNTS, AMOUNTS, AMOUNTS, LEVELS)
def test_more_usage_never_crosses_fewer_levels(value, more, limit, some):
    assert set(levels_reached(value, limit=limit, levels=some)) <= set(
        levels_reached(value + more, limit=limit, levels=some)
    )


@given(AMOUNTS, AMOUNTS, LEVELS)
def test_a_balance_is_either_low_or_has_reached_the_level(value, limit, some):
    assert set(levels_undercut(value, limit=limit, levels=some)) | set(
        levels_reached(value, limit=limit, levels=some)
    ) >= (set(some) if value else set())
