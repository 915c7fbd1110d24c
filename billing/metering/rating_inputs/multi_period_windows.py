"""
Usage windows that span several invoices: docs/pricing.md#usage-windows.

A price that resets every year may be invoiced every month. Counters belong to their periods; a period's amount is the
price of all usage since the window started, less the price of the usage before the period. So the months of a year
add up to one bill of the year, in any order of closing.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing.metering.rating_inputs.rating_period import RatingPeriod, WindowRun
from billing.subscriptions.periods.boundaries import usage_window
from lib import prepared_statements
from lib.decimals import EXACT
from plans.catalog.stored_terms import FeatureTerms, load_terms

# Only adjoining periods on the same version: a run restarts when the version changes or a trial ends.
_READ = """
SELECT w.period_id, w.plan_feature_id, e.starts_at AS began_at, c.rate_id, c.quantity,
    p.is_trial OR CASE WHEN n.id IS NULL THEN coalesce(s.ends_at <= p.ends_at, false)
        ELSE n.version_id <> p.version_id END AS ends_here
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS w(period_id, plan_feature_id, window_start)
JOIN billing_period p ON p.id = w.period_id
JOIN billing_subscription s ON s.id = p.subscription_id
LEFT JOIN billing_period n ON n.subscription_id = s.id AND n.kind = 'regular' AND n.starts_at = p.ends_at
LEFT JOIN billing_period e ON e.subscription_id = s.id AND e.kind = 'regular' AND e.version_id = p.version_id
    AND NOT e.is_trial AND e.starts_at < p.starts_at AND e.ends_at > w.window_start AND NOT EXISTS (
        SELECT FROM billing_period o WHERE o.subscription_id = s.id AND o.kind = 'regular'
            AND o.version_id <> p.version_id AND o.starts_at > e.starts_at AND o.starts_at < p.starts_at)
LEFT JOIN billing_counter c ON c.period_id = e.id AND c.plan_feature_id = w.plan_feature_id
    AND c.window_start = w.window_start
"""


def read_window_runs(periods: Sequence[RatingPeriod]) -> dict[int, dict[int, WindowRun]]:
    """Return the runs of each period, by plan feature. One statement, or none if no window spans several periods."""
    windows = {
        (period.period_id, feature.plan_feature_id): (period, find_window(period, feature))
        for period in periods
        for feature in load_terms(period.version_id, period.currency).spanning_features
    }
    if not windows:
        return {}
    runs: dict[int, dict[int, WindowRun]] = {}
    with prepared_statements.named_cursor() as cursor:
        columns = list(zip(*windows, strict=True))
        cursor.execute(_READ, [list(columns[0]), list(columns[1]), [window[0] for _, window in windows.values()]])
        for row in cursor.fetchall():
            period, (start, end) = windows[row.period_id, row.plan_feature_id]
            period_runs = runs.setdefault(row.period_id, {})
            run = period_runs.get(row.plan_feature_id)
            if run is None:
                # The first row of a window; the others add earlier periods.
                run = WindowRun(start, end, period.starts_at, None, row.ends_here or period.ends_at >= end)
            if row.began_at is not None:
                run = _add_earlier_usage(run, row.began_at, row.rate_id, row.quantity)
            period_runs[row.plan_feature_id] = run
    return runs


def find_window(period: RatingPeriod, feature: FeatureTerms) -> tuple[datetime, datetime]:
    """Return the window that a period lies in, for a feature whose windows span several periods."""
    if feature.resets is None:
        raise TypeError(f"{feature.name} resets with each period.")
    terms = load_terms(period.version_id, period.currency)
    zone = ZoneInfo(period.time_zone)
    return usage_window(terms, feature.resets, anchor_at=period.anchor_at, zone=zone, at=period.starts_at)


def _add_earlier_usage(run: WindowRun, began_at: datetime, rate_id: int | None, quantity: Decimal) -> WindowRun:
    """Return a run with one counter of an earlier period added, or with an earlier period without usage."""
    earlier = dict(run.earlier or {})
    if rate_id is not None:
        earlier[rate_id] = EXACT.add(earlier.get(rate_id, Decimal(0)), quantity)
    return run._replace(began_at=min(run.began_at, began_at), earlier=earlier)
