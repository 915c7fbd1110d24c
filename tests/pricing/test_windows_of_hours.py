"""Usage windows may be counted in hours, which are elapsed time: a clock change does not change their length."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.calendar import Anchor, Interval, boundary, period_containing
from tests.docs_tables import DOCS
from tests.pricing.strategies import LAW

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
PAGE = (DOCS / "pricing.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("| window | local start |")[2].partition("\n\n")[0]
WINDOWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines()[2:]]


@pytest.mark.parametrize(("number", "local_start", "hours"), WINDOWS)
def test_windows_of_five_hours_pass_a_clock_change(number, local_start, hours):
    anchor = Anchor("calendar", datetime(2026, 3, 29, 9, tzinfo=UTC), Interval("hour", 5), BERLIN)
    start = boundary(anchor, int(number))
    assert start.astimezone(BERLIN).isoformat(timespec="minutes") == local_start
    assert boundary(anchor, int(number) + 1) - start == int(hours) * HOUR


@LAW
@given(
    st.sampled_from(["calendar", "anniversary"]),
    st.integers(0, 1_000_000).map(lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.integers(1, 120),
    st.integers(0, 20_000),
)
def test_every_time_lies_in_one_window_of_the_same_length(kind, at, hours, minutes):
    anchor = Anchor(kind, at, Interval("hour", hours), BERLIN)
    moment = at + timedelta(minutes=minutes)
    window = period_containing(anchor, moment, start=at)
    start, end = boundary(anchor, window.n), boundary(anchor, window.n + 1)
    assert start <= moment < end
    assert end - start == hours * HOUR


LENGTHS = [
    # interval        other            longer  multiple
    (("hour", 25),    ("day", 1),      True,   False),
    (("hour", 24),    ("day", 1),      False,  False),
    (("day", 1),      ("hour", 6),     True,   False),
    (("hour", 10),    ("hour", 5),     True,   True),
    (("hour", 12),    ("hour", 5),     True,   False),
    (("month", 1),    ("hour", 120),   True,   False),
]  # fmt: skip


@pytest.mark.parametrize(("interval", "other", "longer", "multiple"), LENGTHS)
def test_hours_are_compared_with_days(interval, other, longer, multiple):
    assert Interval(*interval).is_longer_than(Interval(*other)) is longer
    assert Interval(*interval).is_multiple_of(Interval(*other)) is multiple
