"""
Contributions of stored events: to which counters, from which sequence number on, and until when.

An event is attributed again by the function that ingest uses. A part reported as unmatched counts from its
reprocessing on, if there was one; nothing of an event counts after a correction has voided it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from billing.metering.ingest import catalog_cache, customer_cache
from billing.metering.ingest.attribution import Attribution, RouteStop, attribute_event
from billing.metering.ingest.customer_cache import CachedCustomer
from billing.metering.ingest.event_reader import StoredEvent, to_received_event
from billing.metering.ingest.parser import ReceivedEvent
from billing.metering.store import corrections, unmatched_usage
from billing.metering.store.unmatched_usage import ReportState
from billing.models import Period
from customers.models import Customer


class Contribution(NamedTuple):
    """The value that an event adds at one stop. sequence: its position among the events counted there."""

    stop: RouteStop
    value: int | Decimal
    sequence: int


class EventContributions(NamedTuple):
    """
    A stored event with its contributions; none if all of it is unmatched.

    correction_sequence: number of the correction that voided the event; None while it counts.
    """

    row: StoredEvent
    event: ReceivedEvent
    attribution: Attribution
    contributions: tuple[Contribution, ...]
    correction_sequence: int | None

    def is_counted(self, part: Contribution, *, up_to: int | None = None) -> bool:
        """Return whether a part counts now, or counted at the high-water mark `up_to`."""
        if up_to is None:
            return self.correction_sequence is None
        return part.sequence <= up_to and (self.correction_sequence is None or self.correction_sequence > up_to)


def read_contributions(rows: Sequence[StoredEvent], *, since: datetime | None = None) -> list[EventContributions]:
    """
    Return the contributions of these events. since: how far back to read customers' periods; default: the earliest
    event.
    """
    if not rows:
        return []
    known = read_customers({row.customer_id for row in rows}, since=since or min(row.occurred_at for row in rows))
    return _build_contributions(rows, known, unmatched_usage.read_reports([row.key for row in rows]))


def compute_contributions(
    rows: Sequence[StoredEvent], known: Mapping[int | None, CachedCustomer], *, obeys_reports: bool = False
) -> list[EventContributions]:
    """
    Return the contributions that these events would have made to the given customers.

    obeys_reports: whether usage that was reported as unmatched counts only once it was reprocessed.
    """
    reports = unmatched_usage.read_reports([row.key for row in rows]) if obeys_reports else {}
    return _build_contributions(rows, known, reports)


def _build_contributions(
    rows: Sequence[StoredEvent],
    known: Mapping[int | None, CachedCustomer],
    reports: Mapping[str, Mapping[int | None, ReportState]],
) -> list[EventContributions]:
    corrected = corrections.read_corrections([row.key for row in rows])
    events = [to_received_event(row) for row in rows]
    meters = catalog_cache.get_catalog()
    attributions = [
        attribute_event(event, catalog=meters, customer=known.get(row.customer_id))
        for row, event in zip(rows, events, strict=True)
    ]
    subscribed = _subscription_times(attributions)
    contributions = []
    for row, event, attribution in zip(rows, events, attributions, strict=True):
        correction_sequence = corrected[row.key].sequence if row.key in corrected else None
        parts = counted_contributions(
            row.sequence, attribution, reports.get(row.key, {}), correction_sequence=correction_sequence
        )
        contributions.append(
            EventContributions(
                row,
                event,
                attribution,
                tuple(_contributions_at_recording(row, parts, subscribed)),
                correction_sequence,
            )
        )
    return contributions


def read_customers(ids: Collection[int | None], *, since: datetime) -> dict[int | None, CachedCustomer]:
    """Return fresh copies of customers by id; events without a customer have none."""
    customers: dict[int | None, CachedCustomer] = {}
    # External ids are unique within live and within sandbox only.
    for sandbox in (False, True):
        refs = list(
            Customer.objects.filter(pk__in=[id_ for id_ in ids if id_ is not None], sandbox=sandbox).values_list(
                "external_id", flat=True
            )
        )
        if refs:
            fresh = customer_cache.refresh(refs, sandbox=sandbox, since=since)
            customers.update({copy.id: copy for copy in fresh.values()})
    return customers


def counted_contributions(
    sequence: int,
    attribution: Attribution,
    reports: Mapping[int | None, ReportState],
    *,
    correction_sequence: int | None,
) -> Iterator[tuple[Contribution, ReportState | None]]:
    """
    Yield the parts of an event that were ever counted, with the report if reprocessing counted them.

    A report that was open when the event was voided is resolved by the correction: its number is greater than the
    correction's.
    """
    for stop, value in zip(attribution.route.stops, attribution.values, strict=True):
        report = reports.get(stop.meter.id) or reports.get(None)
        if report is None:
            yield Contribution(stop, value, sequence), None
        elif report.resolved_sequence is not None and (
            correction_sequence is None or report.resolved_sequence < correction_sequence
        ):
            yield Contribution(stop, value, report.resolved_sequence), report


def _contributions_at_recording(
    row: StoredEvent, parts: Iterable[tuple[Contribution, ReportState | None]], subscribed: Mapping[int, datetime]
) -> Iterator[Contribution]:
    """
    Yield an event's contributions to the subscriptions that existed when it was counted.

    Where several periods share a value, a period whose subscription was created later didn't receive it.
    """
    for part, report in parts:
        # A reprocessed part was counted when its report was resolved.
        at = report.resolved_at if report and report.resolved_at else row.received_at
        late = {id_ for id_ in _shared_periods(part.stop) if subscribed[id_] > at}
        if not late:
            yield part
            continue
        indexes = [index for index, (counter, _) in enumerate(part.stop.targets) if counter.period_id not in late]
        stop = part.stop._replace(
            targets=tuple(part.stop.targets[index] for index in indexes),
            costs=tuple(part.stop.costs[index] for index in indexes) if part.stop.costs else (),
            limits=tuple(part.stop.limits[index] for index in indexes) if part.stop.limits else (),
            state_keys=tuple(key for key in part.stop.state_keys if key.series.period_id not in late),
        )
        if stop.targets:
            yield part._replace(stop=stop)


def _shared_periods(stop: RouteStop) -> set[int]:
    """Return the periods that a stop counts into if there are more than one, else none."""
    periods = {counter.period_id for counter, _ in stop.targets}
    return periods if len(periods) > 1 else set()


def _subscription_times(attributions: Sequence[Attribution]) -> dict[int, datetime]:
    """Return the creation times of subscriptions, by period, for periods that share usage."""
    routes = {id(attribution.route): attribution.route for attribution in attributions}
    periods = {id_ for route in routes.values() for stop in route.stops for id_ in _shared_periods(stop)}
    if not periods:
        return {}
    return dict(Period.objects.filter(pk__in=periods).values_list("pk", "subscription__created_at"))
