"""
What time it is: for all workers, and for a customer.

A sandbox customer may live in the time of a test clock; everybody else lives in real time. Whoever does something for
one customer asks `time_of`; whoever looks for what is due among many asks for those of one clock, or of none
(`of_clock`, `in_time_of`): docs/sandbox.md.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from customers.models import Customer, TestClock


def database_time() -> datetime:
    """Return the database's time now: leases are measured by it, however wrong one host's own clock is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def current_time(customer: Customer) -> datetime:
    """Return what time it is for a customer: its test clock's, as it is stored now, or the real one."""
    return clock_time(customer.test_clock_id)


def loaded_current_time(customer: Customer, *, now: datetime) -> datetime:
    """Return the same of a customer who was read together with its test clock, as for a list; now: the real time."""
    return now if customer.test_clock is None else customer.test_clock.now


def current_time_expression(now: datetime, customer_lookup: str) -> Coalesce:
    """Return what time it is for the customer of each row of a QuerySet; customer: the lookup that leads there."""
    return Coalesce(F(f"{customer_lookup}__test_clock__now"), Value(now))


def clock_time(clock_id: int | None) -> datetime:
    """Return a test clock's time, as it is stored now; the real one for None."""
    if clock_id is None:
        return timezone.now()
    return TestClock.objects.values_list("now", flat=True).get(pk=clock_id)


def current_time_by_external_id(external_id: str, *, sandbox: bool) -> datetime:
    """Return what time it is for a customer by its external id; real time if there is none. Live costs no query."""
    if not sandbox:
        return timezone.now()
    named = TestClock.objects.filter(customers__sandbox=True, customers__external_id=external_id)
    return named.values_list("now", flat=True).first() or timezone.now()


def test_clock_times(external_ids: Collection[str]) -> dict[str, datetime]:
    """Return external id → time, of those sandbox customers that have a test clock."""
    found = Customer.objects.filter(sandbox=True, external_id__in=external_ids, test_clock__isnull=False)
    return dict(found.values_list("external_id", "test_clock__now"))


def test_clock_ids(customer_ids: Collection[int]) -> dict[int, int]:
    """Return customer → test clock, of those among these customers who have one."""
    if not customer_ids:
        return {}
    found = Customer.objects.filter(pk__in=customer_ids, test_clock__isnull=False)
    return dict(found.values_list("pk", "test_clock"))


def customer_named_in(sent: Any) -> str:
    """Return the customer that a request's body names, before anything is known of that: empty if none."""
    name = sent.get("customer") if isinstance(sent, dict) else None
    return name if isinstance(name, str) else ""


# A hash of the few customers in no real time, looked into only by rows that are due already; of none, nothing at all.
_THEIRS = "SELECT id FROM customers_customer WHERE test_clock_id = {clock:d}"
_NOT_REAL = "SELECT id FROM customers_customer WHERE test_clock_id IS NOT NULL"


def clock_sql(clock_id: int | None, column: str) -> str:
    """
    Return the SQL condition that a column holds customers of a test clock; those in real time for None.

    customer: the column's name, such as w.customer_id; it is no input of anybody's.
    """
    if clock_id is None:
        return f"{column} NOT IN ({_NOT_REAL})"
    return f"{column} IN ({_THEIRS.format(clock=clock_id)})"


def clock_filter(clock_id: int | None, customer_lookup: str = "customer") -> Q:
    """Return the condition of `of_clock` for a QuerySet; customer: the lookup that leads to the customer."""
    if clock_id is None:
        return ~Q(**{f"{customer_lookup}__in": Customer.objects.filter(test_clock__isnull=False)})
    return Q(**{f"{customer_lookup}__in": Customer.objects.filter(test_clock=clock_id)})
