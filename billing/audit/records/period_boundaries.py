"""Where periods should end, computed anew from the anchor."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connection
from psycopg import ServerCursor

from billing.audit.check import Row
from billing.audit.shared_reads import Books
from billing.subscriptions.periods.boundaries import anchor_of, spans
from plans.catalog.stored_terms import terms_of

# Most subscriptions share their edges, so equal ones are computed once. Customers who have moved to another time zone
# are left out: their periods follow the zone that they had at the time.
_PERIODS = """
SELECT p.version_id, s.currency, s.anchor_at, c.time_zone, p.starts_at, p.ends_at, least((
        SELECT min(z.starts_at) FROM billing_pause z
        WHERE z.subscription_id = s.id AND z.state <> 'revoked' AND z.starts_at > p.starts_at
    ), n.starts_at, s.ends_at), min(p.id)
FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer c ON c.id = s.customer_id
LEFT JOIN billing_period n ON n.continues_id = p.id
WHERE p.kind = 'regular' AND NOT p.is_trial AND NOT EXISTS (
    SELECT FROM customers_customerevent e WHERE e.pgh_obj_id = c.id AND e.time_zone <> c.time_zone)
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""


def misplaced_edges(books: Books) -> Iterator[Row]:
    """Yield the periods that end elsewhere than their anchor says, a change, a pause, or their subscription's end."""
    with ServerCursor(connection.connection, "audit_periods") as cursor:
        cursor.execute(_PERIODS)
        while rows := cursor.fetchmany(5_000):
            for *facts, period_id in rows:
                wrong = _misplaced(*facts)
                if wrong is not None:
                    yield {"period_id": period_id, **wrong}


def _misplaced(
    version_id: int,
    currency: str,
    anchor_at: datetime,
    time_zone: str,
    starts_at: datetime,
    ends_at: datetime,
    subscription_ends_at: datetime | None,
) -> dict[str, Any] | None:
    anchor = anchor_of(terms_of(version_id, currency), anchor_at=anchor_at, time_zone=time_zone)
    expected = spans(anchor, start=starts_at, until=starts_at + datetime.resolution, end=subscription_ends_at)
    if not expected or expected[0][1] != ends_at:
        return {"starts_at": starts_at, "ends_at": ends_at, "should_end_at": expected and expected[0][1]}
    return None
