"""Read since when each meter has had its current definition."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

# The last change of a meter, or of one of its readings, that affects which events it counts, or how. A change of its
# name or unit doesn't.
_SINCE = """
WITH changes AS (
    SELECT pgh_obj_id AS meter_id, pgh_created_at AS at,
        to_jsonb(m) - ARRAY['pgh_id', 'pgh_created_at', 'pgh_label', 'pgh_context_id', 'name', 'unit'] AS meaning,
        lag(to_jsonb(m) - ARRAY['pgh_id', 'pgh_created_at', 'pgh_label', 'pgh_context_id', 'name', 'unit'])
            OVER (PARTITION BY pgh_obj_id ORDER BY pgh_id) AS before
    FROM plans_meterevent m
    UNION ALL
    SELECT meter_id, pgh_created_at, '0', NULL FROM plans_meterreadingevent
)
SELECT m.id, coalesce(max(c.at), m.created_at) FROM plans_meter m
LEFT JOIN changes c ON c.meter_id = m.id AND c.meaning IS DISTINCT FROM c.before
GROUP BY m.id
"""


@dataclass(frozen=True, slots=True)
class Meters:
    """
    since: meter → when it began to count as it does now. names: all event names that any meter has ever counted.
    """

    since: Mapping[int, datetime]
    names: frozenset[str]


def read_meters() -> Meters:
    with connection.cursor() as cursor:
        cursor.execute(_SINCE)
        since = dict(cursor.fetchall())
        cursor.execute("SELECT DISTINCT event_name FROM plans_meterevent")
        return Meters(since, frozenset(name for (name,) in cursor.fetchall()))
