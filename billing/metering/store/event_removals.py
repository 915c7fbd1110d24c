"""
Up to when a customer's events have left: docs/personal-data.md#events.

Every read that needs all events of some time asks here first, so that no figure is computed from a part of them.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from lib import prepared_statements


class RemovedEvents(NamedTuple):
    """Events before `until` have left. at: when they did."""

    until: datetime
    at: datetime


class EventsRemoved(Exception):
    """Events that a computation needs have left."""

    def __init__(self, removed: RemovedEvents) -> None:
        super().__init__(
            f"The events before {removed.until:%Y-%m-%d %H:%M} UTC were deleted on {removed.at:%Y-%m-%d},"
            " when their retention was over."
        )
        self.removed = removed


_READ = """
SELECT customer_id, until, removed_at FROM (
    SELECT DISTINCT ON (customer_id) customer_id, until, removed_at FROM billing_eventremoval
    WHERE %(all)s OR customer_id = ANY(%(ids)s::bigint[]) ORDER BY customer_id, until DESC
) latest
"""


def read_removed(customer_ids: Collection[int] | None = None) -> dict[int | None, RemovedEvents]:
    """
    Return customer → the events that have left; None is the key of events without a customer.

    customer_ids: limits the answer to these customers. Customers whose events are all stored are left out.
    """
    ids = None if customer_ids is None else list(customer_ids)
    with prepared_statements.cursor() as cursor:
        cursor.execute(_READ, {"all": ids is None, "ids": ids or []})
        return {customer_id: RemovedEvents(until, at) for customer_id, until, at in cursor.fetchall()}


def require_events(*, customer_id: int, since: datetime) -> None:
    """
    Require that all events of a customer since a time are stored.

    :raises EventsRemoved: if some of them have left.
    """
    removed = read_removed([customer_id]).get(customer_id)
    if removed is not None and since < removed.until:
        raise EventsRemoved(removed)


IS_REMOVED = """
EXISTS (SELECT FROM billing_eventremoval r WHERE e.occurred_at < r.until
    AND (r.customer_id = e.customer_id OR r.customer_id IS NULL AND e.customer_id IS NULL))
"""
"""The SQL condition that event `e` has left, or is about to be deleted."""
