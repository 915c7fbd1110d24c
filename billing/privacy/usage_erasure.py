"""
Strip events of the properties that no meter and no price reads.

Properties that they read stay, because sums and invoices are computed from them. All other properties are deleted,
and the ids of the customer and subscription are replaced. The digest stays as it was sent: it identifies repeats, and
counters and snapshots hold its fingerprint.
"""

import re
from collections.abc import Iterable
from typing import Any

from lib import sql
from plans.models import Meter, MeterReading, Price

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_NAMES = "SELECT DISTINCT name FROM billing_event WHERE customer_id = %s"
_STRIP = """
UPDATE billing_event e SET customer_ref = %(ref)s, subscription_ref = coalesce((
        SELECT t.later FROM unnest(%(former)s::text[], %(later)s::text[]) AS t(former, later)
        WHERE t.former = e.subscription_ref), ''),
    properties = coalesce((SELECT jsonb_object_agg(p.key, p.value) FROM jsonb_each(e.properties) p
        WHERE p.key = ANY(%(read)s)), '{}')
WHERE e.customer_id = %(customer)s AND e.name = %(name)s
"""


def strip_events(*, customer_id: int, new_name: str, new_subscription_names: dict[str, str]) -> int:
    """
    Strip the events of a customer, and return how many.

    new_name: the customer's new external id.
    new_subscription_names: former external id → new one.

    The table's trigger must allow it in the caller's transaction: see billing/metering/store/event_table.py.
    """
    read_properties = read_metered_properties()
    parameters: dict[str, Any] = {
        "ref": new_name,
        "former": list(new_subscription_names),
        "later": list(new_subscription_names.values()),
    }
    # One statement per event name: each has its own set of metered properties.
    return sum(
        sql.execute(
            _STRIP,
            {**parameters, "customer": customer_id, "name": name, "read": sorted(read_properties.get(name, ()))},
        )
        for name in sql.fetch_column(_NAMES, [customer_id])
    )


def read_metered_properties() -> dict[str, set[str]]:
    """Return the names of the properties that meters read, and that prices are split by, by event name."""
    properties: dict[str, set[str]] = {}
    readings = MeterReading.objects.values_list("meter__event_name", "value_property")
    for event, path in readings:
        properties.setdefault(event, set()).update(_path_names([path]))
    for meter in Meter.objects.all():
        paths = [meter.value_property, meter.operation_property, meter.price_property, *meter.dimensions]
        paths += [*meter.filters, *(name for exclusion in meter.excludes for name in exclusion)]
        # An expression contains other names than properties; a property with such a name stays as well.
        names = _path_names(paths) | set(_NAME.findall(meter.expression))
        properties.setdefault(meter.event_name, set()).update(names)
    splits = Price.objects.exclude(split_by="").values_list("plan_feature__feature__meter__event_name", "split_by")
    for event, path in splits.distinct():
        properties.setdefault(event, set()).update(_path_names([path]))
    return properties


def _path_names(paths: Iterable[str]) -> set[str]:
    """Return both the path and its first part, because a property's name may contain a dot."""
    return {name for path in paths if path for name in (path, path.split(".")[0])}
