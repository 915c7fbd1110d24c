"""
Reprocess unmatched usage, whose customer, meter, subscription or rate may exist by now.

A report is resolved once. Usage that it counts from then on has a sequence number drawn under the period lock, like
new usage: in a closed period it is late.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from billing.metering.ingest import catalog_cache, customer_cache, event_recorder
from billing.metering.ingest.attribution import Attribution, UnmatchedPart
from billing.metering.ingest.event_reader import StoredEvent, read_by_key, to_received_event
from billing.metering.ingest.event_recorder import EventBatch, StaleCatalog
from billing.metering.store import counter_store, unmatched_usage
from billing.metering.store.event_removals import read_removed
from billing.metering.store.unmatched_usage import OpenReport, UnmatchedReport
from lib.queue import NO_DEADLINE, Deadline

# Reports per transaction: they and their counters stay locked until it ends, and ingest waits for those.
CHUNK = 500
_TRIES = 5


@dataclass(slots=True)
class ReprocessCounts:
    """Number of reports read, resolved, and left unresolved."""

    tried: int = 0
    resolved: int = 0
    left: int = 0

    def add(self, other: "ReprocessCounts") -> None:
        self.tried += other.tried
        self.resolved += other.resolved
        self.left += other.left


@dataclass(slots=True)
class ReportChanges:
    """The changes of a chunk of reports, before they are stored."""

    counted: list[tuple[StoredEvent, Attribution]] = field(default_factory=list)
    resolved: list[tuple[OpenReport, int | None]] = field(default_factory=list)
    changed: list[tuple[OpenReport, UnmatchedPart, int | None]] = field(default_factory=list)
    new_reports: list[UnmatchedReport] = field(default_factory=list)


def reprocess(
    *,
    at: datetime,
    report_ids: Collection[int] | None = None,
    progress: Callable[[ReprocessCounts], None] = lambda done: None,
    deadline: Deadline = NO_DEADLINE,
) -> ReprocessCounts:
    """
    Attribute unmatched usage again, the oldest reports first, and count the usage that has a price now.

    report_ids: limits the work to these reports; None means all open ones.
    progress: called after each chunk.

    Safe to run concurrently and to kill at any time: a chunk is one transaction, and reports locked by another
    process are skipped.
    """
    counts, after = ReprocessCounts(), 0
    while deadline.has_time():
        chunk_counts, after = _reprocess_chunk(after, report_ids, at=at)
        if not chunk_counts.tried:
            break
        counts.add(chunk_counts)
        progress(chunk_counts)
    return counts


def _reprocess_chunk(after: int, report_ids: Collection[int] | None, *, at: datetime) -> tuple[ReprocessCounts, int]:
    for tries_left in reversed(range(_TRIES)):
        try:
            with transaction.atomic():
                reports = unmatched_usage.lock_next_reports(after=after, ids=report_ids, limit=CHUNK)
                counts = ReprocessCounts(tried=len(reports))
                for sandbox in (False, True):
                    sandbox_reports = [report for report in reports if report.sandbox is sandbox]
                    counts.resolved += (
                        _reprocess_reports(sandbox_reports, sandbox=sandbox, at=at) if sandbox_reports else 0
                    )
            counts.left = counts.tried - counts.resolved
            return counts, reports[-1].id if reports else after
        except (StaleCatalog, counter_store.CounterMissing):
            if not tries_left:
                raise
            counter_store.clear_id_cache()
            catalog_cache.refresh()
            customer_cache.clear()
    raise AssertionError("unreachable")


def _reprocess_reports(reports: Sequence[OpenReport], *, sandbox: bool, at: datetime) -> int:
    """Count the usage of these reports that has a price now, and return how many reports are resolved."""
    stored = read_by_key({report.key for report in reports})
    # The events of old reports have left; the reports stay as they are.
    reports = [report for report in reports if report.key in stored]
    if not reports:
        return 0
    events = [to_received_event(row) for row in stored.values()]
    catalog_cache.refresh()
    customer_cache.refresh(
        {event.customer for event in events}, sandbox=sandbox, since=min(event.occurred_at for event in events)
    )
    batch = event_recorder.attribute_events(events, sandbox=sandbox)
    attributions = dict(zip(stored, batch.attributions, strict=True))
    ids = {event.key: event_recorder.find_customer_id(event, batch) for event in events}
    removed = read_removed([id_ for id_ in ids.values() if id_ is not None])
    # A customer who is known by now may have no other events of that time any more.
    out_of_reach = {
        key for key, id_ in ids.items() if (left := removed.get(id_)) and stored[key].occurred_at < left.until
    }
    changes = ReportChanges()
    for key, event_reports in _group_by_key(reports).items():
        if key in out_of_reach:
            continue
        _decide_reports(stored[key], attributions[key], event_reports, ids[key], changes)
    batch_to_count = EventBatch(
        events=[to_received_event(row) for row, _ in changes.counted],
        attributions=[attribution for _, attribution in changes.counted],
        customers=batch.customers,
        catalog_revision=batch.catalog_revision,
        sandbox=sandbox,
    )
    event_recorder.count_stored_events(batch_to_count, at=at)
    unmatched_usage.update_reasons(
        [(report.id, part.reason, part.detail, customer_id) for report, part, customer_id in changes.changed]
    )
    unmatched_usage.resolve([(report.id, customer_id) for report, customer_id in changes.resolved], at=at)
    unmatched_usage.assign_customers(
        {key: id_ for key, id_ in ids.items() if id_ is not None and key not in out_of_reach}
    )
    unmatched_usage.report(changes.new_reports)
    return len(changes.resolved)


def _group_by_key(reports: Iterable[OpenReport]) -> Mapping[str, list[OpenReport]]:
    reports_by_key: dict[str, list[OpenReport]] = {}
    for report in reports:
        reports_by_key.setdefault(report.key, []).append(report)
    return reports_by_key


def _decide_reports(
    row: StoredEvent,
    attribution: Attribution,
    reports: Sequence[OpenReport],
    customer_id: int | None,
    changes: ReportChanges,
) -> None:
    """
    Decide which of an event's reports are resolved or changed, and which of its parts count now.

    A report of the whole event is resolved once it has a customer and a meter; its parts without a price are then
    reported meter by meter. A report of one meter's part is resolved with that part.
    """
    reasons = {part.meter_id: part for part in attribution.unmatched_parts}
    meters: set[int] = set()
    for report in reports:
        now = reasons.get(report.meter_id)
        parts = {stop.meter.id for stop in attribution.route.stops}
        if report.meter_id is None and now is None:
            changes.resolved.append((report, customer_id))
            changes.new_reports += [
                UnmatchedReport(
                    row.key, customer_id, unmatched_part.meter_id, unmatched_part.reason, unmatched_part.detail
                )
                for unmatched_part in attribution.unmatched_parts
            ]
            meters |= parts
        elif report.meter_id is not None and report.meter_id in parts:
            changes.resolved.append((report, customer_id))
            meters.add(report.meter_id)
        elif now is not None and (now.reason, now.detail) != (report.reason, report.detail):
            changes.changed.append((report, now, customer_id))
    if meters:
        changes.counted.append((row, _limit_to_meters(attribution, meters)))


def _limit_to_meters(attribution: Attribution, meters: Collection[int]) -> Attribution:
    """Return the part of an attribution that belongs to these meters."""
    indexes = [index for index, stop in enumerate(attribution.route.stops) if stop.meter.id in meters]
    route = attribution.route._replace(stops=tuple(attribution.route.stops[index] for index in indexes))
    return attribution._replace(route=route, values=[attribution.values[index] for index in indexes])
