"""Usage that no price took: kept beside its event with the reason, until a replay attributes it."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from billing.store import statements


class Report(NamedTuple):
    """One event, or one meter's part of it, that adds to no counter. `key` is 32 hexadecimal digits."""

    key: str
    customer_id: int | None
    meter_id: int | None
    reason: str
    detail: str


_REPORT = """
INSERT INTO billing_unbilledusage (event_key, sequence, occurred_at, sandbox, customer_id, customer_ref, event_name,
    meter_id, reason, detail)
SELECT e.key, e.sequence, e.occurred_at, e.sandbox, u.c, e.customer_ref, e.name, u.m, u.r, u.t
FROM jsonb_to_recordset(%s::jsonb) AS u(k uuid, c bigint, m bigint, r text, t text)
JOIN billing_event e ON e.key = u.k
"""


def report(reports: Sequence[Report]) -> None:
    """Keep these reports; their events are stored already, in the same transaction."""
    if not reports:
        return
    document = msgspec.json.encode(
        [{"k": one.key, "c": one.customer_id, "m": one.meter_id, "r": one.reason, "t": one.detail} for one in reports]
    )
    with statements.cursor() as cursor:
        cursor.execute(_REPORT, [document.decode()])
