"""Check that usage without a counter is reported."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from billing.audit.usage.meters import Meters
from billing.metering.ingest.attribution import UNSUBSCRIBED, Attribution
from billing.metering.ingest.event_reader import StoredEvent
from billing.metering.store.unmatched_usage import ReportState

HANDOVER = timedelta(minutes=5)
"""How long a running request may use an outdated catalog or customer."""

Row = dict[str, Any]
Reports = dict[int | None, ReportState]


def unreported(row: StoredEvent, attribution: Attribution, reports: Reports, *, meters: Meters) -> Iterator[Row]:
    """Yield the parts of an event that are neither counted nor reported."""
    for part in attribution.unmatched_parts:
        if None in reports or part.meter_id in reports:
            continue
        if part.meter_id is None and row.name in meters.names:
            continue  # A meter once counted this event name, so that unreported events were left out on purpose.
        if part.reason in UNSUBSCRIBED and came_later(meters.since[part.meter_id or 0], row):
            continue  # A meter counts only events received after its creation.
        yield {"key": row.key, "id": row.sender_id, "meter": part.meter_id, "why": part.reason}


def came_later(created_at: datetime, row: StoredEvent) -> bool:
    """Return whether something was created after an event was received, or so shortly before that it was unknown."""
    return created_at + HANDOVER > row.received_at
