"""Read the inputs of attribution for customers by id, over their whole history."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.db import connection

from billing.metering.ingest.customer_cache import (
    FAR_FUTURE,
    PAUSES,
    SPLIT_VALUES,
    THROTTLES,
    CachedCustomer,
    CachedPeriod,
    build_customer,
    build_period,
    decode_pauses,
)
from billing.metering.store.counter_store import CounterKey
from billing.subscriptions.periods.boundaries import ANCHOR_AT

EARLIEST = datetime.min.replace(tzinfo=UTC)

_PERIODS = f"""
SELECT c.id, c.time_zone, p.id, p.revision, p.starts_at, p.ends_at, p.version_id, s.currency, s.id, s.external_id,
    s.named, {ANCHOR_AT}, {THROTTLES}, {SPLIT_VALUES}, {PAUSES}, s.created_at
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
class AttributionInputs:
    """
    Customers with all their periods.

    subscribed_at: period → creation time of its subscription; usage received before then was not counted in it.
    rezoned_ids: customers whose time zone has ever changed; their hours are not comparable. marks: counter → the
    high-water marks of its snapshots, ascending.
    """

    customers: dict[int, CachedCustomer]
    subscribed_at: dict[int, datetime]
    rezoned_ids: set[int]
    marks: dict[CounterKey, list[int]]


def read_attribution_inputs(customer_ids: Collection[int]) -> AttributionInputs:
    """Return the inputs of these customers; ids without a customer are left out."""
    inputs = AttributionInputs({}, {}, set(), {})
    periods: dict[int, list[CachedPeriod]] = {}
    zones: dict[int, str] = {}
    pauses: dict[int, list[str]] = {}
    parameters = [list(customer_ids)]
    with connection.cursor() as cursor:
        cursor.execute(_PERIODS, parameters)
        for customer_id, zone, *period, throttles, split_values, paused, created_at in cursor.fetchall():
            zones[customer_id] = zone
            pauses.setdefault(customer_id, []).append(paused)
            customer_periods = periods.setdefault(customer_id, [])
            if period[0] is not None:
                customer_periods.append(build_period(*period, throttles=throttles, split_values=split_values))
                inputs.subscribed_at[period[0]] = created_at
        cursor.execute(_ZONES, parameters)
        inputs.rezoned_ids = {id_ for (id_,) in cursor.fetchall()}
        cursor.execute(_MARKS, parameters)
        for *key, mark in cursor.fetchall():
            inputs.marks.setdefault(CounterKey(*key), []).append(mark)
    for id_, zone in zones.items():
        paused = decode_pauses(pauses[id_])
        inputs.customers[id_] = build_customer(id_, ZoneInfo(zone), EARLIEST, FAR_FUTURE, periods[id_], paused)
    return inputs
