"""Usage by minute, hour, day and month of the customer's clock, and by dimension."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from billing.metering.usage import breakdown as breakdown_module
from billing.metering.usage.breakdown import BreakdownRefused, breakdown
from customers.models import Customer
from plans.models import Meter
from tests import docs_tables
from tests.billing.metering.corrections.correction_setup import make_fully_metered_subscription, sample, void
from tests.billing.metering.ingest.ingest_setup import call, make_metered_subscription, request, send
from tests.builders import FEB

pytestmark = pytest.mark.django_db

SINCE, UNTIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC)


def rows(meter="calls", *, customer="acme", since=SINCE, until=UNTIL, window="day", group_by=None):
    customer_row = Customer.objects.get(external_id=customer)
    slices = breakdown(
        customer_id=customer_row.pk,
        time_zone=customer_row.time_zone,
        meter_id=Meter.objects.get(code=meter).pk,
        since=since,
        until=until,
        window=window,
        group_by=group_by,
    )
    return [(slice_.starts_at, slice_.group, int(slice_.quantity)) for slice_ in slices]


def test_days_are_the_customers_days():
    """23:30 in Kathmandu (+05:45) is 17:45 in UTC; half an hour later is the next day there."""
    make_metered_subscription(time_zone="Asia/Kathmandu")
    send(call("late", timestamp="2026-03-05T17:45:00Z"), call("next", timestamp="2026-03-05T18:15:00Z"))

    assert rows() == [
        (datetime(2026, 3, 4, 18, 15, tzinfo=UTC), None, 1),
        (datetime(2026, 3, 5, 18, 15, tzinfo=UTC), None, 1),
    ]


def test_a_day_that_springs_forward_is_one_day_of_23_hours():
    make_metered_subscription(time_zone="America/New_York")
    send(call("a", timestamp="2026-03-08T05:30:00Z"), call("b", timestamp="2026-03-09T03:30:00Z"))

    assert rows() == [(datetime(2026, 3, 8, 5, tzinfo=UTC), None, 2)]


def test_hours_and_months_have_the_same_sum():
    make_metered_subscription()
    send(*[call(f"c{number}", timestamp=f"2026-03-0{1 + number % 7}T0{number % 9}:10:00Z") for number in range(30)])

    by_hour, by_month = rows(window="hour"), rows(window="month")

    assert sum(quantity for *_, quantity in by_hour) == 30
    assert by_month == [(SINCE, None, 30)]


def test_usage_is_grouped_by_a_dimension_or_by_the_readings():
    make_metered_subscription()
    send(request("r1", 100, 10, model="gpt"), request("r2", 7, 3, model="claude"))
    day = datetime(2026, 3, 10, tzinfo=UTC)

    assert rows("tokens", group_by="model") == [(day, "claude", 10), (day, "gpt", 110)]
    assert rows("tokens", group_by="type") == [(day, "input", 107), (day, "output", 13)]


@pytest.mark.parametrize("example", docs_tables.rows("metering.md", "Breakdowns by time"))
def test_minutes_agree_with_their_hour(example):
    make_fully_metered_subscription()
    hour = datetime(2026, 1, 5, 12, tzinfo=UTC)
    sampled = [
        sample(f"e{number}", f"2026-01-05T12:{minute:02}:0{number}Z", value)
        for number, (minute, value) in enumerate(_pairs(example["events (minute: value)"]))
    ]
    send(*sampled, sample("voided", "2026-01-05T12:30:09Z", 99), at=FEB)
    void("voided", at=FEB)

    span = {"since": hour, "until": hour + timedelta(hours=1)}
    for meter, name in (("sum", "sum"), ("max", "maximum")):
        assert rows(meter, window="minute", **span) == [
            (hour + timedelta(minutes=minute), None, value)
            for minute, value in _pairs(example[f"minutes of the {name}"])
        ]
        assert rows(meter, window="hour", **span) == [(hour, None, int(example[f"hour of the {name}"]))]
    assert sum(events for *_, events in rows("count", window="minute", **span)) == len(sampled)


def _pairs(text):
    """Return minutes with their values, of text like `0: 7, 59: 5`."""
    return [tuple(map(int, pair.split(":"))) for pair in text.split(",")]


@pytest.mark.parametrize("group_by", ["model", "type", "meta.region", None])
def test_minutes_have_the_groups_of_their_hours(group_by):
    make_metered_subscription()
    send(
        *(
            request(f"r{number}", number, 2 * number, model="gpt" if number % 3 else "claude")
            | {"timestamp": f"2026-03-05T1{number % 5}:{number % 60:02}:30Z"}
            for number in range(1, 80)
        )
    )
    span = {"since": datetime(2026, 3, 5, 10, tzinfo=UTC), "until": datetime(2026, 3, 5, 15, tzinfo=UTC)}

    by_hour = Counter()
    minutes = rows("tokens", window="minute", group_by=group_by, **span)
    for minute, group, quantity in minutes:
        by_hour[minute.replace(minute=0), group] += quantity

    hours = rows("tokens", window="hour", group_by=group_by, **span)
    assert by_hour == {(hour, group): quantity for hour, group, quantity in hours}
    assert len(minutes) > len(hours) > 0


def test_minutes_that_start_in_the_interval_are_whole():
    make_metered_subscription()
    send(*(call(f"c{second}", timestamp=f"2026-03-05T12:00:{second}Z") for second in (10, 40)))
    send(*(call(f"d{second}", timestamp=f"2026-03-05T12:01:{second}Z") for second in (10, 40)))

    noon = datetime(2026, 3, 5, 12, tzinfo=UTC)
    span = {"since": noon + timedelta(seconds=30), "until": noon + timedelta(seconds=75)}
    assert rows(window="minute", **span) == [(noon + timedelta(minutes=1), None, 2)]


def test_minutes_with_too_many_events_are_refused(monkeypatch):
    make_metered_subscription()
    send(*(call(f"c{number}", timestamp="2026-03-05T12:00:00Z") for number in range(4)))
    noon = datetime(2026, 3, 5, 12, tzinfo=UTC)

    monkeypatch.setattr(breakdown_module, "MAX_EVENTS", 4)
    assert rows(window="minute", since=noon, until=noon + timedelta(hours=6)) == [(noon, None, 4)]
    monkeypatch.setattr(breakdown_module, "MAX_EVENTS", 3)
    with pytest.raises(BreakdownRefused, match="more than 3 events") as refusal:
        rows(window="minute", since=noon, until=noon + timedelta(hours=6))

    assert refusal.value.field == "window"


def test_another_customers_usage_is_not_included():
    make_metered_subscription()
    make_metered_subscription("other")
    send(call("mine"), call("theirs", customer="other"))

    assert [quantity for *_, quantity in rows()] == [1]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"window": "second"}, "window"),
        ({"window": "minute", "until": SINCE + timedelta(hours=6, seconds=1)}, "until"),
        ({"until": SINCE}, "until"),
        ({"until": SINCE + timedelta(days=401)}, "until"),
    ],
)
def test_an_invalid_argument_is_rejected_with_its_field(arguments, field):
    make_metered_subscription()

    with pytest.raises(BreakdownRefused) as refusal:
        rows(**arguments)

    assert refusal.value.field == field
