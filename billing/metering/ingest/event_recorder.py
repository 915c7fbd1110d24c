"""
Store usage once, and count it, in one transaction: docs/ingest.md.

    gate the periods → append the events → fold what is new → add to counters and rollups → commit

The gate comes first, so that an event's sequence number is drawn while its period cannot close: everything a period
billed has a number up to its high-water mark, and everything later has a greater one.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal, localcontext
from typing import Protocol

import msgspec
import psycopg
from django.db import transaction

from billing.metering.drawdown import SplitRequired, draw_down
from billing.metering.ingest import catalog_cache, customer_cache
from billing.metering.ingest.attribution import Attribution, Route, RouteStop, attribute_event
from billing.metering.ingest.catalog_cache import Path, look_up
from billing.metering.ingest.customer_cache import CachedCustomer
from billing.metering.ingest.parser import ReceivedEvent
from billing.metering.ingest.state_updates import update_states
from billing.metering.ingest.unit_costs import sum_at_cost
from billing.metering.store import counter_store, unmatched_usage
from billing.metering.store import events as event_store
from billing.metering.store.prepaid_windows import DrawdownKey, date_at_last_use
from billing.models.usage import UnmatchedReason
from billing.subscriptions import generate_customer_periods
from lib.failpoints import hit_failpoint
from plans.aggregation.json_numbers import to_exact_number
from wallets.models import Hold

STALE_REASONS = (UnmatchedReason.NO_SUBSCRIPTION, UnmatchedReason.PAUSED)
"""Reasons that an old copy of a customer may be wrong about."""

ACCEPTED, DUPLICATE, CONFLICT = "accepted", "duplicate", "conflict"

EXACT = Context(prec=120)
_TRIES = 5


class StaleCatalog(Exception):
    """What this process remembers of catalog or customers is no longer so; look again and start over."""


class BatchConflict(Exception):
    """An event of an atomic batch conflicts with a stored one, so nothing of the batch is stored."""

    def __init__(self, outcomes: Sequence[str]) -> None:
        super().__init__("the batch holds an event whose id is stored with other content")
        self.outcomes = outcomes


@dataclass(frozen=True, slots=True)
class DeduplicatedBatch:
    """A batch without its own repeats: `first` are its events, `again` the places of the repeats."""

    events: list[ReceivedEvent]
    repeat_indexes: set[int]


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events and what they add, with the copies that this was decided by."""

    events: Sequence[ReceivedEvent]
    attributions: Sequence[Attribution]
    customers: Mapping[str, CachedCustomer]
    catalog_revision: int
    sandbox: bool


@dataclass(slots=True)
class UsageTotals:
    """
    What events add: to counters, to rollups, and at stops that keep tallies.

    used: windows of use that wallets pay for, with the first and the last time of use.
    carried: (subscription, moment) from which on periods are entered with what that changes.
    """

    counters: dict[counter_store.CounterKey, counter_store.CounterSum] = field(default_factory=dict)
    rollups: dict[counter_store.RollupKey, counter_store.RollupSum] = field(default_factory=dict)
    state_updates: list[tuple[RouteStop, "EventGroup", Sequence[int | Decimal]]] = field(default_factory=list)
    usage_times: dict[DrawdownKey, tuple[datetime, datetime]] = field(default_factory=dict)
    carryovers: set[tuple[int, datetime]] = field(default_factory=set)


@dataclass(slots=True)
class EventGroup:
    """Events of the same route and hour: the values of each, and the sum of their digests."""

    route: Route
    bucket: datetime | None
    events: list[ReceivedEvent] = field(default_factory=list)
    values: list[Sequence[int | Decimal]] = field(default_factory=list)
    fingerprint: int = 0


class Admission(Protocol):
    """Who decides inside the transaction whether usage is let in; frees: holds that it was kept in."""

    frees: Sequence[Hold]

    def begin(self, customers: Collection[str]) -> None:
        """Take the locks that come before those of ingest."""

    def decide(self, batch: EventBatch, repeated: Collection[str]) -> None:
        """Refuse what is counted by now, by raising; repeated: keys of the batch that were stored before."""


def record_events(
    *,
    events: Sequence[ReceivedEvent],
    sandbox: bool,
    at: datetime,
    atomic: bool = False,
    admission: Admission | None = None,
) -> list[str]:
    """
    Store the events that are new, count them, and return an outcome for each: accepted, duplicate or conflict.

    When this returns, everything it calls accepted is committed and shows in every read. A batch that decided by an
    old copy, or lost a deadlock, starts over. admission: stores nothing if that refuses.

    :raises RefusedAsAWhole: if `atomic` and one of them conflicts; nothing is stored then.
    """
    if not events:
        return []
    tried = _deduplicate(events)
    edges: set[datetime] = set()
    for left in reversed(range(_TRIES)):
        batches = [attribute_events(part, sandbox=sandbox) for part in _divided(tried.events, edges)]
        try:
            with transaction.atomic():
                if admission:
                    admission.begin({event.customer for event in events})
                stored: dict[str, str] = {}
                for batch in batches:
                    stored |= _store(batch, at=at, admission=admission)
                answer = _outcomes(events, tried, stored)
                if atomic and CONFLICT in answer:
                    raise BatchConflict(answer)
            hit_failpoint("ingest.after_commit")
            return answer
        except psycopg.errors.DeadlockDetected:
            if not left:
                raise
        except SplitRequired as divided:
            if not left:
                raise
            edges.update(divided.boundaries)
        except (StaleCatalog, counter_store.CounterMissing):
            if not left:
                raise
            counter_store.clear_id_cache()
            catalog_cache.refresh()
            customer_cache.refresh({event.customer for event in events}, sandbox=sandbox, since=_earliest(events))
    raise AssertionError("unreachable")


def _divided(events: Sequence[ReceivedEvent], edges: Collection[datetime]) -> list[Sequence[ReceivedEvent]]:
    """Return the events in parts between these moments, the earliest first: all in one where there is none."""
    if not edges:
        return [events]
    ordered = sorted(edges)
    parts: list[list[ReceivedEvent]] = [[] for _ in range(len(ordered) + 1)]
    for event in events:
        parts[bisect_right(ordered, event.occurred_at)].append(event)
    return [part for part in parts if part]


def _earliest(events: Sequence[ReceivedEvent]) -> datetime:
    return min((event.occurred_at for event in events), default=customer_cache.FAR_FUTURE)


def _deduplicate(events: Sequence[ReceivedEvent]) -> DeduplicatedBatch:
    seen: set[str] = set()
    tried = DeduplicatedBatch([], set())
    for index, event in enumerate(events):
        if event.key in seen:
            tried.repeat_indexes.add(index)
        else:
            seen.add(event.key)
            tried.events.append(event)
    return tried


def _outcomes(events: Sequence[ReceivedEvent], tried: DeduplicatedBatch, stored: Mapping[str, str]) -> list[str]:
    """
    Return the outcome of each event of the whole batch.

    stored: key → digest of those that were there before. A repeat within the batch is told by what is stored, which
    need not be the batch's own first one: that may be a conflict itself.
    """
    now = stored if not tried.repeat_indexes else {event.key: event.digest for event in tried.events} | stored
    return [
        ACCEPTED
        if event.key not in stored and index not in tried.repeat_indexes
        else DUPLICATE
        if now[event.key] == event.digest
        else CONFLICT
        for index, event in enumerate(events)
    ]


def attribute_events(events: Sequence[ReceivedEvent], *, sandbox: bool) -> EventBatch:
    """Attribute by this process's copies; a customer whose copy may miss a period is looked at again first."""
    copy = catalog_cache.get_catalog()
    refs = {event.customer for event in events}
    known = customer_cache.get_customers(refs, sandbox=sandbox, since=_earliest(events))
    found = [attribute_event(event, catalog=copy, customer=known.get(event.customer)) for event in events]
    doubtful = _doubtful(events, found, known)
    if doubtful:
        again = {event.customer for event in doubtful}
        fresh = _look_again(doubtful, known, sandbox=sandbox, since=_earliest(events))
        known = {ref: one for ref, one in known.items() if ref not in again} | fresh  # one may have been erased
        found = [
            attribute_event(event, catalog=copy, customer=known.get(event.customer))
            if event.customer in again
            else one
            for event, one in zip(events, found, strict=True)
        ]
    return EventBatch(events, found, known, copy.revision, sandbox)


def _doubtful(
    events: Sequence[ReceivedEvent], found: Sequence[Attribution], known: Mapping[str, CachedCustomer]
) -> list[ReceivedEvent]:
    """Return those whose copy misses a period: one that a price was sought in, or one that should exist."""
    lost = {
        event.customer
        for event, one in zip(events, found, strict=True)
        if one.unmatched_parts and any(unpriced.reason in STALE_REASONS for unpriced in one.unmatched_parts)
    }
    soonest = min((customer.until for customer in known.values()), default=customer_cache.FAR_FUTURE)
    return [
        event
        for event in events
        if event.customer in lost
        or (
            event.occurred_at >= soonest
            and event.customer in known
            and event.occurred_at >= known[event.customer].until
        )
    ]


def _look_again(
    events: Sequence[ReceivedEvent], known: Mapping[str, CachedCustomer], *, sandbox: bool, since: datetime
) -> dict[str, CachedCustomer]:
    """
    Return fresh copies of the customers of these events, with the periods that they should have by now.

    since: the earliest event of the batch, not of these alone: their customers' others are attributed again, too.
    """
    refs = {event.customer for event in events}
    latest = max(event.occurred_at for event in events)
    generate_customer_periods(customer_ids=[known[ref].id for ref in refs], until=latest + datetime.resolution)
    return customer_cache.refresh(refs, sandbox=sandbox, since=since)


def _store(batch: EventBatch, *, at: datetime, admission: Admission | None = None) -> Mapping[str, str]:
    """
    Write one batch inside the caller's transaction; return key → digest of the events that were there before.

    Counting comes last: busy counters are what batches wait for.
    """
    gates = lock_batch_periods(batch)
    hit_failpoint("ingest.after_gate")
    repeated = insert_events(batch, at=at)
    stored = event_store.read_digests(repeated) if repeated else {}
    hit_failpoint("ingest.after_append")
    _count_events(batch, repeated, gates, at=at, admission=admission)
    hit_failpoint("ingest.after_counters")
    return stored


def insert_events(batch: EventBatch, *, at: datetime) -> set[str]:
    """Store the events that are new, report what no price takes of them, and return the keys that were there."""
    repeated = event_store.append(_rows(batch), received_at=at, sandbox=batch.sandbox)
    unmatched_usage.report(
        [
            unmatched_usage.UnmatchedReport(
                event.key, find_customer_id(event, batch), part.meter_id, part.reason, part.detail
            )
            for event, one in zip(batch.events, batch.attributions, strict=True)
            if one.unmatched_parts and event.key not in repeated
            for part in one.unmatched_parts
        ]
    )
    return repeated


def find_customer_id(event: ReceivedEvent, batch: EventBatch) -> int | None:
    """Return the number of the customer that an event names, if there is one."""
    customer = batch.customers.get(event.customer)
    return customer.id if customer else None


def count_stored_events(batch: EventBatch, *, at: datetime) -> None:
    """
    Count what was stored before and is attributed only now, inside the caller's transaction.

    From here on the periods concerned are gated, so a number drawn by the caller tells whether a close saw it.

    :raises CopyIsOld: if a period, or the catalog, is no longer as it was when the batch was attributed.
    """
    if batch.events:
        _count_events(batch, (), lock_batch_periods(batch), at=at, divided=False)


def lock_batch_periods(batch: EventBatch) -> counter_store.PeriodLocks:
    """
    Lock the periods that the batch counts into, and those that it carries levels into.

    :raises CopyIsOld: if one of them, or the catalog, is no longer as it was when the batch was attributed.
    """
    expected: dict[int, int] = {}
    carried: set[tuple[int, datetime]] = set()
    routes = {id(one.route): one.route for one in batch.attributions}.values()
    for route in routes:
        expected.update(route.revisions)
        carried.update(route.carryovers)
    found = counter_store.lock_periods(
        expected, carryovers=carried, is_costed=any(route.is_costed for route in routes)
    )
    if found.revision != batch.catalog_revision:
        raise StaleCatalog
    if any(id_ not in found.periods or found.periods[id_].revision != expected[id_] for id_ in expected):
        raise StaleCatalog
    return found


def _rows(batch: EventBatch) -> list[event_store.EventRow]:
    ids = {ref: customer.id for ref, customer in batch.customers.items()}
    return [
        event_store.EventRow(
            event.key,
            event.digest,
            event.occurred_at,
            ids.get(event.customer),
            event.customer,
            event.name,
            event.source,
            event.id,
            event.subscription,
            msgspec.Raw(event.encoded),
        )
        for event in batch.events
    ]


def _count_events(
    batch: EventBatch,
    repeated: Collection[str],
    gates: counter_store.PeriodLocks,
    *,
    at: datetime,
    divided: bool = True,
    admission: Admission | None = None,
) -> None:
    """Fold what the new events add, add it, and take what wallets pay of it."""
    with localcontext(EXACT):
        new = aggregate(batch, repeated)
        ids = counter_store.add_to_counters(new.counters, new.rollups)
        if new.state_updates:
            update_states(new.state_updates, ids)
    used = new.usage_times if divided else date_at_last_use(new.usage_times)
    if admission is None:
        draw_down(used, at=at)
    else:
        draw_down(used, at=at, frees=admission.frees, is_strict=True)
        admission.decide(batch, repeated)
    mark_late_periods(new.counters, new.carryovers, gates, at=at)


def mark_late_periods(
    counters: Iterable[counter_store.CounterKey],
    carried: Iterable[tuple[int, datetime]],
    gates: counter_store.PeriodLocks,
    *,
    at: datetime,
) -> None:
    """Note of periods that are closed that usage has changed, or a level that they are entered with."""
    late = {counter.period_id for counter in counters if gates.periods[counter.period_id].is_closed}
    late |= gates.later.affected_by(carried)
    if late:
        counter_store.mark_late(late, at=at)


def aggregate(batch: EventBatch, repeated: Collection[str] = ()) -> UsageTotals:
    """Return what the events add that are no repeats, in the caller's exact context."""
    folded = UsageTotals()
    for group in _grouped(batch, repeated):
        add_group(group, folded)
    return folded


def _grouped(batch: EventBatch, repeated: Collection[str]) -> Iterable[EventGroup]:
    """Put together the new events that go the same way in the same hour."""
    groups: dict[tuple[int, datetime | None], EventGroup] = {}
    for event, (route, values, bucket) in zip(batch.events, batch.attributions, strict=True):
        if route.stops and event.key not in repeated:
            group = groups.get((id(route), bucket))
            if group is None:
                group = groups[id(route), bucket] = EventGroup(route, bucket)
            group.events.append(event)
            group.values.append(values)
            group.fingerprint += int(event.digest, 16)
    return groups.values()


def add_group(group: EventGroup, folded: UsageTotals) -> None:
    """Add what the events of a group add, in the caller's exact context."""
    counters, rollups = folded.counters, folded.rollups
    folded.carryovers.update(group.route.carryovers)
    if group.route.drawdowns:
        _note_use(group, folded)
    events = len(group.values)
    for stop, values in zip(group.route.stops, zip(*group.values, strict=True), strict=True):
        quantity = sum(values)
        carried = _carried(stop.price_path, group.events) if stop.price_path else 0
        if stop.state_keys:
            folded.state_updates.append((stop, group, values))
        for place, (counter, series) in enumerate(stop.targets):
            costs = stop.costs[place] if stop.costs else None
            total = counters.get(counter)
            if total is None:
                total = counters[counter] = counter_store.CounterSum()
            total.events += events
            total.quantity += quantity
            total.carried += carried if costs is None else sum_at_cost(costs, group.events, values)
            total.fingerprint += group.fingerprint
            if series is not None:
                rolled_up = rollups.get((series, group.bucket))
                if rolled_up is None:
                    rolled_up = rollups[series, group.bucket] = counter_store.RollupSum()
                rolled_up.events += events
                rolled_up.quantity += quantity


def _note_use(group: EventGroup, folded: UsageTotals) -> None:
    times = [event.occurred_at for event in group.events]
    for key in group.route.drawdowns:
        first, last = folded.usage_times.get(key, (times[0], times[0]))
        folded.usage_times[key] = min(first, *times), max(last, *times)


def _carried(price: Path, events: Iterable[ReceivedEvent]) -> int | Decimal:
    """Return the sum of what events cost themselves, which attribution has found to be numbers."""
    return sum(to_exact_number(look_up(event.properties, price)) or 0 for event in events)
