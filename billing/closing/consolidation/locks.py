"""Lock what goes on one document with periods that are claimed: docs/closing.md#one-document."""

from collections.abc import Sequence

from django.db import connection

_COMPANIONS = """
SELECT p.id, o.id FROM billing_period p
JOIN billing_subscription s ON s.id = p.subscription_id JOIN customers_customer c ON c.id = s.customer_id
JOIN billing_subscription t ON t.customer_id = c.id AND t.currency = s.currency
JOIN billing_period o ON o.subscription_id = t.id AND o.state = 'open' AND o.id <> p.id
    AND (o.ends_at, o.due_at, o.kind) = (p.ends_at, p.due_at, p.kind)
JOIN plans_planversion v ON v.id = p.version_id
JOIN plans_planversion w ON w.id = o.version_id AND w.prices_include_tax = v.prices_include_tax
WHERE p.id = ANY(%s) AND c.one_document ORDER BY p.id, o.id
"""

_LOCK = "SELECT id FROM billing_period WHERE id = ANY(%s) AND state = 'open' ORDER BY id FOR UPDATE SKIP LOCKED"


def read_companion_ids(period_ids: Sequence[int]) -> dict[int, list[int]]:
    """Return period → the other open ones that its document is for; those alone on theirs are left out."""
    found: dict[int, list[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_COMPANIONS, [list(period_ids)])
        for period_id, other_id in cursor.fetchall():
            found.setdefault(period_id, []).append(other_id)
    return found


def lock_open_periods(period_ids: Sequence[int]) -> set[int]:
    """Lock those of these that are open and held by nobody else, and return them."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [list(period_ids)])
        return {id_ for (id_,) in cursor.fetchall()}
