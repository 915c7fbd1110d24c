"""When a value crosses a level, as docs/alerts.md has it."""

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
    return tuple(int(one) for one in text.split(",") if one.strip())


@pytest.mark.parametrize("row", rows("alerts.md", "Levels"), ids=str)
def test_a_level_is_reached_as_on_the_page(row):
    assert levels_reached(D(row["value"]), limit=D(row["limit"]), levels=levels(row["levels"])) == levels(
        row["crossed"]
    )


@pytest.mark.parametrize("row", rows("alerts.md", "Balances"), ids=str)
def test_a_balance_is_low_as_on_the_page(row):
    found = levels_undercut(D(row["balance"]), limit=D(row["limit"]), levels=levels(row["levels"]))
    assert found == levels(row["crossed"])


@pytest.mark.parametrize("row", rows("alerts.md", "Unusual use"), ids=str)
def test_use_is_unusual_as_on_the_page(row):
    usually = usual_daily_quantity([D(row["before"])], days=int(row["days"]))
    if usually is None:
        assert row["crossed"] == "too early"
        return
    amount, least = Fraction(D(row["costs"])), D(row["least"])
    assert spike_levels(
        D(row["last day"]), usual_quantity=usually, cost=amount, minimum_cost=least, levels=[5]
    ) == levels(row["crossed"])


def test_what_expires_is_due_from_the_day_on():
    assert levels_due_within(Fraction(7), levels=[1, 7]) == (7,)
    assert levels_due_within(Fraction(1), levels=[1, 7]) == (7, 1)
    assert levels_due_within(Fraction(71, 10), levels=[1, 7]) == ()


def test_a_forecast_is_told_from_a_tenth_of_the_period_on():
    assert [is_forecast_reliable(Fraction(one, 100)) for one in (9, 10, 11)] == [False, True, True]


AMOUNTS = st.decimals(min_value=0, max_value=10**12, places=6)
LEVELS = st.lists(st.integers(1, 1000), min_size=1, max_size=10)


@given(AMOUNTS, AMOUNTS, AMOUNTS, LEVELS)
def test_more_use_never_crosses_less(value, more, limit, some):
    assert set(levels_reached(value, limit=limit, levels=some)) <= set(
        levels_reached(value + more, limit=limit, levels=some)
    )


@given(AMOUNTS, AMOUNTS, LEVELS)
def test_a_balance_is_either_low_or_has_reached_the_level(value, limit, some):
    assert set(levels_undercut(value, limit=limit, levels=some)) | set(
        levels_reached(value, limit=limit, levels=some)
    ) >= (set(some) if value else set())
