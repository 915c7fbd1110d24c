"""Usage of one or all customers by day and by dimension, for charts and tables, in one query each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDay

from billing.models import Rollup
from lib import sql
from plans.aggregation import aggregate_state
from plans.aggregation.aggregate_state import AggregateState, Aggregation, EventValue

MAX_DAYS = 10_000
"""Rows of a chart: ten meters on a thousand days."""


ADDING = ("count", "sum")
"""Aggregations whose hours add up to days. Peaks and averages use hourly states; others have no days."""


@dataclass(frozen=True, slots=True)
class Day:
    """The usage of one meter on one day of the requested time zone."""

    meter_id: int
    day: date
    tally: AggregateState


def combine_days(aggregation: Aggregation, days: Iterable[Day]) -> Decimal:
    """Return the quantity of several days together by the aggregation: a sum, or the greatest of all."""
    merged = reduce(aggregate_state.merge_states, (day.tally for day in days), aggregate_state.EMPTY)
    return aggregate_state.compute_quantity("sum" if aggregation in ADDING else aggregation, merged)


@dataclass(frozen=True, slots=True)
class Share:
    """The share of one dimension value in a meter's usage."""

    meter_id: int
    dimension: str
    value: str
    quantity: Decimal
    events: int


def read_usage_by_day(
    *,
    customer_id: int,
    since: datetime,
    until: datetime,
    zone: ZoneInfo,
    period_ids: Sequence[int] | None = None,
) -> list[Day]:
    """
    Return a customer's usage from `since` until `until` by day of `zone`, for every meter that hours can represent.

    period_ids: limits the usage to that counted in these periods; a period that starts within an hour shares that
        hour.
    """
    rows = Rollup.objects.filter(
        period__subscription__customer=customer_id, period__ends_at__gt=since, bucket__gte=since, bucket__lt=until
    )
    if period_ids is not None:
        rows = rows.filter(period__in=period_ids)
    return _read_days(rows, zone) + _read_stateful_days(customer_id, since, until, zone, period_ids)


def read_all_usage_by_day(*, since: datetime, zone: ZoneInfo) -> list[Day]:
    """Return the usage of all live customers since a time, by day of `zone`, for meters that add up."""
    return _read_days(Rollup.objects.filter(bucket__gte=since, period__subscription__customer__sandbox=False), zone)


def _read_days(rows: QuerySet[Rollup], zone: ZoneInfo) -> list[Day]:
    rows_by_day = (
        rows.filter(meter__aggregation__in=ADDING)
        .annotate(day=TruncDay("bucket", tzinfo=zone))
        .values_list("meter_id", "day")
        .annotate(Sum("quantity"), Sum("events"))
        .order_by("day", "meter_id")[:MAX_DAYS]
    )
    return [Day(meter, day.date(), AggregateState(events, quantity)) for meter, day, quantity, events in rows_by_day]


# As in breakdown.py, but for all meters, and by days of the customer's zone.
_DAILY_STATES = """
SELECT r.meter_id, (date_trunc('day', t.starts_at, %(zone)s) AT TIME ZONE %(zone)s)::date, sum(t.events)::bigint,
    sum(t.total), min(t.low), max(t.high), max(t.latest_at),
    (array_agg(t.latest_value ORDER BY t.latest_at DESC, t.latest_source COLLATE "C" DESC,
        t.latest_key COLLATE "C" DESC))[1]
FROM billing_subscription s
JOIN billing_period p ON p.subscription_id = s.id AND p.kind = 'regular' AND p.ends_at > %(since)s
    AND (%(periods)s::bigint[] IS NULL OR p.id = ANY(%(periods)s::bigint[]))
JOIN billing_series r ON r.period_id = p.id
JOIN billing_aggregatestate t ON t.series_id = r.id AND t.span = 'hour'
    AND t.starts_at >= %(since)s AND t.starts_at < %(until)s
WHERE s.customer_id = %(customer)s
GROUP BY 1, 2 ORDER BY 2, 1 LIMIT %(most)s
"""


def _read_stateful_days(
    customer_id: int, since: datetime, until: datetime, zone: ZoneInfo, period_ids: Sequence[int] | None
) -> list[Day]:
    """Return the days of meters whose quantity is no sum: each day with its own greatest, least and latest value."""
    parameters: dict[str, Any] = {
        "customer": customer_id,
        "since": since,
        "until": until,
        "zone": zone.key,
        "most": MAX_DAYS,
        "periods": None if period_ids is None else list(period_ids),
    }
    return [
        Day(meter, day, AggregateState(events, total, low, high, EventValue(latest_at, "", "", latest)))
        for meter, day, events, total, low, high, latest_at, latest in sql.fetch_rows(_DAILY_STATES, parameters)
    ]


_SHARES = """
SELECT r.meter_id, d.key, d.value, sum(r.quantity) AS used, sum(r.events)::bigint
FROM billing_rollup r JOIN plans_meter m ON m.id = r.meter_id AND m.aggregation IN ('count', 'sum')
CROSS JOIN LATERAL jsonb_each_text(r.dimensions) d
WHERE r.period_id = ANY(%s)
GROUP BY 1, 2, 3 ORDER BY used DESC, 1, 2, 3 LIMIT %s
"""


def read_largest_shares(*, period_ids: Sequence[int], count: int) -> list[Share]:
    """Return the largest shares of these periods' usage, at most `count`, for meters that add up."""
    return [Share(*row) for row in sql.fetch_rows(_SHARES, [list(period_ids), count])]
