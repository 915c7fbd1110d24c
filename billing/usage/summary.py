"""Usage of a customer, or of all, by day and by dimension: what charts and tables show, in one query each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDay

from billing.models import Rollup

MOST_DAYS = 10_000
"""Rows of a chart: ten meters on a thousand days."""


@dataclass(frozen=True, slots=True)
class Day:
    """What one meter counted on one day of the clock that was asked for."""

    meter_id: int
    day: date
    quantity: Decimal
    events: int


@dataclass(frozen=True, slots=True)
class Share:
    """What one value of one dimension takes of a meter's usage."""

    meter_id: int
    dimension: str
    value: str
    quantity: Decimal
    events: int


def by_day(*, customer_id: int, since: datetime, until: datetime, zone: ZoneInfo) -> list[Day]:
    """Return a customer's usage of every meter from `since` until `until`, by day of `zone`."""
    rows = Rollup.objects.filter(
        period__subscription__customer=customer_id, period__ends_at__gt=since, bucket__gte=since, bucket__lt=until
    )
    return _days(rows, zone)


def all_by_day(*, since: datetime, zone: ZoneInfo) -> list[Day]:
    """Return everybody's usage since a moment, by day of `zone`; sandbox customers do not count."""
    return _days(Rollup.objects.filter(bucket__gte=since, period__subscription__customer__sandbox=False), zone)


def _days(rows: QuerySet[Rollup], zone: ZoneInfo) -> list[Day]:
    found = (
        rows.annotate(day=TruncDay("bucket", tzinfo=zone))
        .values_list("meter_id", "day")
        .annotate(Sum("quantity"), Sum("events"))
        .order_by("day", "meter_id")[:MOST_DAYS]
    )
    return [Day(meter, day.date(), quantity, events) for meter, day, quantity, events in found]


_SHARES = """
SELECT r.meter_id, d.key, d.value, sum(r.quantity) AS used, sum(r.events)::bigint
FROM billing_rollup r CROSS JOIN LATERAL jsonb_each_text(r.dimensions) d
WHERE r.period_id = ANY(%s)
GROUP BY 1, 2, 3 ORDER BY used DESC, 1, 2, 3 LIMIT %s
"""


def by_dimension(*, period_ids: Sequence[int], count: int) -> list[Share]:
    """Return the largest shares of these periods' usage, at most `count`."""
    with connection.cursor() as cursor:
        cursor.execute(_SHARES, [list(period_ids), count])
        return [Share(*row) for row in cursor.fetchall()]
