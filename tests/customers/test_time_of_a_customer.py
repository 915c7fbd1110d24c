"""A sandbox customer lives in its test clock's time, every other customer in real time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from customers.customer_time import clock_filter, clock_sql, current_time, current_time_by_external_id
from customers.models import Customer, TestClock
from tests.builders import make_clock, make_customer

pytestmark = pytest.mark.django_db
JAN = datetime(2031, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> TestClock:
    return make_clock(JAN)


def test_is_the_current_time_of_its_clock(clock):
    customer = make_customer("acme", sandbox=True, test_clock=clock)
    TestClock.objects.update(now=JAN + timedelta(days=1))

    assert current_time(customer) == current_time_by_external_id("acme", sandbox=True) == JAN + timedelta(days=1)


def test_is_real_time_without_a_clock(django_assert_num_queries):
    customers = [make_customer("acme"), make_customer("acme", sandbox=True)]

    with django_assert_num_queries(1):  # for the sandbox customer, by external id
        times = [current_time_by_external_id("acme", sandbox=customer.sandbox) for customer in customers] + [
            current_time(customer) for customer in customers
        ]
    assert all(abs(timezone.now() - time) < timedelta(minutes=1) for time in times)


def test_filters_select_the_customers_of_a_clock(clock):
    other = make_clock(JAN)
    live, plain = make_customer(), make_customer(sandbox=True)
    on_clock, on_other_clock = (make_customer(sandbox=True, test_clock=test_clock) for test_clock in (clock, other))

    by_clock = {
        clock_id: set(Customer.objects.filter(clock_filter(clock_id, "pk")))
        for clock_id in (None, clock.pk, other.pk)
    }
    raw = {
        clock_id: set(Customer.objects.raw(f"SELECT * FROM customers_customer c WHERE {clock_sql(clock_id, 'c.id')}"))  # noqa: S608
        for clock_id in by_clock
    }

    assert by_clock == raw == {None: {live, plain}, clock.pk: {on_clock}, other.pk: {on_other_clock}}
