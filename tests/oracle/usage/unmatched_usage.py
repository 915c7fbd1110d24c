"""Check that each report of unmatched usage has the reason that attribution gives."""

from collections.abc import Iterator

from billing.audit.check import Row
from billing.audit.shared_reads import Books
from billing.audit.usage.attributed_events import AttributedEvent, AttributedEvents
from billing.audit.usage.attribution_inputs import AttributionInputs
from billing.audit.usage.meters import Meters, read_meters
from billing.audit.usage.unmatched_usage import came_later
from billing.metering.ingest.attribution import UNSUBSCRIBED
from billing.metering.ingest.catalog_cache import CachedCatalog
from billing.metering.ingest.event_reader import StoredEvent
from billing.models.unmatched_usage import UnmatchedReason


def wrong_reasons(books: Books) -> Iterator[Row]:
    """Yield reports with a wrong reason."""
    events, meters = AttributedEvents(), read_meters()
    for attributed in events:
        if attributed.reports:
            yield from _wrong_reports(attributed, inputs=events.inputs, meters=meters, catalog=events.catalog)


def _wrong_reports(
    attributed: AttributedEvent, *, inputs: AttributionInputs, meters: Meters, catalog: CachedCatalog
) -> Iterator[Row]:
    """Missing or bad values and rates never change afterwards; the other reasons may have been resolved since."""
    row = attributed.row
    reasons = {part.meter_id: part.reason for part in attributed.attribution.unmatched_parts}
    for meter_id, report in attributed.reports.items():
        current_reason, reported_reason = reasons.get(meter_id), report.reason
        if (
            report.resolved_sequence is not None
            or current_reason == reported_reason
            or reported_reason == UnmatchedReason.UNKNOWN_CUSTOMER
        ):
            continue
        if UnmatchedReason.PAUSED in (current_reason, reported_reason) and {current_reason, reported_reason} <= {
            *UNSUBSCRIBED,
            UnmatchedReason.PAUSED,
            None,
        }:
            continue  # A pause may start or end retroactively; reprocessing then bills the usage.
        if reported_reason == UnmatchedReason.NOT_SOLD and current_reason in (None, UnmatchedReason.NO_SUBSCRIPTION):
            continue  # A plan change or the end of the subscription may be dated back.
        if reported_reason == UnmatchedReason.NO_COST and current_reason is None:
            continue  # A unit cost may be added at any time; reprocessing then bills the usage.
        if reported_reason in UNSUBSCRIBED and _subscribed_since(row, inputs):
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


def _subscribed_since(row: StoredEvent, inputs: AttributionInputs) -> bool:
    customer = inputs.customers.get(row.customer_id or 0)
    periods = customer.periods_at(row.occurred_at, subscription_ref=row.subscription_ref) if customer else ()
    return any(came_later(inputs.subscribed_at[period.id], row) for period in periods)


def _metered_since(row: StoredEvent, meters: Meters, catalog: CachedCatalog) -> bool:
    event_meters = catalog.by_event.get(row.name)
    return event_meters is not None and all(came_later(meters.since[meter.id], row) for meter in event_meters.meters)
