"""Whether what no counter takes was reported, and reported for what it is."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from billing.audit.usage.attribution_inputs import Known
from billing.audit.usage.meters import Meters
from billing.metering.ingest.attribution import Attribution
from billing.metering.ingest.catalog_cache import CatalogCopy
from billing.metering.ingest.event_reader import Stored
from billing.metering.store.unmatched_usage import Reported
from billing.models.usage import Reason

HANDOVER = timedelta(minutes=5)
"""How long a request under way may go on without what was made meanwhile."""

Row = dict[str, Any]
Reports = dict[int | None, Reported]


def unreported(row: Stored, found: Attribution, reports: Reports, *, meters: Meters) -> Iterator[Row]:
    """Yield the parts of an event that no counter takes and no report tells of."""
    for one in found.unpriced:
        if None in reports or one.meter_id in reports:
            continue
        if one.meter_id is None and row.name in meters.names:
            continue  # There was a meter for it once, which left it out on purpose.
        if one.reason == Reason.NO_SUBSCRIPTION and _came_later(meters.since[one.meter_id or 0], row):
            continue  # A meter counts what is received once it is there.
        yield {"key": row.key, "id": row.sender_id, "meter": one.meter_id, "why": one.reason}


def unfounded(
    row: Stored, found: Attribution, reports: Reports, *, known: Known, meters: Meters, catalog: CatalogCopy
) -> Iterator[Row]:
    """Yield reports whose reason is none. Values and rates stay; all else may have come since."""
    reasons = {one.meter_id: one.reason for one in found.unpriced}
    for meter_id, report in reports.items():
        now, told = reasons.get(meter_id), report.reason
        if report.resolved_sequence is not None or now == told or told == Reason.UNKNOWN_CUSTOMER:
            continue
        if {now, told} <= {Reason.NO_SUBSCRIPTION, Reason.PAUSED} or (told == Reason.PAUSED and now is None):
            continue  # A pause may begin, and end at a moment that is past; then it is billed once it is tried again.
        if told == Reason.NO_COST and now is None:
            continue  # What had no cost may get one at any time, and is billed once it is tried again.
        if told == Reason.NO_SUBSCRIPTION and _subscribed_since(row, known):
            continue
        if told == Reason.UNKNOWN_EVENT and _metered_since(row, meters, catalog):
            continue
        yield {"key": row.key, "id": row.sender_id, "meter": meter_id, "reported": told, "is": now}


def _came_later(made_at: datetime, row: Stored) -> bool:
    return made_at + HANDOVER > row.received_at


def _subscribed_since(row: Stored, known: Known) -> bool:
    customer = known.customers.get(row.customer_id or 0)
    periods = customer.periods_at(row.occurred_at, subscription_ref=row.subscription_ref) if customer else ()
    return any(_came_later(known.subscribed[period.id], row) for period in periods)


def _metered_since(row: Stored, meters: Meters, catalog: CatalogCopy) -> bool:
    counting = catalog.by_event.get(row.name)
    return counting is not None and all(_came_later(meters.since[meter.id], row) for meter in counting.meters)
