"""Check that usage without a counter is reported, and with the right reason."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from billing.audit.usage.attribution_inputs import AttributionInputs
from billing.audit.usage.meters import Meters
from billing.metering.ingest.attribution import Attribution
from billing.metering.ingest.catalog_cache import CachedCatalog
from billing.metering.ingest.event_reader import StoredEvent
from billing.metering.store.unmatched_usage import ReportState
from billing.models.usage import UnmatchedReason

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
        if part.reason == UnmatchedReason.NO_SUBSCRIPTION and _came_later(meters.since[part.meter_id or 0], row):
            continue  # A meter counts only events received after its creation.
        yield {"key": row.key, "id": row.sender_id, "meter": part.meter_id, "why": part.reason}


def wrong_reports(
    row: StoredEvent,
    attribution: Attribution,
    reports: Reports,
    *,
    inputs: AttributionInputs,
    meters: Meters,
    catalog: CachedCatalog,
) -> Iterator[Row]:
    """
    Yield reports with a wrong reason.

    Missing or bad values and rates never change afterwards; the other reasons may have been resolved since.
    """
    reasons = {part.meter_id: part.reason for part in attribution.unmatched_parts}
    for meter_id, report in reports.items():
        current_reason, reported_reason = reasons.get(meter_id), report.reason
        if (
            report.resolved_sequence is not None
            or current_reason == reported_reason
            or reported_reason == UnmatchedReason.UNKNOWN_CUSTOMER
        ):
            continue
        if {current_reason, reported_reason} <= {UnmatchedReason.NO_SUBSCRIPTION, UnmatchedReason.PAUSED} or (
            reported_reason == UnmatchedReason.PAUSED and current_reason is None
        ):
            continue  # A pause may start or end retroactively; reprocessing then bills the usage.
        if reported_reason == UnmatchedReason.NO_COST and current_reason is None:
            continue  # A unit cost may be added at any time; reprocessing then bills the usage.
        if reported_reason == UnmatchedReason.NO_SUBSCRIPTION and _subscribed_since(row, inputs):
            continue
        if reported_reason == UnmatchedReason.UNKNOWN_EVENT and _metered_since(row, meters, catalog):
            continue
        yield {
            "key": row.key,
            "id": row.sender_id,
            "meter": meter_id,
            "reported": reported_reason,
            "is": current_reason,
        }


def _came_later(created_at: datetime, row: StoredEvent) -> bool:
    return created_at + HANDOVER > row.received_at


def _subscribed_since(row: StoredEvent, inputs: AttributionInputs) -> bool:
    customer = inputs.customers.get(row.customer_id or 0)
    periods = customer.periods_at(row.occurred_at, subscription_ref=row.subscription_ref) if customer else ()
    return any(_came_later(inputs.subscribed_at[period.id], row) for period in periods)


def _metered_since(row: StoredEvent, meters: Meters, catalog: CachedCatalog) -> bool:
    event_meters = catalog.by_event.get(row.name)
    return event_meters is not None and all(_came_later(meters.since[meter.id], row) for meter in event_meters.meters)
