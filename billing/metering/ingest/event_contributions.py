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
from billing.metering.ingest.attribution import Attribution, Stop, attribute
from billing.metering.ingest.customer_cache import CustomerCopy
from billing.metering.ingest.event_reader import Stored, as_received
from billing.metering.ingest.parser import Received
from billing.metering.store import corrections, unmatched_usage
from billing.metering.store.unmatched_usage import Reported
from billing.models import Period
from customers.models import Customer


class Part(NamedTuple):
    """What an event gives at one stop. sequence: its place among the events that are counted there."""

    stop: Stop
    value: int | Decimal
    sequence: int


class Given(NamedTuple):
    """
    A stored event with what it gave: nothing where all of it is unmatched.

    taken_back: the number of the correction that took it back; None where it still counts.
    """

    row: Stored
    event: Received
    found: Attribution
    parts: tuple[Part, ...]
    taken_back: int | None

    def counts(self, part: Part, *, up_to: int | None = None) -> bool:
        """Tell whether a part counts now, or counted at a high-water mark."""
        if up_to is None:
            return self.taken_back is None
        return part.sequence <= up_to and (self.taken_back is None or self.taken_back > up_to)


def given(rows: Sequence[Stored], *, since: datetime | None = None) -> list[Given]:
    """Return what these events have given. since: read customers' periods as far back; of the events if absent."""
    if not rows:
        return []
    known = copies({row.customer_id for row in rows}, since=since or min(row.occurred_at for row in rows))
    return _given(rows, known, unmatched_usage.reports_of([row.key for row in rows]))


def given_to(rows: Sequence[Stored], known: Mapping[int | None, CustomerCopy]) -> list[Given]:
    """Return what these events would have given to customers like these, whatever was reported of them."""
    return _given(rows, known, {})


def _given(
    rows: Sequence[Stored],
    known: Mapping[int | None, CustomerCopy],
    reports: Mapping[str, Mapping[int | None, Reported]],
) -> list[Given]:
    corrected = corrections.of([row.key for row in rows])
    events = [as_received(row) for row in rows]
    meters = catalog_cache.current()
    found = [
        attribute(event, catalog=meters, customer=known.get(row.customer_id))
        for row, event in zip(rows, events, strict=True)
    ]
    subscribed = _subscribed(found)
    result = []
    for row, event, one in zip(rows, events, found, strict=True):
        taken_back = corrected[row.key].sequence if row.key in corrected else None
        parts = counted(row.sequence, one, reports.get(row.key, {}), taken_back=taken_back)
        result.append(Given(row, event, one, tuple(_own(row, parts, subscribed)), taken_back))
    return result


def copies(ids: Collection[int | None], *, since: datetime) -> dict[int | None, CustomerCopy]:
    """Return fresh copies of customers by their number; events of nobody that is known have none."""
    found: dict[int | None, CustomerCopy] = {}
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


def counted(
    sequence: int, found: Attribution, reports: Mapping[int | None, Reported], *, taken_back: int | None
) -> Iterator[tuple[Part, Reported | None]]:
    """
    Yield the parts of an event that were ever counted, with the report where a replay did so.

    A report that was open when the event was taken back is resolved by that: its number is greater than the
    correction's.
    """
    for stop, value in zip(found.route.stops, found.values, strict=True):
        report = reports.get(stop.meter.id) or reports.get(None)
        if report is None:
            yield Part(stop, value, sequence), None
        elif report.resolved_sequence is not None and (taken_back is None or report.resolved_sequence < taken_back):
            yield Part(stop, value, report.resolved_sequence), report


def _own(
    row: Stored, parts: Iterable[tuple[Part, Reported | None]], subscribed: Mapping[int, datetime]
) -> Iterator[Part]:
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
            tallies=tuple(key for key in part.stop.tallies if key.series.period_id not in late),
        )
        if stop.targets:
            yield part._replace(stop=stop)


def _several(stop: Stop) -> set[int]:
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
