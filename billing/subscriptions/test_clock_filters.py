"""Which subscriptions live in whose time: for everything that looks for due work (docs/sandbox.md#due-work)."""

from collections.abc import Sequence
from datetime import datetime

from billing.models import Subscription


def by_time(subscription_ids: Sequence[int], *, at: datetime) -> dict[datetime, list[int]]:
    """Return these subscriptions by what time it is for their customers; at: the real time."""
    elsewhere = Subscription.objects.filter(pk__in=subscription_ids, customer__test_clock__isnull=False)
    times = dict(elsewhere.values_list("pk", "customer__test_clock__now"))
    found: dict[datetime, list[int]] = {}
    for id_ in subscription_ids:
        found.setdefault(times.get(id_, at), []).append(id_)
    return found


def subscribed_in(clock: int | None, subscription: str) -> str:
    """
    Return the SQL condition that a column holds subscriptions in the time of a test clock; in real time for None.

    subscription: the column's name, such as p.subscription_id; it is no input of anybody's.
    """
    if clock is None:
        return f"{subscription} NOT IN ({_of('c.test_clock_id IS NOT NULL')})"
    return f"{subscription} IN ({_of(f'c.test_clock_id = {clock:d}')})"


def _of(condition: str) -> str:
    subscriptions = "SELECT o.id FROM billing_subscription o JOIN customers_customer c ON c.id = o.customer_id"
    return f"{subscriptions} WHERE {condition}"
