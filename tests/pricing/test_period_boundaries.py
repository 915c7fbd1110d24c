"""Every boundary is counted from the anchor, in the customer's time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from plans.pricing import calendar
from plans.pricing.calendar import Anchor, Interval, OutsideCalendar, boundary, iterate_periods, period_containing
from tests.pricing.worked_numbers import rows

BERLIN = ZoneInfo("Europe/Berlin")


def interval(text: str) -> Interval:
    count, unit = text.split()
    return Interval(unit, int(count))


@pytest.mark.parametrize(
    "row", rows("periods"), ids=lambda row: f"{row['kind']} {row['start']} {row['interval']} {row['n']}"
)
def test_a_boundary_is_as_documented(row):
    zone = ZoneInfo(row["zone"])
    anchor = Anchor(row["kind"], datetime.fromisoformat(row["start"]), interval(row["interval"]), zone)
    instant = boundary(anchor, int(row["n"]))
    assert instant.tzinfo is UTC
    assert instant.astimezone(zone).isoformat(timespec="minutes") == row["boundary"], row["why"]


def test_the_start_is_its_own_anniversary_even_in_a_repeated_hour():
    second = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)
    anchor = Anchor("anniversary", second, Interval("day"), BERLIN)
    assert boundary(anchor, 0) == second.astimezone(UTC)
    assert boundary(anchor, 0).tzinfo is UTC
    assert period_containing(anchor, second).start == second.astimezone(UTC)


def test_of_a_repeated_hour_the_first_counts_even_if_the_start_was_in_the_second():
    second = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)
    anchor = Anchor("anniversary", second, Interval("year"), BERLIN)
    assert boundary(anchor, 11) == datetime(2037, 10, 25, 0, 30, tzinfo=UTC)


def test_a_calendar_period_begins_with_a_stub():
    anchor = Anchor("calendar", datetime(2026, 3, 10, 15, tzinfo=BERLIN), Interval("month"), BERLIN)
    first, second = iterate_periods(anchor, until=datetime(2026, 4, 2, tzinfo=BERLIN))
    assert first == (0, datetime(2026, 3, 10, 14, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC))
    assert second == (1, datetime(2026, 3, 31, 22, tzinfo=UTC), datetime(2026, 4, 30, 22, tzinfo=UTC))


def test_a_start_on_a_boundary_has_no_stub():
    start = datetime(2026, 3, 1, tzinfo=BERLIN)
    first = period_containing(Anchor("calendar", start, Interval("month"), BERLIN), start)
    assert first == (0, start.astimezone(UTC), datetime(2026, 3, 31, 22, tzinfo=UTC))


def test_an_end_shortens_the_last_period():
    anchor = Anchor("anniversary", datetime(2026, 1, 15, tzinfo=UTC), Interval("month"), ZoneInfo("UTC"))
    end = datetime(2026, 2, 20, tzinfo=UTC)
    periods = list(iterate_periods(anchor, until=datetime.max.replace(tzinfo=UTC), end=end))
    assert [period.end for period in periods] == [datetime(2026, 2, 15, tzinfo=UTC), end]
    assert period_containing(anchor, datetime(2026, 2, 19, tzinfo=UTC), end=end) == periods[-1]


def test_a_subscription_that_starts_after_its_anchor_keeps_its_boundaries():
    anchor = Anchor("anniversary", datetime(2026, 1, 31, tzinfo=UTC), Interval("month"), ZoneInfo("UTC"))
    start = datetime(2026, 3, 5, tzinfo=UTC)
    first, second = iterate_periods(anchor, start=start, until=datetime(2026, 4, 1, tzinfo=UTC))
    assert first == (1, start, datetime(2026, 3, 31, tzinfo=UTC))
    assert second.end == datetime(2026, 4, 30, tzinfo=UTC)


def test_a_day_that_its_zone_skipped_has_no_period():
    apia = ZoneInfo("Pacific/Apia")
    anchor = Anchor("calendar", datetime(2011, 12, 29, tzinfo=apia), Interval("day"), apia)
    periods = list(iterate_periods(anchor, until=datetime(2012, 1, 1, tzinfo=apia)))
    assert [period.start.astimezone(apia).day for period in periods] == [29, 31]
    assert periods[0].end == periods[1].start
    assert period_containing(anchor, periods[1].start) == periods[1]


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (datetime(2026, 1, 14, tzinfo=UTC), "before the first period"),
        (datetime(2026, 2, 20, tzinfo=UTC), "after the last"),
    ],
)
def test_a_time_outside_the_subscription_has_no_period(at, message):
    anchor = Anchor("anniversary", datetime(2026, 1, 15, tzinfo=UTC), Interval("month"), ZoneInfo("UTC"))
    with pytest.raises(OutsideCalendar, match=message):
        period_containing(anchor, at, end=datetime(2026, 2, 20, tzinfo=UTC))


def test_a_boundary_beyond_the_calendar_is_rejected():
    anchor = Anchor("anniversary", datetime(2026, 1, 15, tzinfo=UTC), Interval("year", 120), ZoneInfo("UTC"))
    with pytest.raises(OutsideCalendar, match="has no date"):
        boundary(anchor, 67)


def test_nothing_begins_before_the_start():
    anchor = Anchor("calendar", datetime(2026, 1, 15, tzinfo=UTC), Interval("month"), ZoneInfo("UTC"))
    assert list(iterate_periods(anchor, until=datetime(2026, 1, 15, tzinfo=UTC))) == []


@pytest.mark.parametrize(
    ("unit", "count", "message"),
    [
        ("fortnight", 1, "An interval is counted in hour, day, week, month, quarter, year, not 'fortnight'"),
        ("month", 0, "An interval has 1 to 120 units, not 0"),
        ("month", 121, "An interval has 1 to 120 units, not 121"),
    ],
)
def test_an_invalid_interval_is_rejected(unit, count, message):
    with pytest.raises(ValueError, match=message):
        Interval(unit, count)


def test_an_invalid_anchor_is_rejected():
    with pytest.raises(ValueError, match="anchored to the calendar or the anniversary, not 'fiscal'"):
        Anchor("fiscal", datetime(2026, 1, 15, tzinfo=UTC), Interval("month"), BERLIN)


def test_a_time_without_a_zone_is_rejected():
    with pytest.raises(ValueError, match="no time zone"):
        Anchor("calendar", datetime(2026, 1, 15), Interval("month"), BERLIN)  # noqa: DTZ001


def test_a_month_begins_at_the_first_of_two_midnights():
    st_johns = ZoneInfo("America/St_Johns")  # at 00:01 on 1 November 2009 its clocks went back to 23:01
    anchor = Anchor("calendar", datetime(2009, 10, 1, tzinfo=st_johns), Interval("month"), st_johns)
    first_midnight = datetime(2009, 11, 1, 2, 30, tzinfo=UTC)
    again_october = first_midnight + timedelta(minutes=45)
    assert again_october.astimezone(st_johns).month == 10
    assert period_containing(anchor, again_october).start == first_midnight


def test_a_start_before_clocks_went_back_over_midnight_is_in_the_first_period():
    st_johns = ZoneInfo("America/St_Johns")
    start = datetime(2009, 11, 1, 0, 0, 30, tzinfo=st_johns)
    anchor = Anchor("anniversary", start, Interval("month"), st_johns)
    assert period_containing(anchor, start.astimezone(UTC) + timedelta(minutes=45)).n == 0


@pytest.mark.parametrize("kind", ["calendar", "anniversary"])
@pytest.mark.parametrize("text", ["1 day", "2 week", "1 month", "1 quarter", "2 year"])
def test_a_period_a_century_away_is_found_without_iterating(monkeypatch, kind, text):
    computed = []
    monkeypatch.setattr(calendar, "boundary", lambda anchor, n: computed.append(n) or boundary(anchor, n))
    anchor = Anchor(kind, datetime(2026, 1, 31, 12, tzinfo=BERLIN), interval(text), BERLIN)
    period_containing(anchor, datetime(2126, 3, 5, tzinfo=UTC))
    assert len(computed) <= 6


def test_several_intervals_are_one():
    assert interval("1 month").multiplied_by(12) == interval("12 month")
    assert interval("2 week").multiplied_by(3) == interval("6 week")
    assert interval("2 quarter").multiplied_by(1) == interval("2 quarter")
    with pytest.raises(ValueError, match="1 to 120 units, not 121"):
        interval("11 day").multiplied_by(11)
