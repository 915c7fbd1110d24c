"""Usage by time and dimension, from rollups."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.metering.ingest.state_updates import HOURLY_AGGREGATIONS
from lib import sql
from plans.aggregation.aggregate_state import AggregateState, Aggregation, EventValue, compute_quantity
from plans.catalog.stored_terms import metering_terms
from plans.models import Meter

WINDOWS = ("hour", "day", "month")
# The rows are in memory and in one answer; the span admits a year compared with its month before.
MAX_ROWS = 10_000
LONGEST = timedelta(days=400)


class BreakdownRefused(ValueError):
    """The requested breakdown isn't available; the text gives the reason and the remedy."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


@dataclass(frozen=True, slots=True)
class Slice:
    """Usage of one window. group: the dimension's value, None without grouping."""

    starts_at: datetime
    group: str | None
    quantity: Decimal
    events: int


# Reads rollups by period and meter; HAVING hides hours whose events were all voided.
_BREAKDOWN = """
SELECT {window} AS window_start, {group} AS grouped, sum(r.quantity), sum(r.events)::bigint
FROM billing_subscription s
JOIN billing_period p ON p.subscription_id = s.id AND p.kind = 'regular'
    AND p.starts_at < %(until)s AND p.ends_at > %(since)s
    AND (%(periods)s::bigint[] IS NULL OR p.id = ANY(%(periods)s::bigint[]))
JOIN billing_rollup r ON r.period_id = p.id AND r.meter_id = %(meter)s
    AND r.bucket >= %(since)s AND r.bucket < %(until)s
WHERE s.customer_id = %(customer)s
GROUP BY 1, 2 HAVING sum(r.events) > 0 ORDER BY 1, 2 LIMIT %(limit)s
"""


def breakdown(
    *,
    customer_id: int,
    time_zone: str,
    meter_id: int,
    since: datetime,
    until: datetime,
    window: str,
    group_by: str | None = None,
    period_ids: Sequence[int] | None = None,
) -> list[Slice]:
    """
    Return a customer's usage of one meter by hour, day or month of the customer's clock, grouped by a dimension.

    period_ids: limits the usage to that counted in these periods; None means all of the customer's.

    :raises BreakdownRefused: if the window is unknown, the time span too long or the answer too large.
    """
    if window not in WINDOWS:
        raise BreakdownRefused("window", f"“{window}” is not a window; use one of {', '.join(WINDOWS)}")
    if not since < until or until - since > LONGEST:
        raise BreakdownRefused("until", f"the interval must be positive and at most {LONGEST.days} days")
    clock = "r.bucket" if window == "hour" else f"date_trunc('{window}', r.bucket, %(zone)s)"
    statement = _BREAKDOWN.format(window=clock, group="r.dimensions ->> %(group)s" if group_by else "NULL")
    parameters = {
        "customer": customer_id,
        "meter": meter_id,
        "since": since,
        "until": until,
        "zone": time_zone,
        "group": group_by,
        "limit": MAX_ROWS + 1,
        "periods": None if period_ids is None else list(period_ids),
    }
    metering = metering_terms(Meter.objects.get(pk=meter_id))
    # A value counts once per period, so hours would count it repeatedly.
    if metering.aggregation == "unique":
        raise BreakdownRefused("meter", "distinct values are counted per period and can't be summed from hours")
    if metering.measures == "levels":
        raise BreakdownRefused("meter", "levels are held over time and can't be summed from hours")
    if metering.aggregation in HOURLY_AGGREGATIONS:
        return _hourly_slices(metering.aggregation, window, parameters)
    return [Slice(*row) for row in _rows(statement, parameters)]


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    rows = sql.fetch_rows(statement, parameters)
    if len(rows) > MAX_ROWS:
        raise BreakdownRefused(
            "window", f"more than {MAX_ROWS:,} rows; request a shorter interval or a longer window"
        )
    return rows


# The latest value counts by time, then by source and key as bytes: the order in which ingest folds values.
_HOURLY_STATES = """
SELECT {window} AS window_start, {group} AS grouped, sum(t.events)::bigint, sum(t.total), min(t.low), max(t.high),
    (array_agg(t.latest_value ORDER BY t.latest_at DESC, t.latest_source COLLATE "C" DESC,
        t.latest_key COLLATE "C" DESC))[1]
FROM billing_subscription s
JOIN billing_period p ON p.subscription_id = s.id AND p.kind = 'regular'
    AND p.starts_at < %(until)s AND p.ends_at > %(since)s
    AND (%(periods)s::bigint[] IS NULL OR p.id = ANY(%(periods)s::bigint[]))
JOIN billing_series r ON r.period_id = p.id AND r.meter_id = %(meter)s
JOIN billing_aggregatestate t ON t.series_id = r.id AND t.span = 'hour'
    AND t.starts_at >= %(since)s AND t.starts_at < %(until)s
WHERE s.customer_id = %(customer)s
GROUP BY 1, 2 ORDER BY 1, 2 LIMIT %(limit)s
"""


def _hourly_slices(aggregation: Aggregation, window: str, parameters: dict[str, Any]) -> list[Slice]:
    """Return slices of a meter whose quantity is not a sum, from its hourly states."""
    clock = "t.starts_at" if window == "hour" else f"date_trunc('{window}', t.starts_at, %(zone)s)"
    statement = _HOURLY_STATES.format(
        window=clock, group="r.dimensions ->> %(group)s" if parameters["group"] else "NULL"
    )
    return [
        Slice(
            start,
            group,
            compute_quantity(
                aggregation, AggregateState(events, total, low, high, EventValue(start, "", "", latest))
            ),
            events,
        )
        for start, group, events, total, low, high, latest in _rows(statement, parameters)
    ]
