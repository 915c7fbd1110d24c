"""
Look after the customers that something has changed for, and now and then after everybody.

What is new is found by its number and its customers are queued (billing/limits/alerts/change_feed.py); a chunk of
the queue
is taken, read, compared and told in one transaction, so a sweeper that is killed leaves it as it was. Any number of
them may be at work. Source: docs/alerts.md#the-sweeper.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from billing.limits.alerts import balance_measurements, spend_measurements, spike_measurements
from billing.limits.alerts.alert_state import compare
from billing.limits.alerts.change_feed import SOURCES, follow
from billing.limits.alerts.measurements import sellers_of
from billing.limits.alerts.rule_selection import Rules
from billing.models import ChangeCursor
from billing.models.alerts import Guarded
from customers.customer_time import of_clock
from lib.failpoints import reached

CHUNK = 500
"""Customers looked after in one transaction."""

ROUND = timedelta(minutes=30)
"""How often everybody is looked after, for what time alone does."""

EVERYBODY = "everybody"
"""The watch that says when that was done last."""

BY_CHANGE = tuple(one for one in Guarded if one != Guarded.ANOMALY)


@dataclass(slots=True)
class Swept:
    """What a sweep did: customers looked after, alerts that fired and recovered."""

    customers: int = 0
    fired: int = 0
    recovered: int = 0


def sweep(
    *,
    at: datetime,
    clock: int | None = None,
    keep_going: Callable[[], bool] = lambda: True,
    chunk: int = CHUNK,
) -> Swept:
    """
    Look after everybody that something has changed for, or whose turn it is; harmless to run at any time.

    clock: after all whose time this test clock's is; after those in real time for None.
    """
    if clock is None:
        for source in SOURCES:
            follow(source, at=at)
        begin_round(at=at)
    else:
        queue_all(clock, due_at=at)
    swept = Swept()
    while keep_going() and _look_after_next(swept, at=at, clock=clock, chunk=chunk):
        pass
    return swept


_EVERYBODY = """
INSERT INTO billing_pendingevaluation AS l (customer_id, due_at, is_whole)
SELECT id, %s, true FROM customers_customer WHERE {in_time} ORDER BY id
ON CONFLICT (customer_id) DO UPDATE SET is_whole = true
"""


@transaction.atomic
def begin_round(*, at: datetime) -> bool:
    """Queue everybody behind those whose use has changed, if the last round is a `ROUND` ago."""
    ChangeCursor.objects.get_or_create(source=EVERYBODY)
    watch = ChangeCursor.objects.select_for_update(skip_locked=True).filter(source=EVERYBODY).first()
    if watch is None or (watch.looked_at is not None and at - ROUND < watch.looked_at <= at):
        return False
    queue_all(None, due_at=at + ROUND)
    watch.looked_at = at
    watch.save()
    return True


def queue_all(clock: int | None, *, due_at: datetime) -> None:
    """Queue all customers of a test clock, or in real time."""
    with connection.cursor() as cursor:
        cursor.execute(_EVERYBODY.format(in_time=of_clock(clock, "id")), [due_at])


_TAKE = """
DELETE FROM billing_pendingevaluation WHERE customer_id IN (
    SELECT customer_id FROM billing_pendingevaluation WHERE {in_time} ORDER BY due_at, customer_id LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING customer_id, is_whole
"""


@transaction.atomic
def _look_after_next(swept: Swept, *, at: datetime, clock: int | None, chunk: int) -> bool:
    """Take the next customers from the queue and look after them; return whether there may be more."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE.format(in_time=of_clock(clock, "customer_id")), [chunk])
        taken = dict(cursor.fetchall())
    if not taken:
        return False
    look_after(taken, swept, at=at)
    reached("guard.before_commit")
    return len(taken) == chunk


def look_after(taken: dict[int, bool], swept: Swept, *, at: datetime) -> None:
    """Compare all that is watched of customers with their alerts; taken: customer → also what only time changes."""
    sellers = sellers_of(taken)
    rules = Rules(sellers)
    found = [
        *spend_measurements.readings(rules, sellers, at=at),
        *balance_measurements.readings(rules, sellers, at=at),
    ]
    compared = [compare(found, customer_ids=taken, kinds=BY_CHANGE, at=at)]
    if whole := {id_: sellers[id_] for id_, is_whole in taken.items() if is_whole}:
        lately = spike_measurements.readings(rules, whole, at=at)
        compared.append(compare(lately, customer_ids=whole, kinds=[Guarded.ANOMALY], at=at))
    swept.customers += len(taken)
    swept.fired += sum(one.fired for one in compared)
    swept.recovered += sum(one.recovered for one in compared)
