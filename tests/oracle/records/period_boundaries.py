"""Check period boundaries: compute them again from the anchor."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connection
from psycopg import ServerCursor

from billing.audit.check import Row
from billing.audit.shared_reads import Books
from billing.subscriptions.periods.boundaries import period_anchor, period_intervals
from plans.catalog.stored_terms import load_terms

# Many subscriptions share their boundaries, so equal ones are grouped and computed once. Customers who have changed
# their time zone are left out: their periods follow the zone of that time.
_PERIODS = """
SELECT p.version_id, s.currency, coalesce(p.anchor_at, s.anchor_at), c.time_zone, p.starts_at, p.ends_at, least((
        SELECT min(z.starts_at) FROM billing_pause z
        WHERE z.subscription_id = s.id AND z.state <> 'revoked' AND z.starts_at > p.starts_at
    ), n.starts_at, s.ends_at), min(p.id)
FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer c ON c.id = s.customer_id
LEFT JOIN billing_period n ON n.continues_id = p.id
    OR n.subscription_id = p.subscription_id AND n.starts_at = p.ends_at AND n.anchor_at = n.starts_at
WHERE p.kind = 'regular' AND NOT p.is_trial AND NOT EXISTS (
    SELECT FROM customers_customerevent e WHERE e.pgh_obj_id = c.id AND e.time_zone <> c.time_zone)
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""


def misplaced_boundaries(books: Books) -> Iterator[Row]:
    """
    Yield periods that end elsewhere than at the boundary of their anchor, a plan change, a pause or their
    subscription.
    """
    with ServerCursor(connection.connection, "audit_periods") as cursor:
        cursor.execute(_PERIODS)
        while rows := cursor.fetchmany(5_000):
            for *inputs, period_id in rows:
                difference = _misplaced(*inputs)
                if difference is not None:
                    yield {"period_id": period_id, **difference}


def _misplaced(
    version_id: int,
    currency: str,
    anchor_at: datetime,
    time_zone: str,
    starts_at: datetime,
    ends_at: datetime,
    subscription_ends_at: datetime | None,
) -> dict[str, Any] | None:
    anchor = period_anchor(load_terms(version_id, currency), anchor_at=anchor_at, time_zone=time_zone)
    expected = period_intervals(
        anchor, start=starts_at, until=starts_at + datetime.resolution, end=subscription_ends_at
    )
    if not expected or expected[0][1] != ends_at:
        return {"starts_at": starts_at, "ends_at": ends_at, "should_end_at": expected and expected[0][1]}
    return None
