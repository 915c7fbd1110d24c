"""A trial's days are days of its customer's calendar: it ends at the local time of day of its start."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from billing.subscriptions.periods.boundaries import days_after

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
MOMENTS = st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def is_skipped(local: datetime, zone: ZoneInfo) -> bool:
    """Return whether a change of clocks skips this local time."""
    return local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local


@given(moment=MOMENTS, days=st.integers(1, 730), name=st.sampled_from(ZONES))
def test_a_trial_ends_at_the_local_time_of_its_start(moment, days, name):
    zone = ZoneInfo(name)
    expected = moment.astimezone(zone).replace(tzinfo=None) + timedelta(days=days)
    ends = days_after(moment, days, time_zone=name).astimezone(zone).replace(tzinfo=None)
    if is_skipped(expected, zone):
        assert expected < ends <= expected + timedelta(days=1), "later by the skipped hour"
    else:
        assert ends == expected


@given(moment=MOMENTS, days=st.integers(1, 729), name=st.sampled_from(ZONES))
def test_a_longer_trial_never_ends_earlier(moment, days, name):
    assert days_after(moment, days, time_zone=name) <= days_after(moment, days + 1, time_zone=name)
    assert moment < days_after(moment, days, time_zone=name)
