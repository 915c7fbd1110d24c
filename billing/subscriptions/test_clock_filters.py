"""Separate subscriptions by test clock or real time, for every query of due work (docs/sandbox.md#due-work)."""

from collections.abc import Sequence
from datetime import datetime

from billing.models import Subscription


def group_by_current_time(subscription_ids: Sequence[int], *, at: datetime) -> dict[datetime, list[int]]:
    """
    Group subscriptions by the current time of their customers: the time of a test clock, or `at`, the real time.
    """
    sandboxed = Subscription.objects.filter(pk__in=subscription_ids, customer__test_clock__isnull=False)
    clock_times = dict(sandboxed.values_list("pk", "customer__test_clock__now"))
    ids_by_time: dict[datetime, list[int]] = {}
    for subscription_id in subscription_ids:
        ids_by_time.setdefault(clock_times.get(subscription_id, at), []).append(subscription_id)
    return ids_by_time


def test_clock_condition(clock_id: int | None, column: str) -> str:
    """
    Return the SQL condition that selects the subscriptions on a test clock; None selects those in real time.

    column: the column with the subscription's id, such as p.subscription_id. It enters the SQL as it is, so it must
    never come from user input.
    """
    if clock_id is None:
        return f"{column} NOT IN ({_subscription_ids_where('c.test_clock_id IS NOT NULL')})"
    return f"{column} IN ({_subscription_ids_where(f'c.test_clock_id = {clock_id:d}')})"


def _subscription_ids_where(condition: str) -> str:
    subscriptions = "SELECT o.id FROM billing_subscription o JOIN customers_customer c ON c.id = o.customer_id"
    return f"{subscriptions} WHERE {condition}"
