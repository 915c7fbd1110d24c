"""What closed periods hold beyond what was billed for them."""

from collections.abc import Iterator
from typing import Any

from django.db import connection

from billing.audit.check import Row, select
from billing.audit.shared_reads import Books
from billing.closing.lines.late_usage_lines import NOTHING_BILLED, owed
from billing.closing.lines.usage_lines import UnpricedUsage, rated
from billing.closing.period_reader import read_late
from billing.closing.records import Late

AT_A_TIME = 500

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

# What is carried over moves with earlier periods, without a counter of its own that would tell: a level, the place in
# a window that runs on, or on a ladder that a plan change lets go on.
ENTERED = """
(p.continues_id IS NOT NULL OR EXISTS (
    SELECT FROM plans_planfeature pf JOIN plans_feature fe ON fe.id = pf.feature_id
    JOIN plans_meter m ON m.id = fe.meter_id LEFT JOIN plans_price pr ON pr.plan_feature_id = pf.id
    WHERE pf.version_id = p.version_id AND (m.recurring OR pr.resets_unit <> '')
))
"""
_CARRIED = f"""
SELECT p.id FROM billing_period p
WHERE p.state = 'closed' AND p.kind = 'regular' AND p.late_since IS NULL AND {ENTERED}
"""  # noqa: S608
_LEFT = _MOVED_ON.format(late="NULL") + "SELECT DISTINCT period_id FROM moved UNION" + _CARRIED  # noqa: S608

_NOT_LATE = f"""
WITH found AS ({_MOVED_ON.format(late="NOT NULL")} SELECT DISTINCT period_id FROM moved)
SELECT p.id AS period_id, 'is marked late for nothing' AS wrong FROM billing_period p
LEFT JOIN found f ON f.period_id = p.id WHERE p.late_since IS NOT NULL AND f.period_id IS NULL
    -- What is carried over makes the periods late that it is carried into.
    AND NOT {ENTERED}
    -- What came late may have been taken back since, which leaves the period as it was billed.
    AND NOT EXISTS (
        SELECT FROM billing_subscription s JOIN billing_event e ON e.customer_id = s.customer_id
            AND e.occurred_at >= p.starts_at AND e.occurred_at < p.ends_at
        JOIN billing_correction k ON k.event_key = e.key WHERE s.id = p.subscription_id
    )
"""  # noqa: S608


def unbilled_in_closed_periods(books: Books) -> Iterator[Row]:
    """
    Yield usage of closed periods that would cost something more and is not marked as late, and marks without cause.

    Usage that comes to nothing may stay unmatched: within the allowance, where no document was issued at all.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LEFT)
        moved = [period_id for (period_id,) in cursor.fetchall()]
    for start in range(0, len(moved), AT_A_TIME):
        for late in read_late({0: moved[start : start + AT_A_TIME]})[0]:
            if left := _left_to_bill(late):
                yield {"period_id": late.span.period_id, "left to bill": left}
    yield from select(_NOT_LATE)


def _left_to_bill(late: Late) -> dict[str, Any]:
    """Return what each rate would still come to."""
    left: dict[str, Any] = {}
    try:
        for one in rated(late.span, late.counters):
            billed = late.billed.get((one.window, int(one.line.rate_key)), NOTHING_BILLED)
            amount, _ = owed(one.amount(late.span.currency), billed, late.span.currency)
            if amount:
                left[f"{one.feature.code} {one.line.rate_key}"] = amount
    except (ValueError, UnpricedUsage) as error:
        left["error"] = str(error)
    return left
