"""Lock the other periods of consolidated invoices: docs/closing.md#consolidated-invoices."""

from collections.abc import Sequence

from lib import sql

# Companions share the customer, seller, currency, end, due time, kind and tax inclusion of a claimed period.
_COMPANIONS = """
SELECT p.id, o.id FROM billing_period p
JOIN billing_subscription s ON s.id = p.subscription_id JOIN customers_customer c ON c.id = s.customer_id
JOIN billing_subscription t ON t.customer_id = c.id AND (t.seller_id, t.currency) = (s.seller_id, s.currency)
JOIN billing_period o ON o.subscription_id = t.id AND o.state = 'open' AND o.id <> p.id
    AND (o.ends_at, o.due_at, o.kind) = (p.ends_at, p.due_at, p.kind)
JOIN plans_planversion v ON v.id = p.version_id
JOIN plans_planversion w ON w.id = o.version_id AND w.prices_include_tax = v.prices_include_tax
WHERE p.id = ANY(%s) AND c.one_document ORDER BY p.id, o.id
"""

# SKIP LOCKED: never waits for ingest or another worker; in id order, as everywhere, so that no deadlock arises.
_LOCK = "SELECT id FROM billing_period WHERE id = ANY(%s) AND state = 'open' ORDER BY id FOR UPDATE SKIP LOCKED"


def read_companion_ids(period_ids: Sequence[int]) -> dict[int, list[int]]:
    """
    Return period → the other open periods of its consolidated invoice; periods alone on their invoice are left out.
    """
    companions: dict[int, list[int]] = {}
    for period_id, other_id in sql.fetch_rows(_COMPANIONS, [list(period_ids)]):
        companions.setdefault(period_id, []).append(other_id)
    return companions


def lock_open_periods(period_ids: Sequence[int]) -> set[int]:
    """Lock those of these periods that are open and not locked by others, and return their ids."""
    return set(sql.fetch_column(_LOCK, [list(period_ids)]))
