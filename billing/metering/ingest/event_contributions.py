"""
What stored events have given: to which counters, from which place among the events on, and until when.

An event is attributed anew by the function that ingest uses. What was reported of it as unmatched counts from its
replay on, if there was one, and nothing counts any more once a correction has taken the event back.
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
    """What an event gives at one stop. sequence: its place among the events that are counted there."""

    stop: RouteStop
    value: int | Decimal
    sequence: int


class EventContributions(NamedTuple):
    """
    A stored event with what it gave: nothing where all of it is unmatched.

    taken_back: the number of the correction that took it back; None where it still counts.
    """

    row: StoredEvent
    event: ReceivedEvent
    attribution: Attribution
    contributions: tuple[Contribution, ...]
    correction_sequence: int | None

    def is_counted(self, part: Contribution, *, up_to: int | None = None) -> bool:
        """Tell whether a part counts now, or counted at a high-water mark."""
        if up_to is None:
            return self.correction_sequence is None
        return part.sequence <= up_to and (self.correction_sequence is None or self.correction_sequence > up_to)


def read_contributions(rows: Sequence[StoredEvent], *, since: datetime | None = None) -> list[EventContributions]:
    """Return what these events have given. since: read customers' periods as far back; of the events if absent."""
    if not rows:
        return []
    known = read_customers({row.customer_id for row in rows}, since=since or min(row.occurred_at for row in rows))
    return _given(rows, known, unmatched_usage.read_reports([row.key for row in rows]))


def compute_contributions(
    rows: Sequence[StoredEvent], known: Mapping[int | None, CachedCustomer]
) -> list[EventContributions]:
    """Return what these events would have given to customers like these, whatever was reported of them."""
    return _given(rows, known, {})


def _given(
    rows: Sequence[StoredEvent],
    known: Mapping[int | None, CachedCustomer],
    reports: Mapping[str, Mapping[int | None, ReportState]],
) -> list[EventContributions]:
    corrected = corrections.read_corrections([row.key for row in rows])
    events = [to_received_event(row) for row in rows]
    meters = catalog_cache.get_catalog()
    found = [
        attribute_event(event, catalog=meters, customer=known.get(row.customer_id))
        for row, event in zip(rows, events, strict=True)
    ]
    subscribed = _subscribed(found)
    result = []
    for row, event, one in zip(rows, events, found, strict=True):
        taken_back = corrected[row.key].sequence if row.key in corrected else None
        parts = counted_contributions(row.sequence, one, reports.get(row.key, {}), taken_back=taken_back)
        result.append(EventContributions(row, event, one, tuple(_own(row, parts, subscribed)), taken_back))
    return result


def read_customers(ids: Collection[int | None], *, since: datetime) -> dict[int | None, CachedCustomer]:
    """Return fresh copies of customers by their number; events of nobody that is known have none."""
    found: dict[int | None, CachedCustomer] = {}
    for sandbox in (False, True):
        refs = list(
            Customer.objects.filter(pk__in=[id_ for id_ in ids if id_ is not None], sandbox=sandbox).values_list(
                "external_id", flat=True
            )
        )
        if refs:
            fresh = customer_cache.refresh(refs, sandbox=sandbox, since=since)
            found.update({copy.id: copy for copy in fresh.values()})
    return found


def counted_contributions(
    sequence: int, found: Attribution, reports: Mapping[int | None, ReportState], *, taken_back: int | None
) -> Iterator[tuple[Contribution, ReportState | None]]:
    """
    Yield the parts of an event that were ever counted, with the report where a replay did so.

    A report that was open when the event was taken back is resolved by that: its number is greater than the
    correction's.
    """
    for stop, value in zip(found.route.stops, found.values, strict=True):
        report = reports.get(stop.meter.id) or reports.get(None)
        if report is None:
            yield Contribution(stop, value, sequence), None
        elif report.resolved_sequence is not None and (taken_back is None or report.resolved_sequence < taken_back):
            yield Contribution(stop, value, report.resolved_sequence), report


def _own(
    row: StoredEvent, parts: Iterable[tuple[Contribution, ReportState | None]], subscribed: Mapping[int, datetime]
) -> Iterator[Contribution]:
    """
    Yield what an event gave to the subscriptions that were there when it was counted.

    Where several periods take a value, one whose subscription was made later has not been given it.
    """
    for part, report in parts:
        at = report.resolved_at if report and report.resolved_at else row.received_at
        late = {id_ for id_ in _several(part.stop) if subscribed[id_] > at}
        if not late:
            yield part
            continue
        kept = [place for place, (counter, _) in enumerate(part.stop.targets) if counter.period_id not in late]
        stop = part.stop._replace(
            targets=tuple(part.stop.targets[place] for place in kept),
            costs=tuple(part.stop.costs[place] for place in kept) if part.stop.costs else (),
            state_keys=tuple(key for key in part.stop.state_keys if key.series.period_id not in late),
        )
        if stop.targets:
            yield part._replace(stop=stop)


def _several(stop: RouteStop) -> set[int]:
    """Return the periods that a stop counts into, if they are more than one."""
    periods = {counter.period_id for counter, _ in stop.targets}
    return periods if len(periods) > 1 else set()


def _subscribed(found: Sequence[Attribution]) -> dict[int, datetime]:
    """Return when the subscriptions of periods were made, where several take the same usage."""
    routes = {id(one.route): one.route for one in found}
    periods = {id_ for route in routes.values() for stop in route.stops for id_ in _several(stop)}
    if not periods:
        return {}
    return dict(Period.objects.filter(pk__in=periods).values_list("pk", "subscription__created_at"))
