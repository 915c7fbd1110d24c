"""
Whenever the demo runs, last month is complete and the current one is partly filled, in each customer's time zone.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from demo.days import first_day, moment, month_start
from demo.trace import UTC_ZONE, events, rows

TODAYS = [
    # at                      current month in New York and in Tokyo
    ("2026-03-18T12:34:56", "2026-03", "2026-03"),
    ("2026-04-01T03:00:00", "2026-03", "2026-04"),
    ("2026-03-31T15:30:00", "2026-03", "2026-03"),
    ("2026-03-31T16:00:00", "2026-03", "2026-04"),
    ("2024-02-29T23:59:59", "2024-02", "2024-03"),
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("at", "new_york", "tokyo"), TODAYS)
def test_a_month_is_current_until_an_hour_after_its_end_on_the_local_clock(at, new_york, tokyo):
    for zone, expected in (("America/New_York", new_york), ("Asia/Tokyo", tokyo)):
        assert f"{month_start(utc(at), ZoneInfo(zone), months_back=0):%Y-%m}" == expected


@pytest.mark.parametrize("at", [at for at, *_ in TODAYS])
def test_nothing_happens_before_last_month_or_after_today(at):
    zones = {row["external_id"]: ZoneInfo(row["time_zone"]) for row in rows("customers.csv")}
    for event in events(utc(at)):
        zone = zones.get(event["customer"], UTC_ZONE)
        happened = utc(event["timestamp"].rstrip("Z"))
        assert happened.astimezone(zone).date() >= month_start(utc(at), zone, months_back=1)
        assert happened <= utc(at)


def test_the_same_today_gives_the_same_events():
    assert events(utc("2026-03-18T12:34:56")) == events(utc("2026-03-18T12:34:56"))


def test_both_months_have_requests():
    months = {event["timestamp"][:7] for event in events(utc("2026-03-18T12:34:56"))}
    assert {"2026-02", "2026-03"} <= months


def test_todays_requests_are_compressed_into_the_elapsed_part_of_the_day():
    zone, at = ZoneInfo("Europe/Berlin"), utc("2026-03-18T11:00:00")
    first = first_day(at, zone, starts_at=None)
    assert moment(99_999, 43_200, first=first, at=at, zone=zone) == utc("2026-03-18T05:00:00")
    assert moment(0, 43_200, first=first, at=at, zone=zone) == utc("2026-02-01T11:00:00")


def test_requests_begin_on_the_first_whole_day_of_a_subscription():
    zone, at = ZoneInfo("Europe/Berlin"), utc("2026-03-18T11:00:00")
    assert f"{first_day(at, zone, starts_at=utc('2026-02-10T08:30:00'))}" == "2026-02-11"
    assert f"{first_day(at, zone, starts_at=utc('2026-02-09T23:00:00'))}" == "2026-02-10"
    assert f"{first_day(at, zone, starts_at=utc('2025-06-01T08:30:00'))}" == "2026-02-01"
