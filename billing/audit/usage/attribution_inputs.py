"""What events are attributed by, read by the customer's number and as far back as there is anything."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.db import connection

from billing.metering.ingest.customer_cache import FOR_EVER, PAUSES, CustomerCopy, PeriodCopy, copy_of, pauses_in
from billing.metering.store.counter_store import CounterKey
from billing.subscriptions.periods.boundaries import ANCHOR_AT

SINCE_EVER = datetime.min.replace(tzinfo=UTC)

_PERIODS = f"""
SELECT c.id, c.time_zone, p.id, p.revision, p.starts_at, p.ends_at, p.version_id, s.currency, s.id, s.external_id,
    s.named, {ANCHOR_AT}, {PAUSES}, s.created_at
FROM customers_customer c
LEFT JOIN billing_subscription s ON s.customer_id = c.id
LEFT JOIN billing_period p ON p.subscription_id = s.id AND p.kind = 'regular'
WHERE c.id = ANY(%s)
"""  # noqa: S608

_ZONES = """
SELECT pgh_obj_id FROM customers_customerevent WHERE pgh_obj_id = ANY(%s)
GROUP BY 1 HAVING count(DISTINCT time_zone) > 1
"""

_MARKS = """
SELECT b.period_id, b.plan_feature_id, b.rate_id, b.window_start, b.high_water_mark
FROM billing_billedusage b JOIN billing_period p ON p.id = b.period_id
JOIN billing_subscription s ON s.id = p.subscription_id
WHERE s.customer_id = ANY(%s) ORDER BY b.high_water_mark
"""


@dataclass(slots=True)
class Known:
    """
    Customers with all their periods.

    subscribed: period → when its subscription was made: usage received before then was not counted into it.
    moved: customers whose time zone was changed at some time: their hours are not comparable.
    marks: counter → the high-water marks of its snapshots, ascending.
    """

    customers: dict[int, CustomerCopy]
    subscribed: dict[int, datetime]
    moved: set[int]
    marks: dict[CounterKey, list[int]]


def moved_customers() -> set[int]:
    """Return the customers whose time zone was changed at some time."""
    with connection.cursor() as cursor:
        cursor.execute(_ZONES.replace("pgh_obj_id = ANY(%s)", "true"))
        return {id_ for (id_,) in cursor.fetchall()}


def read_known(customer_ids: Collection[int]) -> Known:
    """Return what is stored about these customers; one that does not exist is left out."""
    known = Known({}, {}, set(), {})
    periods: dict[int, list[PeriodCopy]] = {}
    zones: dict[int, str] = {}
    pauses: dict[int, list[str]] = {}
    ids = [list(customer_ids)]
    with connection.cursor() as cursor:
        cursor.execute(_PERIODS, ids)
        for customer_id, zone, *period, paused, created_at in cursor.fetchall():
            zones[customer_id] = zone
            pauses.setdefault(customer_id, []).append(paused)
            own = periods.setdefault(customer_id, [])
            if period[0] is not None:
                own.append(PeriodCopy(*period))
                known.subscribed[period[0]] = created_at
        cursor.execute(_ZONES, ids)
        known.moved = {id_ for (id_,) in cursor.fetchall()}
        cursor.execute(_MARKS, ids)
        for *key, mark in cursor.fetchall():
            known.marks.setdefault(CounterKey(*key), []).append(mark)
    for id_, zone in zones.items():
        paused = pauses_in(pauses[id_])
        known.customers[id_] = copy_of(id_, ZoneInfo(zone), SINCE_EVER, FOR_EVER, periods[id_], paused)
    return known
