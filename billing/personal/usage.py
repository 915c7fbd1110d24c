"""
Forget what events say beyond what they are counted by.

What meters read stays: sums, and so documents, are made of it. All else of an event's properties goes, and with it
the names of its customer and subscription. Its digest is made anew of what is left, so that the audit goes on to see
any other change; the same event sent again is then a conflict, and is not counted either.
"""

import re
from collections.abc import Iterable

from django.db import connection

from billing.ingest.stored import COLUMNS, Stored, as_received
from billing.ingest.wire import digest_of, encode_properties
from plans.models import Meter, MeterReading

AT_ONCE = 5_000

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_NEXT = f"""
SELECT {COLUMNS} FROM billing_event WHERE customer_id = %(customer)s AND sequence > %(after)s
ORDER BY sequence LIMIT %(most)s
"""  # noqa: S608
_FORGET = """
UPDATE billing_event e SET properties = t.properties, digest = t.digest, customer_ref = %(ref)s,
    subscription_ref = t.subscription
FROM unnest(%(keys)s::uuid[], %(properties)s::jsonb[], %(digests)s::uuid[], %(subscriptions)s::text[])
    AS t(key, properties, digest, subscription)
WHERE e.key = t.key
"""


def forget_usage(*, customer_id: int, ref: str, subscriptions: dict[str, str]) -> int:
    """
    Strip the events of a customer, whose new name is `ref`, and return how many those were.

    subscriptions: former name → new one. The caller's transaction may do so: see billing/event_table.py.
    """
    read, after, count = properties_read(), 0, 0
    while rows := _next(customer_id, after):
        _forget(rows, ref, subscriptions, read)
        after, count = rows[-1].sequence, count + len(rows)
    return count


def properties_read() -> dict[str, set[str]]:
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


def _next(customer_id: int, after: int) -> list[Stored]:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"customer": customer_id, "after": after, "most": AT_ONCE})
        return [Stored._make(row) for row in cursor.fetchall()]


def _forget(rows: list[Stored], ref: str, subscriptions: dict[str, str], read: dict[str, set[str]]) -> None:
    keys, properties, digests, names = [], [], [], []
    for row in rows:
        kept = {name: value for name, value in as_received(row).properties.items() if name in read.get(row.name, ())}
        encoded = encode_properties(kept)
        name = subscriptions.get(row.subscription_ref, "")
        content = (row.source, row.sender_id, ref, row.name, row.occurred_at, name)
        keys.append(row.key)
        properties.append(encoded.decode())
        digests.append(digest_of(content, encoded))
        names.append(name)
    facts = {"keys": keys, "properties": properties, "digests": digests, "subscriptions": names, "ref": ref}
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, facts)
