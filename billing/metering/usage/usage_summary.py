"""Usage of a customer, or of all, by day and by dimension: what charts and tables show, in one query each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDay

from billing.models import Rollup
from plans.aggregation import aggregate_state
from plans.aggregation.aggregate_state import AggregateState, Aggregation, EventValue

MOST_DAYS = 10_000
"""Rows of a chart: ten meters on a thousand days."""


ADDING = ("count", "sum")
"""Aggregations whose hours add up to days; of peaks and averages (HOURLY) they are tallied, of others not told."""


@dataclass(frozen=True, slots=True)
class Day:
    """What one meter counted on one day of the clock that was asked for."""

    meter_id: int
    day: date
    tally: AggregateState


def quantity_of(aggregation: Aggregation, days: Iterable[Day]) -> Decimal:
    """Return what an aggregation makes of several days together: a sum, or the greatest of all."""
    together = reduce(aggregate_state.merge_states, (one.tally for one in days), aggregate_state.EMPTY)
    return aggregate_state.compute_quantity("sum" if aggregation in ADDING else aggregation, together)


@dataclass(frozen=True, slots=True)
class Share:
    """What one value of one dimension takes of a meter's usage."""

    meter_id: int
    dimension: str
    value: str
    quantity: Decimal
    events: int


def by_day(
    *,
    customer_id: int,
    since: datetime,
    until: datetime,
    zone: ZoneInfo,
    period_ids: Sequence[int] | None = None,
) -> list[Day]:
    """
    Return a customer's usage from `since` until `until` by day of `zone`, of every meter that hours tell it of.

    period_ids: what these periods counted alone; one that begins in the middle of an hour shares it with another.
    """
    rows = Rollup.objects.filter(
        period__subscription__customer=customer_id, period__ends_at__gt=since, bucket__gte=since, bucket__lt=until
    )
    if period_ids is not None:
        rows = rows.filter(period__in=period_ids)
    return _days(rows, zone) + _tallied_days(customer_id, since, until, zone, period_ids)


def all_by_day(*, since: datetime, zone: ZoneInfo) -> list[Day]:
    """Return everybody's usage since a moment, by day of `zone`, of meters that add up; no sandbox customer's."""
    return _days(Rollup.objects.filter(bucket__gte=since, period__subscription__customer__sandbox=False), zone)


def _days(rows: QuerySet[Rollup], zone: ZoneInfo) -> list[Day]:
    found = (
        rows.filter(meter__aggregation__in=ADDING)
        .annotate(day=TruncDay("bucket", tzinfo=zone))
        .values_list("meter_id", "day")
        .annotate(Sum("quantity"), Sum("events"))
        .order_by("day", "meter_id")[:MOST_DAYS]
    )
    return [Day(meter, day.date(), AggregateState(events, quantity)) for meter, day, quantity, events in found]


_TALLIED = """
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


def _tallied_days(
    customer_id: int, since: datetime, until: datetime, zone: ZoneInfo, period_ids: Sequence[int] | None
) -> list[Day]:
    """Return the days of meters whose quantity is no sum: each with its own greatest, least and latest value."""
    asked = {"customer": customer_id, "since": since, "until": until, "zone": zone.key, "most": MOST_DAYS}
    asked["periods"] = None if period_ids is None else list(period_ids)
    with connection.cursor() as cursor:
        cursor.execute(_TALLIED, asked)
        return [
            Day(meter, day, AggregateState(events, total, low, high, EventValue(latest_at, "", "", latest)))
            for meter, day, events, total, low, high, latest_at, latest in cursor.fetchall()
        ]


_SHARES = """
SELECT r.meter_id, d.key, d.value, sum(r.quantity) AS used, sum(r.events)::bigint
FROM billing_rollup r JOIN plans_meter m ON m.id = r.meter_id AND m.aggregation IN ('count', 'sum')
CROSS JOIN LATERAL jsonb_each_text(r.dimensions) d
WHERE r.period_id = ANY(%s)
GROUP BY 1, 2, 3 ORDER BY used DESC, 1, 2, 3 LIMIT %s
"""


def by_dimension(*, period_ids: Sequence[int], count: int) -> list[Share]:
    """Return the largest shares of these periods' usage, at most `count`, of meters that add up."""
    with connection.cursor() as cursor:
        cursor.execute(_SHARES, [list(period_ids), count])
        return [Share(*row) for row in cursor.fetchall()]
