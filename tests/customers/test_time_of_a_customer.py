"""A sandbox customer lives in its test clock's time, everybody else in real time."""

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


def test_is_its_clocks_as_it_stands_now(clock):
    customer = make_customer("acme", sandbox=True, test_clock=clock)
    TestClock.objects.update(now=JAN + timedelta(days=1))

    assert current_time(customer) == current_time_by_external_id("acme", sandbox=True) == JAN + timedelta(days=1)


def test_is_the_real_one_without_a_clock(django_assert_num_queries):
    customers = [make_customer("acme"), make_customer("acme", sandbox=True)]

    with django_assert_num_queries(1):  # of the sandbox's, by its name
        times = [current_time_by_external_id("acme", sandbox=customer.sandbox) for customer in customers] + [
            current_time(customer) for customer in customers
        ]
    assert all(abs(timezone.now() - time) < timedelta(minutes=1) for time in times)


def test_tells_who_is_looked_for_together(clock):
    other = make_clock(JAN)
    live, plain = make_customer(), make_customer(sandbox=True)
    ours, theirs = (make_customer(sandbox=True, test_clock=one) for one in (clock, other))

    found = {one: set(Customer.objects.filter(clock_filter(one, "pk"))) for one in (None, clock.pk, other.pk)}
    raw = {
        one: set(Customer.objects.raw(f"SELECT * FROM customers_customer c WHERE {clock_sql(one, 'c.id')}"))  # noqa: S608
        for one in found
    }

    assert found == raw == {None: {live, plain}, clock.pk: {ours}, other.pk: {theirs}}
