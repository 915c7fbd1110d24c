"""Usage by hour, day and month of the customer's clock, and by dimension."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.metering.usage.breakdown import BreakdownRefused, breakdown
from customers.models import Customer
from plans.models import Meter
from tests.billing.metering.ingest.ingest_setup import call, make_metered_subscription, request, send

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


def test_another_customers_usage_is_not_included():
    make_metered_subscription()
    make_metered_subscription("other")
    send(call("mine"), call("theirs", customer="other"))

    assert [quantity for *_, quantity in rows()] == [1]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"window": "minute"}, "window"),
        ({"until": SINCE}, "until"),
        ({"until": SINCE + timedelta(days=401)}, "until"),
    ],
)
def test_an_invalid_argument_is_rejected_with_its_field(arguments, field):
    make_metered_subscription()

    with pytest.raises(BreakdownRefused) as refusal:
        rows(**arguments)

    assert refusal.value.field == field
