"""A wallet lasts until its lots are used up or have expired, at its pace of the last days."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallets.credit_rules.runway import LONGEST, LotLeft, runs_out_at
from wallets.portal.balance_chart import draw_balance

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DAY = timedelta(days=1)

CASES = [
    # lots: units, days to expiry   per day  days  why
    ([(412, None)], "42", Decimal(412) / 42, "the balance divided by the pace"),
    ([(100, None), (50, None)], "10", 15, "lots follow each other"),
    ([(100, 5), (50, None)], "10", 10, "half of the first lot expires unused"),
    ([(50, None), (100, 5)], "10", 10, "whichever order they are listed in"),
    ([(20, 5)], "10", 2, "used up before it expires"),
    ([(100, 3)], "10", 3, "nothing is left after the expiry"),
    ([], "10", None, "nothing is left now"),
    ([(100, None)], "0", None, "nothing is used"),
    ([(10_000, None)], "10", None, "more than a year is not foreseen"),
    ([(10_000, 30), (10, None)], "10", 31, "unless it expires before"),
]


@pytest.mark.parametrize(("lots", "per_day", "days", "why"), CASES)
def test_a_wallet_lasts_as_long_as_its_lots(lots, per_day, days, why):
    left = [LotLeft(Decimal(units), None if expiry is None else NOW + DAY * expiry) for units, expiry in lots]

    end = runs_out_at(left, per_day=Decimal(per_day), at=NOW)

    expected = None if days is None else NOW + timedelta(seconds=int(Decimal(days) * 86_400))
    assert end == expected, why


@given(
    lots=st.lists(st.tuples(st.integers(1, 500), st.none() | st.integers(1, 100)), max_size=8),
    pace=st.integers(1, 100),
)
def test_more_units_never_end_earlier(lots, pace):
    left = [LotLeft(Decimal(units), None if days is None else NOW + DAY * days) for units, days in lots]
    end = runs_out_at(left, per_day=Decimal(pace), at=NOW)

    later = runs_out_at([*left, LotLeft(Decimal(10), None)], per_day=Decimal(pace), at=NOW)

    assert later is None or end is None or later >= end
    assert end is None or NOW < end <= NOW + LONGEST


def test_the_balance_is_a_line_down_to_zero():
    drawing = draw_balance([Decimal(100), Decimal(50)], days_left=1)

    assert drawing.line == "0.00,2.00 340.00,91.00"
    assert drawing.area == "0,180.00 0.00,2.00 340.00,91.00 340.00,180.00"
    assert drawing.outlook == "340.00,91.00 680.00,180.00"
    assert draw_balance([Decimal(0), Decimal(-5)]).outlook == ""
