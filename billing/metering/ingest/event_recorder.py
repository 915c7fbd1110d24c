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

from billing.metering.drawdown import Divided, draw
from billing.metering.ingest import catalog_cache, customer_cache
from billing.metering.ingest.attribution import Attribution, Route, Stop, attribute
from billing.metering.ingest.catalog_cache import Path, look_up
from billing.metering.ingest.customer_cache import CustomerCopy
from billing.metering.ingest.parser import Received
from billing.metering.ingest.state_updates import tally
from billing.metering.ingest.unit_costs import carried_at_cost
from billing.metering.store import counter_store, unmatched_usage
from billing.metering.store import events as event_store
from billing.metering.store.prepaid_windows import DrawKey, undivided
from billing.models.usage import Reason
from billing.subscriptions import extend_customers
from lib.failpoints import reached
from plans.aggregation.json_numbers import measured
from wallets.models import Hold

UNPRICED_BY_NOW = (Reason.NO_SUBSCRIPTION, Reason.PAUSED)
"""Reasons that an old copy of a customer may be wrong about."""

ACCEPTED, DUPLICATE, CONFLICT = "accepted", "duplicate", "conflict"

EXACT = Context(prec=120)
_TRIES = 5


class CopyIsOld(Exception):
    """What this process remembers of catalog or customers is no longer so; look again and start over."""


class RefusedAsAWhole(Exception):
    """An event of an atomic batch conflicts with a stored one, so nothing of the batch is stored."""

    def __init__(self, outcomes: Sequence[str]) -> None:
        super().__init__("the batch holds an event whose id is stored with other content")
        self.outcomes = outcomes


@dataclass(frozen=True, slots=True)
class Tried:
    """A batch without its own repeats: `first` are its events, `again` the places of the repeats."""

    first: list[Received]
    again: set[int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Events and what they add, with the copies that this was decided by."""

    events: Sequence[Received]
    attributions: Sequence[Attribution]
    known: Mapping[str, CustomerCopy]
    catalog_revision: int
    sandbox: bool


@dataclass(slots=True)
class Folded:
    """
    What events add: to counters, to rollups, and at stops that keep tallies.

    used: windows of use that wallets pay for, with the first and the last time of use.
    carried: (subscription, moment) from which on periods are entered with what that changes.
    """

    counters: dict[counter_store.CounterKey, counter_store.CounterSum] = field(default_factory=dict)
    rollups: dict[counter_store.RollupKey, counter_store.RollupSum] = field(default_factory=dict)
    tallied: list[tuple[Stop, "Group", Sequence[int | Decimal]]] = field(default_factory=list)
    used: dict[DrawKey, tuple[datetime, datetime]] = field(default_factory=dict)
    carried: set[tuple[int, datetime]] = field(default_factory=set)


@dataclass(slots=True)
class Group:
    """Events of the same route and hour: the values of each, and the sum of their digests."""

    route: Route
    bucket: datetime | None
    events: list[Received] = field(default_factory=list)
    values: list[Sequence[int | Decimal]] = field(default_factory=list)
    fingerprint: int = 0


class Admission(Protocol):
    """Who decides inside the transaction whether usage is let in; frees: holds that it was kept in."""

    frees: Sequence[Hold]

    def begin(self, customers: Collection[str]) -> None:
        """Take the locks that come before those of ingest."""

    def decide(self, batch: Batch, repeated: Collection[str]) -> None:
        """Refuse what is counted by now, by raising; repeated: keys of the batch that were stored before."""


def record(
    *,
    events: Sequence[Received],
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
    tried = _without_repeats(events)
    edges: set[datetime] = set()
    for left in reversed(range(_TRIES)):
        batches = [attribute_all(part, sandbox=sandbox) for part in _divided(tried.first, edges)]
        try:
            with transaction.atomic():
                if admission:
                    admission.begin({event.customer for event in events})
                stored: dict[str, str] = {}
                for batch in batches:
                    stored |= _store(batch, at=at, admission=admission)
                answer = _outcomes(events, tried, stored)
                if atomic and CONFLICT in answer:
                    raise RefusedAsAWhole(answer)
            reached("ingest.after_commit")
            return answer
        except psycopg.errors.DeadlockDetected:
            if not left:
                raise
        except Divided as divided:
            if not left:
                raise
            edges.update(divided.edges)
        except (CopyIsOld, counter_store.SumsMissing):
            if not left:
                raise
            counter_store.forget()
            catalog_cache.refresh()
            customer_cache.refresh({event.customer for event in events}, sandbox=sandbox, since=_earliest(events))
    raise AssertionError("unreachable")


def _divided(events: Sequence[Received], edges: Collection[datetime]) -> list[Sequence[Received]]:
    """Return the events in parts between these moments, the earliest first: all in one where there is none."""
    if not edges:
        return [events]
    ordered = sorted(edges)
    parts: list[list[Received]] = [[] for _ in range(len(ordered) + 1)]
    for event in events:
        parts[bisect_right(ordered, event.occurred_at)].append(event)
    return [part for part in parts if part]


def _earliest(events: Sequence[Received]) -> datetime:
    return min((event.occurred_at for event in events), default=customer_cache.FOR_EVER)


def _without_repeats(events: Sequence[Received]) -> Tried:
    seen: set[str] = set()
    tried = Tried([], set())
    for index, event in enumerate(events):
        if event.key in seen:
            tried.again.add(index)
        else:
            seen.add(event.key)
            tried.first.append(event)
    return tried


def _outcomes(events: Sequence[Received], tried: Tried, stored: Mapping[str, str]) -> list[str]:
    """
    Return the outcome of each event of the whole batch.

    stored: key → digest of those that were there before. A repeat within the batch is told by what is stored, which
    need not be the batch's own first one: that may be a conflict itself.
    """
    now = stored if not tried.again else {event.key: event.digest for event in tried.first} | stored
    return [
        ACCEPTED
        if event.key not in stored and index not in tried.again
        else DUPLICATE
        if now[event.key] == event.digest
        else CONFLICT
        for index, event in enumerate(events)
    ]


def attribute_all(events: Sequence[Received], *, sandbox: bool) -> Batch:
    """Attribute by this process's copies; a customer whose copy may miss a period is looked at again first."""
    copy = catalog_cache.current()
    refs = {event.customer for event in events}
    known = customer_cache.copies(refs, sandbox=sandbox, since=_earliest(events))
    found = [attribute(event, catalog=copy, customer=known.get(event.customer)) for event in events]
    doubtful = _doubtful(events, found, known)
    if doubtful:
        again = {event.customer for event in doubtful}
        fresh = _look_again(doubtful, known, sandbox=sandbox, since=_earliest(events))
        known = {ref: one for ref, one in known.items() if ref not in again} | fresh  # one may have been erased
        found = [
            attribute(event, catalog=copy, customer=known.get(event.customer)) if event.customer in again else one
            for event, one in zip(events, found, strict=True)
        ]
    return Batch(events, found, known, copy.revision, sandbox)


def _doubtful(
    events: Sequence[Received], found: Sequence[Attribution], known: Mapping[str, CustomerCopy]
) -> list[Received]:
    """Return those whose copy misses a period: one that a price was sought in, or one that should exist."""
    lost = {
        event.customer
        for event, one in zip(events, found, strict=True)
        if one.unpriced and any(unpriced.reason in UNPRICED_BY_NOW for unpriced in one.unpriced)
    }
    soonest = min((customer.until for customer in known.values()), default=customer_cache.FOR_EVER)
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
    events: Sequence[Received], known: Mapping[str, CustomerCopy], *, sandbox: bool, since: datetime
) -> dict[str, CustomerCopy]:
    """
    Return fresh copies of the customers of these events, with the periods that they should have by now.

    since: the earliest event of the batch, not of these alone: their customers' others are attributed again, too.
    """
    refs = {event.customer for event in events}
    latest = max(event.occurred_at for event in events)
    extend_customers(customer_ids=[known[ref].id for ref in refs], until=latest + datetime.resolution)
    return customer_cache.refresh(refs, sandbox=sandbox, since=since)


def _store(batch: Batch, *, at: datetime, admission: Admission | None = None) -> Mapping[str, str]:
    """
    Write one batch inside the caller's transaction; return key → digest of the events that were there before.

    Counting comes last: busy counters are what batches wait for.
    """
    gates = gated(batch)
    reached("ingest.after_gate")
    repeated = append(batch, at=at)
    stored = event_store.digests(repeated) if repeated else {}
    reached("ingest.after_append")
    _count(batch, repeated, gates, at=at, admission=admission)
    reached("ingest.after_counters")
    return stored


def append(batch: Batch, *, at: datetime) -> set[str]:
    """Store the events that are new, report what no price takes of them, and return the keys that were there."""
    repeated = event_store.append(_rows(batch), received_at=at, sandbox=batch.sandbox)
    unmatched_usage.report(
        [
            unmatched_usage.Report(event.key, customer_id_of(event, batch), part.meter_id, part.reason, part.detail)
            for event, one in zip(batch.events, batch.attributions, strict=True)
            if one.unpriced and event.key not in repeated
            for part in one.unpriced
        ]
    )
    return repeated


def customer_id_of(event: Received, batch: Batch) -> int | None:
    """Return the number of the customer that an event names, if there is one."""
    customer = batch.known.get(event.customer)
    return customer.id if customer else None


def count_again(batch: Batch, *, at: datetime) -> None:
    """
    Count what was stored before and is attributed only now, inside the caller's transaction.

    From here on the periods concerned are gated, so a number drawn by the caller tells whether a close saw it.

    :raises CopyIsOld: if a period, or the catalog, is no longer as it was when the batch was attributed.
    """
    if batch.events:
        _count(batch, (), gated(batch), at=at, divided=False)


def gated(batch: Batch) -> counter_store.Gated:
    """
    Lock the periods that the batch counts into, and those that it carries levels into.

    :raises CopyIsOld: if one of them, or the catalog, is no longer as it was when the batch was attributed.
    """
    expected: dict[int, int] = {}
    carried: set[tuple[int, datetime]] = set()
    routes = {id(one.route): one.route for one in batch.attributions}.values()
    for route in routes:
        expected.update(route.revisions)
        carried.update(route.carried)
    found = counter_store.gate(expected, carried=carried, is_costed=any(route.is_costed for route in routes))
    if found.revision != batch.catalog_revision:
        raise CopyIsOld
    if any(id_ not in found.periods or found.periods[id_].revision != expected[id_] for id_ in expected):
        raise CopyIsOld
    return found


def _rows(batch: Batch) -> list[event_store.Row]:
    ids = {ref: customer.id for ref, customer in batch.known.items()}
    return [
        event_store.Row(
            event.key,
            event.digest,
            event.occurred_at,
            ids.get(event.customer),
            event.customer,
            event.event,
            event.source,
            event.id,
            event.subscription,
            msgspec.Raw(event.encoded),
        )
        for event in batch.events
    ]


def _count(
    batch: Batch,
    repeated: Collection[str],
    gates: counter_store.Gated,
    *,
    at: datetime,
    divided: bool = True,
    admission: Admission | None = None,
) -> None:
    """Fold what the new events add, add it, and take what wallets pay of it."""
    with localcontext(EXACT):
        new = fold(batch, repeated)
        ids = counter_store.add(new.counters, new.rollups)
        if new.tallied:
            tally(new.tallied, ids)
    used = new.used if divided else undivided(new.used)
    if admission is None:
        draw(used, at=at)
    else:
        draw(used, at=at, frees=admission.frees, is_strict=True)
        admission.decide(batch, repeated)
    mark_late(new.counters, new.carried, gates, at=at)


def mark_late(
    counters: Iterable[counter_store.CounterKey],
    carried: Iterable[tuple[int, datetime]],
    gates: counter_store.Gated,
    *,
    at: datetime,
) -> None:
    """Note of periods that are closed that usage has changed, or a level that they are entered with."""
    late = {counter.period_id for counter in counters if gates.periods[counter.period_id].is_closed}
    late |= gates.later.entered_after(carried)
    if late:
        counter_store.mark_late(late, at=at)


def fold(batch: Batch, repeated: Collection[str] = ()) -> Folded:
    """Return what the events add that are no repeats, in the caller's exact context."""
    folded = Folded()
    for group in _grouped(batch, repeated):
        fold_group(group, folded)
    return folded


def _grouped(batch: Batch, repeated: Collection[str]) -> Iterable[Group]:
    """Put together the new events that go the same way in the same hour."""
    groups: dict[tuple[int, datetime | None], Group] = {}
    for event, (route, values, bucket) in zip(batch.events, batch.attributions, strict=True):
        if route.stops and event.key not in repeated:
            group = groups.get((id(route), bucket))
            if group is None:
                group = groups[id(route), bucket] = Group(route, bucket)
            group.events.append(event)
            group.values.append(values)
            group.fingerprint += int(event.digest, 16)
    return groups.values()


def fold_group(group: Group, folded: Folded) -> None:
    """Add what the events of a group add, in the caller's exact context."""
    counters, rollups = folded.counters, folded.rollups
    folded.carried.update(group.route.carried)
    if group.route.draws:
        _note_use(group, folded)
    events = len(group.values)
    for stop, values in zip(group.route.stops, zip(*group.values, strict=True), strict=True):
        quantity = sum(values)
        carried = _carried(stop.price, group.events) if stop.price else 0
        if stop.tallies:
            folded.tallied.append((stop, group, values))
        for place, (counter, series) in enumerate(stop.targets):
            costs = stop.costs[place] if stop.costs else None
            total = counters.get(counter)
            if total is None:
                total = counters[counter] = counter_store.CounterSum()
            total.events += events
            total.quantity += quantity
            total.carried += carried if costs is None else carried_at_cost(costs, group.events, values)
            total.fingerprint += group.fingerprint
            if series is not None:
                rolled_up = rollups.get((series, group.bucket))
                if rolled_up is None:
                    rolled_up = rollups[series, group.bucket] = counter_store.RollupSum()
                rolled_up.events += events
                rolled_up.quantity += quantity


def _note_use(group: Group, folded: Folded) -> None:
    times = [event.occurred_at for event in group.events]
    for key in group.route.draws:
        first, last = folded.used.get(key, (times[0], times[0]))
        folded.used[key] = min(first, *times), max(last, *times)


def _carried(price: Path, events: Iterable[Received]) -> int | Decimal:
    """Return the sum of what events cost themselves, which attribution has found to be numbers."""
    return sum(measured(look_up(event.properties, price)) or 0 for event in events)
