"""Check that recurring revenue adds up, and that the figures of locked months are unchanged."""

from collections.abc import Iterator

from django.utils import timezone

from billing.audit.check import MAX_ROWS, Check, Row
from billing.audit.shared_reads import Books
from billing.revenue.metrics.balances import balances_statement
from billing.revenue.metrics.frozen_months import ROW_DIGEST
from billing.revenue.metrics.live_balances import LIVE_BALANCES
from billing.revenue.metrics.months import read_months
from customers.models import Seller
from lib import sql

_CHANGED = f"""
    SELECT r.lock_id, r.customer_id, r.currency, r.month FROM billing_recurringrevenue r
    JOIN invoices_monthlock l ON l.id = r.lock_id JOIN customers_customer c ON c.id = r.customer_id
    WHERE r.digest <> {ROW_DIGEST.format("r.")} OR (r.seller_id, r.month) <> (l.seller_id, l.month) OR c.sandbox
"""  # noqa: S608

# Months are locked in order: each begins with the balances that ended the one before, and the first with zero.
_IN_FORCE = """
    SELECT l.id AS lock_id, before.id AS lock_before FROM invoices_monthlock l
    LEFT JOIN invoices_monthlock before ON before.seller_id = l.seller_id AND before.unlocked_at IS NULL
        AND before.frozen_at IS NOT NULL AND before.month = (l.month - interval '1 month')::date
    WHERE l.unlocked_at IS NULL AND l.frozen_at IS NOT NULL
"""
_DISCONTINUOUS = f"""
    SELECT lock_id, customer_id, currency, opening, gross_opening, net, gross FROM (
        SELECT lock_id, customer_id, currency, opening, gross_opening
        FROM billing_recurringrevenue JOIN ({_IN_FORCE}) l USING (lock_id)
    ) r FULL JOIN (
        SELECT l.lock_id, customer_id, currency, net, gross
        FROM ({_IN_FORCE}) l JOIN billing_recurringrevenue b ON b.lock_id = l.lock_before AND b.gross > 0
    ) before USING (lock_id, customer_id, currency)
    WHERE (coalesce(opening, 0), coalesce(gross_opening, 0)) <> (coalesce(net, 0), coalesce(gross, 0))
"""  # noqa: S608

# The last month end by itself, which its balance must equal: that is the sum of all movements since the beginning.
_LAST = LIVE_BALANCES.replace("%(ends)s", "%(only_end)s").replace("%(first_end)s", "%(last_end)s")
_DIFFERENCES = f"""
    SELECT customer_id, currency, moved, recomputed FROM (
        SELECT customer_id, currency, sum(net - opening) AS moved FROM moves GROUP BY 1, 2
    ) m FULL JOIN (SELECT customer_id, currency, net AS recomputed FROM ({_LAST}) b) last
        USING (customer_id, currency)
    WHERE coalesce(moved, 0) <> coalesce(recomputed, 0) LIMIT {MAX_ROWS + 1}
"""  # noqa: S608


def _differing(books: Books) -> Iterator[Row]:
    """Yield the customers whose movements don't sum to their recurring revenue, by seller."""
    for seller in Seller.objects.order_by("pk"):
        months = read_months(seller, at=timezone.now())
        if not months or months[-1].lock_id is not None:
            continue
        start, parameters = balances_statement(seller, months)
        for row in sql.fetch_dicts(start + _DIFFERENCES, parameters | {"only_end": [months[-1].ends_at]}):
            yield {"seller_id": seller.pk} | row


CHECKS = (
    Check("recurring_revenue_is_the_sum_of_its_movements", "R8", _differing),
    Check("frozen_recurring_revenue_has_not_changed", "R8", _CHANGED),
    Check("frozen_recurring_revenue_continues_the_month_before", "R8", _DISCONTINUOUS),
)
