"""What closed periods hold beyond what was billed for them."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.db import connection

from billing.auditing.books import Books
from billing.auditing.checks import Row, select
from plans.pricing.money import round_money
from plans.pricing.rating import rate_usage
from plans.terms import terms_of

# Features of closed periods with a counter that is not as it was when it was last billed.
_MOVED_ON = """
WITH last AS (
    SELECT DISTINCT ON (period_id, plan_feature_id, rate_id, window_start) * FROM billing_billedusage
    ORDER BY period_id, plan_feature_id, rate_id, window_start, high_water_mark DESC
), moved AS (
    SELECT DISTINCT p.id AS period_id, c.plan_feature_id, c.window_start, p.version_id, s.currency
    FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
    JOIN billing_counter c ON c.period_id = p.id
    LEFT JOIN last b USING (period_id, plan_feature_id, rate_id, window_start)
    WHERE p.state = 'closed' AND p.late_since IS {late}
        AND (c.events, c.quantity, c.fingerprint) IS DISTINCT FROM (b.events, b.quantity, b.fingerprint)
)
"""

_LEFT = f"""
{_MOVED_ON.format(late="NULL")}
SELECT m.period_id, m.plan_feature_id, m.window_start, m.version_id, m.currency, c.rate_id, c.quantity,
    coalesce((SELECT sum(l.amount) FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id
        WHERE (b.period_id, b.plan_feature_id, b.rate_id, b.window_start)
            = (c.period_id, c.plan_feature_id, c.rate_id, c.window_start)), 0)
FROM moved m JOIN billing_counter c USING (period_id, plan_feature_id, window_start) ORDER BY 1, 2, 3
"""  # noqa: S608

_NOT_LATE = f"""
WITH found AS ({_MOVED_ON.format(late="NOT NULL")} SELECT DISTINCT period_id FROM moved)
SELECT p.id AS period_id, 'is marked late for nothing' AS wrong FROM billing_period p
LEFT JOIN found f ON f.period_id = p.id WHERE p.late_since IS NOT NULL AND f.period_id IS NULL
"""  # noqa: S608


def unbilled_in_closed_periods(books: Books) -> Iterator[Row]:
    """
    Yield usage of closed periods that would cost something more and is not marked as late, and marks without cause.

    Usage that comes to nothing may stay unbilled: within the allowance, where no document was issued at all.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LEFT)
        for (period_id, plan_feature_id, _, version_id, currency), rows in groupby(cursor, key=lambda row: row[:5]):
            counted = {rate_id: (quantity, claimed) for *_, rate_id, quantity, claimed in rows}
            left = _left_to_bill(version_id, currency, plan_feature_id, counted)
            if left:
                yield {"period_id": period_id, "plan_feature_id": plan_feature_id, "left to bill": left}
    yield from select(_NOT_LATE)


def _left_to_bill(
    version_id: int, currency: str, plan_feature_id: int, counted: dict[int, tuple[Decimal, Decimal]]
) -> dict[int, Any]:
    """Return rate → what it would still come to."""
    feature = terms_of(version_id, currency).by_plan_feature.get(plan_feature_id)
    if feature is None or feature.price is None:
        return {0: "usage without a price"}
    try:
        rating = rate_usage(feature.price, {rate_id: quantity for rate_id, (quantity, _) in counted.items()})
    except ValueError as error:
        return {0: str(error)}
    due = {int(line.rate_key): round_money(line.amount, currency) for line in rating.lines}
    return {
        rate_id: due.get(rate_id, Decimal(0)) - claimed
        for rate_id, (_, claimed) in counted.items()
        if due.get(rate_id, Decimal(0)) != claimed
    }
