"""A customer's fixed coupon has its amount in each coupon period, whatever the order of the invoices."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.calendar import OutsideCalendar
from plans.pricing.coupon_periods import amount_left, coupon_period_number
from tests.pricing.strategies import LAW, decimals
from tests.pricing.worked_numbers import rows

D = Decimal


def taken_of(text: str) -> dict[int, Decimal]:
    """Read amounts by coupon period in the page's notation: 1: 30.00, 3: 20.00; the page counts from 1."""
    pairs = (part.split(": ") for part in text.split(", ") if part)
    return {int(number) - 1: D(amount) for number, amount in pairs}


@pytest.mark.parametrize("row", rows("coupon-periods"), ids=lambda row: row["why"])
def test_the_documented_amount_is_left(row):
    left = amount_left(
        D("50.00"), int(row["period"]) - 1, taken_of(row["taken"]), carries_over=row["rest"] == "carries over"
    )
    assert left == D(row["left"]), row["why"]


NUMBERS = [
    # since                months zone              moment                number
    ("2026-01-31T09:00", 1, "UTC", "2026-01-31T09:00", 0),
    ("2026-01-31T09:00", 1, "UTC", "2026-02-28T08:59", 0),
    ("2026-01-31T09:00", 1, "UTC", "2026-02-28T09:00", 1),
    ("2026-01-31T09:00", 3, "UTC", "2026-04-30T08:59", 0),
    ("2026-01-31T09:00", 3, "UTC", "2026-04-30T09:00", 1),
    ("2026-03-01T00:00", 1, "Europe/Berlin", "2026-03-31T22:59", 0),
    ("2026-03-01T00:00", 1, "Europe/Berlin", "2026-03-31T23:00", 1),
]


@pytest.mark.parametrize(("since", "months", "zone", "moment", "number"), NUMBERS)
def test_coupon_periods_are_counted_in_months_of_the_customer(since, months, zone, moment, number):
    since, moment = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (since, moment))
    assert coupon_period_number(moment, since=since, months=months, time_zone=zone) == number


def test_a_time_before_the_first_coupon_period_is_refused():
    with pytest.raises(OutsideCalendar):
        coupon_period_number(
            datetime(2026, 1, 1, tzinfo=UTC), since=datetime(2026, 2, 1, tzinfo=UTC), months=1, time_zone="UTC"
        )


invoices = st.lists(st.tuples(st.integers(0, 5), decimals(0, 80, 2)), max_size=12)


@LAW
@given(amount=decimals(1, 100, 2), invoices=invoices, carries_over=st.booleans())
def test_invoices_in_any_order_take_no_more_than_the_amount(amount, invoices, carries_over):
    taken: dict[int, Decimal] = {}
    for number, due in invoices:
        left = amount_left(amount, number, taken, carries_over=carries_over)
        assert left >= 0
        taken[number] = taken.get(number, D(0)) + min(left, due)
    total = D(0)
    for number in range(6):
        total += taken.get(number, D(0))
        assert total <= amount * (number + 1)
        assert carries_over or taken.get(number, D(0)) <= amount
    # Nothing is withheld: an invoice of the last period finds all that the earlier ones have left.
    if carries_over:
        assert amount_left(amount, 5, taken, carries_over=True) == 6 * amount - total
