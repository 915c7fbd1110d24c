"""Periods follow each other without gap or overlap, for every anchor, zone and interval."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from plans.pricing.calendar import Anchor, Interval, boundary, iterate_periods, period_containing
from tests.pricing.zones import ZONES, is_skipped

HOW_MANY = 14


@st.composite
def anchors(draw: st.DrawFn) -> Anchor:
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    at = draw(
        st.datetimes(
            datetime.fromisoformat("2008-01-01"),
            datetime.fromisoformat("2030-01-01"),
            timezones=st.sampled_from([UTC, zone]),
            allow_imaginary=False,
        )
    )
    interval = Interval(
        draw(st.sampled_from(["day", "week", "month", "quarter", "year"])),
        draw(st.sampled_from([1, 1, 2, 3, 5, 6, 12])),
    )
    return Anchor(draw(st.sampled_from(["calendar", "anniversary"])), at, interval, zone)


def horizon(anchor: Anchor) -> datetime:
    return boundary(anchor, HOW_MANY)


@settings(deadline=None, max_examples=400)
@given(anchors())
def test_each_period_begins_where_the_one_before_it_ends(anchor):
    periods = list(iterate_periods(anchor, until=horizon(anchor)))
    assert periods[0].start == anchor.at.astimezone(UTC)
    assert periods[-1].end == horizon(anchor)
    assert [period.start for period in periods[1:]] == [period.end for period in periods[:-1]]
    assert all(period.start < period.end for period in periods)


@settings(deadline=None, max_examples=400)
@given(anchors(), st.floats(0, 1, exclude_max=True))
def test_every_time_is_in_exactly_the_period_that_iterating_finds(anchor, where):
    moment = anchor.at.astimezone(UTC)
    moment += timedelta(microseconds=int((horizon(anchor) - moment) / timedelta(microseconds=1) * where))
    (holding,) = [
        period for period in iterate_periods(anchor, until=horizon(anchor)) if period.start <= moment < period.end
    ]
    assert period_containing(anchor, moment) == holding
    for border in (holding.start, holding.end - timedelta(microseconds=1)):
        assert period_containing(anchor, border) == holding


@settings(deadline=None, max_examples=400)
@given(anchors(), st.integers(1, HOW_MANY))
def test_a_boundary_keeps_the_anchors_local_time_and_day_where_the_month_has_it(anchor, n):
    origin = boundary(anchor, 0).astimezone(anchor.zone)
    local = boundary(anchor, n).astimezone(anchor.zone)
    wanted = local.replace(hour=origin.hour, minute=origin.minute, second=origin.second, fold=0)
    if is_skipped(wanted) or is_skipped(origin.replace(hour=0, minute=0)):
        return
    assert local.time() == origin.time()
    if anchor.interval.months:
        assert local.day == origin.day or (local + timedelta(days=1)).day == 1
