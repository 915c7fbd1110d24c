"""
The current time, for workers and for customers.

A sandbox customer may live in the time of a test clock; all others live in real time. Operations for one customer
call `current_time`; queries for due rows of many customers are limited to one clock, or to real time (`clock_filter`,
`clock_sql`): docs/sandbox.md.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from customers.models import Customer, TestClock


def current_time(customer: Customer) -> datetime:
    """Return the current time of a customer: that of its test clock as stored now, or real time."""
    return clock_time(customer.test_clock_id)


def loaded_current_time(customer: Customer, *, now: datetime) -> datetime:
    """Return the current time of a customer that was loaded with its test clock; now: real time."""
    return now if customer.test_clock is None else customer.test_clock.now


def current_time_expression(now: datetime, customer_lookup: str) -> Coalesce:
    """
    Return an expression for the current time of each row's customer; customer_lookup: the lookup to the customer.
    """
    return Coalesce(F(f"{customer_lookup}__test_clock__now"), Value(now))


def clock_time(clock_id: int | None) -> datetime:
    """Return a test clock's time as stored now; real time for None."""
    if clock_id is None:
        return timezone.now()
    return TestClock.objects.values_list("now", flat=True).get(pk=clock_id)


def current_time_by_external_id(external_id: str, *, sandbox: bool) -> datetime:
    """Return the current time of a customer by its external id; real time if there is none. Live needs no query."""
    if not sandbox:
        return timezone.now()
    clocks = TestClock.objects.filter(customers__sandbox=True, customers__external_id=external_id)
    return clocks.values_list("now", flat=True).first() or timezone.now()


def test_clock_times(external_ids: Collection[str]) -> dict[str, datetime]:
    """Return external id → time, for the sandbox customers with a test clock."""
    customers = Customer.objects.filter(sandbox=True, external_id__in=external_ids, test_clock__isnull=False)
    return dict(customers.values_list("external_id", "test_clock__now"))


def test_clock_ids(customer_ids: Collection[int]) -> dict[int, int]:
    """Return customer id → test clock id, for those of these customers that have one."""
    if not customer_ids:
        return {}
    customers = Customer.objects.filter(pk__in=customer_ids, test_clock__isnull=False)
    return dict(customers.values_list("pk", "test_clock"))


def customer_named_in(body: Any) -> str:
    """Return the customer named in a request's unvalidated body; empty if there is none."""
    name = body.get("customer") if isinstance(body, dict) else None
    return name if isinstance(name, str) else ""


# PostgreSQL hashes the few customers with a test clock and probes only rows that are due already.
_CUSTOMERS_OF_CLOCK = "SELECT id FROM customers_customer WHERE test_clock_id = {clock:d}"
_CUSTOMERS_WITH_CLOCK = "SELECT id FROM customers_customer WHERE test_clock_id IS NOT NULL"


def clock_sql(clock_id: int | None, column: str) -> str:
    """
    Return the SQL condition that a column holds customers of a test clock; customers in real time for None.

    column: the column's name, such as w.customer_id; never user input.
    """
    if clock_id is None:
        return f"{column} NOT IN ({_CUSTOMERS_WITH_CLOCK})"
    return f"{column} IN ({_CUSTOMERS_OF_CLOCK.format(clock=clock_id)})"


def clock_filter(clock_id: int | None, customer_lookup: str = "customer") -> Q:
    """Return the condition of `clock_sql` for a QuerySet; customer_lookup: the lookup to the customer."""
    if clock_id is None:
        return ~Q(**{f"{customer_lookup}__in": Customer.objects.filter(test_clock__isnull=False)})
    return Q(**{f"{customer_lookup}__in": Customer.objects.filter(test_clock=clock_id)})
