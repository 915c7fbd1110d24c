"""
Attribute what was unmatched once more: its customer, meter, subscription or rate may be there by now.

A report is resolved once. What it counts from then on has a sequence number drawn under the gate of its period, like
usage that has just come in: in a period that is closed it is late.
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
from billing.metering.store.unmatched_usage import OpenReport, UnmatchedReport

CHUNK = 500
_TRIES = 5


@dataclass(slots=True)
class ReprocessCounts:
    """How many reports were looked at, how many of them are billed since, and how many are left as they were."""

    tried: int = 0
    resolved: int = 0
    left: int = 0

    def add(self, other: "ReprocessCounts") -> None:
        self.tried += other.tried
        self.resolved += other.resolved
        self.left += other.left


@dataclass(slots=True)
class ReportChanges:
    """What came of a chunk of reports, before it is written."""

    counted: list[tuple[StoredEvent, Attribution]] = field(default_factory=list)
    resolved: list[tuple[OpenReport, int | None]] = field(default_factory=list)
    changed: list[tuple[OpenReport, UnmatchedPart, int | None]] = field(default_factory=list)
    new_reports: list[UnmatchedReport] = field(default_factory=list)


def reprocess(
    *,
    at: datetime,
    report_ids: Collection[int] | None = None,
    progress: Callable[[ReprocessCounts], None] = lambda done: None,
    should_continue: Callable[[], bool] = lambda: True,
) -> ReprocessCounts:
    """
    Attribute unmatched usage anew, the oldest reports first, and count what can be.

    report_ids: these only; all that is open if not given. progress: called after each chunk. Any number may run this
    at once, and be killed anywhere: reports that others hold are left to them, and a chunk is one transaction.
    """
    result, after = ReprocessCounts(), 0
    while should_continue():
        part, after = _replay_chunk(after, report_ids, at=at)
        if not part.tried:
            break
        result.add(part)
        progress(part)
    return result


def _replay_chunk(after: int, report_ids: Collection[int] | None, *, at: datetime) -> tuple[ReprocessCounts, int]:
    for left in reversed(range(_TRIES)):
        try:
            with transaction.atomic():
                reports = unmatched_usage.lock_next_reports(after=after, ids=report_ids, limit=CHUNK)
                done = ReprocessCounts(tried=len(reports))
                for sandbox in (False, True):
                    own = [one for one in reports if one.sandbox is sandbox]
                    done.resolved += _replay(own, sandbox=sandbox, at=at) if own else 0
            done.left = done.tried - done.resolved
            return done, reports[-1].id if reports else after
        except (StaleCatalog, counter_store.CounterMissing):
            if not left:
                raise
            counter_store.clear_id_cache()
            catalog_cache.refresh()
            customer_cache.clear()
    raise AssertionError("unreachable")


def _replay(reports: Sequence[OpenReport], *, sandbox: bool, at: datetime) -> int:
    """Count what these reports are of, as far as it can be, and return how many are resolved."""
    stored = read_by_key({one.key for one in reports})
    events = [to_received_event(row) for row in stored.values()]
    catalog_cache.refresh()
    customer_cache.refresh(
        {event.customer for event in events}, sandbox=sandbox, since=min(e.occurred_at for e in events)
    )
    batch = event_recorder.attribute_events(events, sandbox=sandbox)
    found = dict(zip(stored, batch.attributions, strict=True))
    ids = {event.key: event_recorder.find_customer_id(event, batch) for event in events}
    outcome = ReportChanges()
    for key, of_event in _by_key(reports).items():
        _judge(stored[key], found[key], of_event, ids[key], outcome)
    counted = EventBatch(
        events=[to_received_event(row) for row, _ in outcome.counted],
        attributions=[one for _, one in outcome.counted],
        customers=batch.customers,
        catalog_revision=batch.catalog_revision,
        sandbox=sandbox,
    )
    event_recorder.count_stored_events(counted, at=at)
    unmatched_usage.update_reasons(
        [(one.id, now.reason, now.detail, customer_id) for one, now, customer_id in outcome.changed]
    )
    unmatched_usage.resolve([(one.id, customer_id) for one, customer_id in outcome.resolved], at=at)
    unmatched_usage.assign_customers({key: id_ for key, id_ in ids.items() if id_ is not None})
    unmatched_usage.report(outcome.new_reports)
    return len(outcome.resolved)


def _by_key(reports: Iterable[OpenReport]) -> Mapping[str, list[OpenReport]]:
    found: dict[str, list[OpenReport]] = {}
    for one in reports:
        found.setdefault(one.key, []).append(one)
    return found


def _judge(
    row: StoredEvent,
    found: Attribution,
    reports: Sequence[OpenReport],
    customer_id: int | None,
    outcome: ReportChanges,
) -> None:
    """
    Decide what becomes of an event's reports.

    A report of the event as a whole is resolved once any customer and meter take it; what has no price of it then is
    reported meter by meter. A report of one meter's part is resolved with that part.
    """
    reasons = {one.meter_id: one for one in found.unmatched_parts}
    meters: set[int] = set()
    for report in reports:
        now = reasons.get(report.meter_id)
        parts = {stop.meter.id for stop in found.route.stops}
        if report.meter_id is None and now is None:
            outcome.resolved.append((report, customer_id))
            outcome.new_reports += [
                UnmatchedReport(row.key, customer_id, one.meter_id, one.reason, one.detail)
                for one in found.unmatched_parts
            ]
            meters |= parts
        elif report.meter_id is not None and report.meter_id in parts:
            outcome.resolved.append((report, customer_id))
            meters.add(report.meter_id)
        elif now is not None and (now.reason, now.detail) != (report.reason, report.detail):
            outcome.changed.append((report, now, customer_id))
    if meters:
        outcome.counted.append((row, _only(found, meters)))


def _only(found: Attribution, meters: Collection[int]) -> Attribution:
    """Return the part of an attribution that goes to these meters."""
    kept = [place for place, stop in enumerate(found.route.stops) if stop.meter.id in meters]
    route = found.route._replace(stops=tuple(found.route.stops[place] for place in kept))
    return found._replace(route=route, values=[found.values[place] for place in kept])
