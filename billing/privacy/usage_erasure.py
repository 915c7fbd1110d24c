"""
Forget what events say beyond what they are counted by.

What meters read stays: sums, and so documents, are made of it. All else of an event's properties goes, and with it
the names of its customer and subscription. Its digest stays as it was sent: a repeat is known by it, and counters and
snapshots hold its fingerprint.
"""

import re
from collections.abc import Iterable

from django.db import connection

from plans.models import Meter, MeterReading

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_NAMES = "SELECT DISTINCT name FROM billing_event WHERE customer_id = %s"
_FORGET = """
UPDATE billing_event e SET customer_ref = %(ref)s, subscription_ref = coalesce((
        SELECT t.later FROM unnest(%(former)s::text[], %(later)s::text[]) AS t(former, later)
        WHERE t.former = e.subscription_ref), ''),
    properties = coalesce((SELECT jsonb_object_agg(p.key, p.value) FROM jsonb_each(e.properties) p
        WHERE p.key = ANY(%(read)s)), '{}')
WHERE e.customer_id = %(customer)s AND e.name = %(name)s
"""


def strip_events(*, customer_id: int, new_name: str, new_subscription_names: dict[str, str]) -> int:
    """
    Strip the events of a customer, whose new name is `ref`, and return how many those were.

    subscriptions: former name → new one. The caller's transaction may do so: see
    billing/metering/store/event_table.py.
    """
    read, count = read_metered_properties(), 0
    facts = {"ref": new_name, "former": list(new_subscription_names), "later": list(new_subscription_names.values())}
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, [customer_id])
        for (name,) in cursor.fetchall():
            kept = sorted(read.get(name, ()))
            cursor.execute(_FORGET, {**facts, "customer": customer_id, "name": name, "read": kept})
            count += cursor.rowcount
    return count


def read_metered_properties() -> dict[str, set[str]]:
    """Return the names of the properties that meters read, by the name of the events that they count."""
    found: dict[str, set[str]] = {}
    readings = MeterReading.objects.values_list("meter__event_name", "value_property")
    for event, path in readings:
        found.setdefault(event, set()).update(_first([path]))
    for meter in Meter.objects.all():
        paths = [meter.value_property, meter.operation_property, meter.price_property, *meter.dimensions]
        paths += [*meter.filters, *(name for one in meter.excludes for name in one)]
        # An expression names more than properties; whatever is called like one stays as well.
        names = _first(paths) | set(_NAME.findall(meter.expression))
        found.setdefault(meter.event_name, set()).update(names)
    return found


def _first(paths: Iterable[str]) -> set[str]:
    """Return both the path and its first part: a property may have a dot in its name."""
    return {name for path in paths if path for name in (path, path.split(".")[0])}
