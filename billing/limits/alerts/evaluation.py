"""
Evaluate the alert rules of customers with recent changes and, at intervals, of every customer.

The change feed (billing/limits/alerts/change_feed.py) queues the customers of new rows. One transaction takes a chunk
of the queue, measures, updates the alerts and announces the changes, so a killed worker leaves the queue unchanged.
Any number of workers may run concurrently. Source: docs/alerts.md#the-sweeper.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from billing.limits.alerts import balance_measurements, spend_measurements, spike_measurements
from billing.limits.alerts.alert_state import update_alerts
from billing.limits.alerts.change_feed import SOURCES, queue_changed_customers
from billing.limits.alerts.measurements import read_seller_ids
from billing.limits.alerts.rule_selection import RuleBook
from billing.models import ChangeCursor
from billing.models.alerts import AlertKind
from customers.customer_time import clock_sql
from lib import sql
from lib.failpoints import hit_failpoint
from lib.queue import NO_DEADLINE, Deadline, lock_free_row

CHUNK_SIZE = 500
"""Customers evaluated in one transaction."""

FULL_EVALUATION_INTERVAL = timedelta(minutes=30)
"""Time between evaluations of every customer, which catch changes that only the passing of time causes."""

FULL_EVALUATION = "everybody"
"""Name of the change cursor that stores when every customer was last queued."""

KINDS_EVALUATED_ON_CHANGE = tuple(kind for kind in AlertKind if kind != AlertKind.ANOMALY)


@dataclass(slots=True)
class EvaluationSummary:
    """Numbers of customers evaluated, and of alerts that fired and recovered."""

    customers: int = 0
    fired: int = 0
    recovered: int = 0


def evaluate_alerts(
    *,
    at: datetime,
    clock_id: int | None = None,
    measures_time: bool = True,
    deadline: Deadline = NO_DEADLINE,
    chunk_size: int = CHUNK_SIZE,
) -> EvaluationSummary:
    """
    Evaluate every customer with recent changes, and every customer if the interval has passed; safe to run at any
    time.

    clock_id: limit to customers on this test clock; None means real time.
    measures_time: whether to measure on a test clock also the kinds that change with time alone. The others are
        measured for all its customers, because the feed may not have read the changes of the clock's own work yet.
    """
    if clock_id is None:
        for source in SOURCES:
            queue_changed_customers(source, at=at)
        queue_full_evaluation(at=at)
    else:
        queue_all_customers(clock_id, due_at=at, is_whole=measures_time)
    summary = EvaluationSummary()
    while deadline.has_time() and _evaluate_next_chunk(summary, at=at, clock_id=clock_id, chunk_size=chunk_size):
        pass
    return summary


_QUEUE_EVERY_CUSTOMER = """
INSERT INTO billing_pendingevaluation AS l (customer_id, due_at, is_whole)
SELECT id, %s, %s FROM customers_customer WHERE {in_time} ORDER BY id
ON CONFLICT (customer_id) DO UPDATE SET is_whole = l.is_whole OR excluded.is_whole
"""


@transaction.atomic
def queue_full_evaluation(*, at: datetime) -> bool:
    """Queue every customer behind those with recent changes, if the last time is `FULL_EVALUATION_INTERVAL` ago."""
    ChangeCursor.objects.get_or_create(source=FULL_EVALUATION)
    # One worker queues the customers; the others skip this step rather than wait.
    change_cursor = lock_free_row(ChangeCursor.objects.filter(source=FULL_EVALUATION))
    # A time later than `at` comes from a clock that was set back, and doesn't count.
    if change_cursor is None or (
        change_cursor.looked_at is not None and at - FULL_EVALUATION_INTERVAL < change_cursor.looked_at <= at
    ):
        return False
    # Due later, so that a full evaluation never delays a customer with recent changes.
    queue_all_customers(None, due_at=at + FULL_EVALUATION_INTERVAL)
    change_cursor.looked_at = at
    change_cursor.save()
    return True


def queue_all_customers(clock_id: int | None, *, due_at: datetime, is_whole: bool = True) -> None:
    """Queue all customers on a test clock, or in real time. is_whole: as in `evaluate_customers`."""
    sql.execute(_QUEUE_EVERY_CUSTOMER.format(in_time=clock_sql(clock_id, "id")), [due_at, is_whole])


# SKIP LOCKED: concurrent workers take different customers. The deleted rows return if the transaction fails.
_TAKE_FROM_QUEUE = """
DELETE FROM billing_pendingevaluation WHERE customer_id IN (
    SELECT customer_id FROM billing_pendingevaluation WHERE {in_time} ORDER BY due_at,
        customer_id LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING customer_id, is_whole
"""


@transaction.atomic
def _evaluate_next_chunk(summary: EvaluationSummary, *, at: datetime, clock_id: int | None, chunk_size: int) -> bool:
    """Take the next customers from the queue and evaluate them; return whether the queue may hold more."""
    is_whole_by_customer = dict(
        sql.fetch_rows(_TAKE_FROM_QUEUE.format(in_time=clock_sql(clock_id, "customer_id")), [chunk_size])
    )
    if not is_whole_by_customer:
        return False
    evaluate_customers(is_whole_by_customer, summary, at=at)
    hit_failpoint("guard.before_commit")
    return len(is_whole_by_customer) == chunk_size


def evaluate_customers(is_whole_by_customer: dict[int, bool], summary: EvaluationSummary, *, at: datetime) -> None:
    """
    Measure customers and update their alerts.

    is_whole_by_customer: customer → whether to measure spikes too, which change with time alone.
    """
    seller_ids = read_seller_ids(is_whole_by_customer)
    rules = RuleBook(seller_ids)
    measurements = [
        *spend_measurements.read_measurements(rules, seller_ids, at=at),
        *balance_measurements.read_measurements(rules, seller_ids, at=at),
    ]
    alert_counts = [
        update_alerts(measurements, customer_ids=is_whole_by_customer, kinds=KINDS_EVALUATED_ON_CHANGE, at=at)
    ]
    if seller_ids_of_whole := {
        customer_id: seller_ids[customer_id] for customer_id, is_whole in is_whole_by_customer.items() if is_whole
    }:
        spikes = spike_measurements.read_measurements(rules, seller_ids_of_whole, at=at)
        alert_counts.append(update_alerts(spikes, customer_ids=seller_ids_of_whole, kinds=[AlertKind.ANOMALY], at=at))
    summary.customers += len(is_whole_by_customer)
    summary.fired += sum(counts.fired for counts in alert_counts)
    summary.recovered += sum(counts.recovered for counts in alert_counts)
