"""Check closed periods for usage beyond what was billed."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from billing.audit.check import Row, select_rows
from billing.audit.shared_reads import Books
from billing.closing.lines.late_usage_lines import NOTHING_BILLED, amount_owed
from billing.closing.lines.usage_lines import UnpricedUsage, rate_period
from billing.closing.period_reader import read_late_periods
from billing.closing.records import LatePeriod
from billing.metering.store.event_removals import EventsRemoved

# Periods in memory at a time, with all their counters.
BATCH_SIZE = 500

# Features of closed periods whose counter differs from its state at the last billing.
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

# Periods with state carried over from earlier periods: a level, a usage window over several periods, or tiers that a
# plan change continues. Late usage in an earlier period changes their amount without changing their counters.
CARRIED_INTO = """
(p.continues_id IS NOT NULL OR EXISTS (
    SELECT FROM plans_planfeature pf JOIN plans_feature fe ON fe.id = pf.feature_id
    JOIN plans_meter m ON m.id = fe.meter_id LEFT JOIN plans_price pr ON pr.plan_feature_id = pf.id
    WHERE pf.version_id = p.version_id AND (m.recurring OR pr.resets_unit <> '')
))
"""
_CARRIED = f"""
SELECT p.id FROM billing_period p
WHERE p.state = 'closed' AND p.kind = 'regular' AND p.late_since IS NULL AND {CARRIED_INTO}
"""  # noqa: S608
_LEFT = _MOVED_ON.format(late="NULL") + "SELECT DISTINCT period_id FROM moved UNION" + _CARRIED  # noqa: S608

_NOT_LATE = f"""
WITH changed AS ({_MOVED_ON.format(late="NOT NULL")} SELECT DISTINCT period_id FROM moved)
SELECT p.id AS period_id, 'is marked late for nothing' AS wrong FROM billing_period p
LEFT JOIN changed f ON f.period_id = p.id WHERE p.late_since IS NOT NULL AND f.period_id IS NULL
    -- Late usage of an earlier period marks the periods that its state is carried into.
    AND NOT {CARRIED_INTO}
    -- A correction may have removed the late usage since, which leaves the period as it was billed.
    AND NOT EXISTS (
        SELECT FROM billing_subscription s JOIN billing_event e ON e.customer_id = s.customer_id
            AND e.occurred_at >= p.starts_at AND e.occurred_at < p.ends_at
        JOIN billing_correction k ON k.event_key = e.key WHERE s.id = p.subscription_id
    )
"""  # noqa: S608


def unbilled_in_closed_periods(books: Books) -> Iterator[Row]:
    """
    Yield closed periods with billable usage that are not marked as late, and marks without cause.

    Usage that adds no amount may stay unbilled: within the allowance, where no invoice was issued at all.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LEFT)
        period_ids = [period_id for (period_id,) in cursor.fetchall()]
    for start in range(0, len(period_ids), BATCH_SIZE):
        for late_period in _read_periods(period_ids[start : start + BATCH_SIZE]):
            if amounts := _left_to_bill(late_period):
                yield {"period_id": late_period.span.period_id, "left to bill": amounts}
    yield from select_rows(_NOT_LATE)


def _read_periods(period_ids: Sequence[int]) -> list[LatePeriod]:
    """
    Return these periods with their usage, except those whose price charges by each event after the events have left.
    """
    try:
        return list(read_late_periods(period_ids).values())
    except EventsRemoved:
        if len(period_ids) == 1:
            return []
        return [late_period for period_id in period_ids for late_period in _read_periods([period_id])]


def _left_to_bill(late_period: LatePeriod) -> dict[str, Any]:
    """Return the amount still to bill by rate."""
    amounts_by_rate: dict[str, Any] = {}
    try:
        for due in rate_period(late_period.span, late_period.counters):
            billed = late_period.billed.get((due.window, int(due.line.rate_key)), NOTHING_BILLED)
            amount, _ = amount_owed(due.amount(late_period.span.currency), billed, late_period.span.currency)
            if amount:
                amounts_by_rate[f"{due.feature.code} {due.line.rate_key}"] = amount
    except (ValueError, UnpricedUsage) as error:
        amounts_by_rate["error"] = str(error)
    return amounts_by_rate
