"""
Store usage once and count it, in one transaction: docs/ingest.md.

  lock the periods → insert the events → aggregate the new ones → add to counters and rollups → commit

Periods are locked first, so that an event's sequence number is drawn while its period can't close: all usage that a
period billed has a number up to its high-water mark, and all later usage has a greater one.
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
from billing.metering.ingest.attribution import Attribution, Route, RouteStop, TargetLimits, attribute_event
from billing.metering.ingest.catalog_cache import CachedCatalog, Path, look_up
from billing.metering.ingest.customer_cache import CachedCustomer
from billing.metering.ingest.parser import ReceivedEvent
from billing.metering.ingest.state_updates import update_states
from billing.metering.ingest.unit_costs import sum_at_cost
from billing.metering.store import counter_store, split_values, unmatched_usage
from billing.metering.store import events as event_store
from billing.metering.store.prepaid_windows import DrawdownKey, date_at_last_use
from billing.metering.store.usage_buckets import CountedUses, FeatureBuckets, add_uses
from billing.models.unmatched_usage import UnmatchedReason
from billing.subscriptions import generate_customer_periods
from lib.failpoints import hit_failpoint
from plans.aggregation.json_numbers import to_exact_number
from wallets.models import Hold

STALE_REASONS = (UnmatchedReason.NO_SUBSCRIPTION, UnmatchedReason.NOT_SOLD, UnmatchedReason.PAUSED)
"""Reasons that may stem from an outdated copy of a customer."""

ACCEPTED, DUPLICATE, CONFLICT = "accepted", "duplicate", "conflict"

# Sums of up to 10,000 values of `MAX_DIGITS` digits never round.
EXACT = Context(prec=120)
# A few stale copies or lost deadlocks in a row are normal under load; more point to a defect.
_TRIES = 5


class StaleCatalog(Exception):
    """The cached catalog or customer is stale; refresh it and retry."""


class BatchConflict(Exception):
    """An event of an atomic batch conflicts with a stored one, so nothing of the batch is stored."""

    def __init__(self, outcomes: Sequence[str]) -> None:
        super().__init__("the batch contains an event whose ID is stored with different content")
        self.outcomes = outcomes


@dataclass(frozen=True, slots=True)
class DeduplicatedBatch:
    """A batch without its own repeats: its distinct events, and the indexes of the repeats."""

    events: list[ReceivedEvent]
    repeat_indexes: set[int]


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events and their attributions, with the copies that decided them."""

    events: Sequence[ReceivedEvent]
    attributions: Sequence[Attribution]
    customers: Mapping[str, CachedCustomer]
    catalog_revision: int
    sandbox: bool


@dataclass(slots=True)
class UsageTotals:
    """
    The sums that events add to counters and rollups, and the updates of aggregate states.

    usage_times: usage windows that wallets pay for, with the first and the last time of use.
    carryovers: the later periods whose opening level changes.
    limited: uses that count toward quotas and throttles.
    """

    counters: dict[counter_store.CounterKey, counter_store.CounterSum] = field(default_factory=dict)
    rollups: dict[counter_store.RollupKey, counter_store.RollupSum] = field(default_factory=dict)
    state_updates: list[tuple[RouteStop, "EventGroup", Sequence[int | Decimal]]] = field(default_factory=list)
    usage_times: dict[DrawdownKey, tuple[datetime, datetime]] = field(default_factory=dict)
    carryovers: set[counter_store.Carryover] = field(default_factory=set)
    limited: CountedUses = field(default_factory=CountedUses)


@dataclass(slots=True)
class EventGroup:
    """Events of the same route and hour: the values of each, and the sum of their digests."""

    route: Route
    bucket: datetime
    events: list[ReceivedEvent] = field(default_factory=list)
    values: list[Sequence[int | Decimal]] = field(default_factory=list)
    fingerprint: int = 0


class Admission(Protocol):
    """A check inside the transaction that can refuse the usage. frees: holds that reserved the usage."""

    frees: Sequence[Hold]

    def begin(self, customers: Collection[str]) -> None:
        """Acquire the locks that come before those of ingest."""

    def decide(self, batch: EventBatch, repeated: Collection[str]) -> None:
        """Raise to refuse the usage just counted. repeated: keys of the batch's events that were stored before."""


def record_events(
    *,
    events: Sequence[ReceivedEvent],
    sandbox: bool,
    at: datetime,
    atomic: bool = False,
    admission: Admission | None = None,
) -> list[str]:
    """
    Store the new events, count them, and return an outcome for each: accepted, duplicate or conflict.

    admission: called inside the transaction; if it raises, nothing is stored.

    An accepted event is committed and visible to every read when this returns. The batch is retried if a cached copy
    was stale or a deadlock was lost.

    :raises BatchConflict: if `atomic` and an event conflicts; nothing is stored then.
    """
    if not events:
        return []
    unique = _deduplicate(events)
    boundaries: set[datetime] = set()
    # Each retry reads fresher copies; only constant contention exhausts the tries.
    for tries_left in reversed(range(_TRIES)):
        batches = [attribute_events(part, sandbox=sandbox) for part in _split_at(unique.events, boundaries)]
        try:
            with transaction.atomic():
                if admission:
                    admission.begin({event.customer for event in events})
                stored: dict[str, str] = {}
                for batch in batches:
                    stored |= _store(batch, at=at, admission=admission)
                outcomes = _outcomes(events, unique, stored)
                if atomic and CONFLICT in outcomes:
                    raise BatchConflict(outcomes)
            hit_failpoint("ingest.after_commit")
            return outcomes
        # The other transaction has won; nothing cached is stale.
        except psycopg.errors.DeadlockDetected:
            if not tries_left:
                raise
        except SplitRequired as split:
            if not tries_left:
                raise
            # The next try draws the batch down in parts, the earliest first.
            boundaries.update(split.boundaries)
        except (StaleCatalog, counter_store.CounterMissing):
            if not tries_left:
                raise
            counter_store.clear_id_cache()
            catalog_cache.refresh()
            customer_cache.refresh({event.customer for event in events}, sandbox=sandbox, since=_earliest(events))
    raise AssertionError("unreachable")


def _split_at(events: Sequence[ReceivedEvent], boundaries: Collection[datetime]) -> list[Sequence[ReceivedEvent]]:
    """Return the events in parts between these times, the earliest part first; a single part if there are none."""
    if not boundaries:
        return [events]
    ordered = sorted(boundaries)
    parts: list[list[ReceivedEvent]] = [[] for _ in range(len(ordered) + 1)]
    for event in events:
        parts[bisect_right(ordered, event.occurred_at)].append(event)
    return [part for part in parts if part]


def _earliest(events: Sequence[ReceivedEvent]) -> datetime:
    return min((event.occurred_at for event in events), default=customer_cache.FAR_FUTURE)


def _deduplicate(events: Sequence[ReceivedEvent]) -> DeduplicatedBatch:
    seen: set[str] = set()
    unique = DeduplicatedBatch([], set())
    for index, event in enumerate(events):
        if event.key in seen:
            unique.repeat_indexes.add(index)
        else:
            seen.add(event.key)
            unique.events.append(event)
    return unique


def _outcomes(events: Sequence[ReceivedEvent], unique: DeduplicatedBatch, stored: Mapping[str, str]) -> list[str]:
    """
    Return the outcome of each event of the whole batch.

    stored: key → digest of the events that were stored before.

    A repeat within the batch is compared with the stored event, which need not be the batch's own first one: that one
    may itself be a conflict.
    """
    digests = {**{event.key: event.digest for event in unique.events}, **stored} if unique.repeat_indexes else stored
    return [
        ACCEPTED
        if event.key not in stored and index not in unique.repeat_indexes
        else DUPLICATE
        if digests[event.key] == event.digest
        else CONFLICT
        for index, event in enumerate(events)
    ]


def attribute_events(events: Sequence[ReceivedEvent], *, sandbox: bool) -> EventBatch:
    """Attribute events by this process's copies; refresh a customer first if its copy may miss a period."""
    catalog = catalog_cache.get_catalog()
    refs = {event.customer for event in events}
    customers = customer_cache.get_customers(refs, sandbox=sandbox, since=_earliest(events))
    attributions = [
        attribute_event(event, catalog=catalog, customer=customers.get(event.customer)) for event in events
    ]
    uncertain = _find_uncertain(events, attributions, customers)
    if uncertain:
        refs_to_refresh = {event.customer for event in uncertain}
        fresh = _refresh_customers(uncertain, customers, sandbox=sandbox, since=_earliest(events))
        customers = {
            ref: customer for ref, customer in customers.items() if ref not in refs_to_refresh
        } | fresh  # an erased customer has no fresh copy
        attributions = [
            attribute_event(event, catalog=catalog, customer=customers.get(event.customer))
            if event.customer in refs_to_refresh
            else attribution
            for event, attribution in zip(events, attributions, strict=True)
        ]
    if any(attribution.route.new_values for attribution in attributions):
        attributions = _number_new_values(events, attributions, catalog, customers, sandbox=sandbox)
    return EventBatch(events, attributions, customers, catalog.revision, sandbox)


def _number_new_values(
    events: Sequence[ReceivedEvent],
    attributions: Sequence[Attribution],
    catalog: CachedCatalog,
    customers: Mapping[str, CachedCustomer],
    *,
    sandbox: bool,
) -> list[Attribution]:
    """
    Number the values of split prices that these events are the first to have, and attribute the events again.

    The numbers are stored before the events, in a transaction of their own: an event that is refused in the end
    leaves its value with a number, and nothing else.
    """
    new_values = dict.fromkeys(value for attribution in attributions for value in attribution.route.new_values)
    stored = split_values.store_values(new_values)
    numbered_periods = {price.period_id for price in stored}
    numbered = {
        ref: customer.with_split_values(stored)
        for ref, customer in customers.items()
        if any(period.id in numbered_periods for period in customer.periods)
    }
    # Numbers of a transaction that rolls back are given to other values, so they must never be cached.
    transaction.on_commit(lambda: customer_cache.keep(numbered, sandbox=sandbox))
    return [
        attribute_event(
            event, catalog=catalog, customer=numbered.get(event.customer) or customers.get(event.customer)
        )
        if attribution.route.new_values
        else attribution
        for event, attribution in zip(events, attributions, strict=True)
    ]


def _find_uncertain(
    events: Sequence[ReceivedEvent], attributions: Sequence[Attribution], customers: Mapping[str, CachedCustomer]
) -> list[ReceivedEvent]:
    """
    Return the events whose copy may miss a period: events without a price, and events after the last generated
    period.
    """
    unpriced_refs = {
        event.customer
        for event, attribution in zip(events, attributions, strict=True)
        if attribution.unmatched_parts and any(part.reason in STALE_REASONS for part in attribution.unmatched_parts)
    }
    # One comparison rules out most batches: no customer runs out of periods by then.
    soonest = min((customer.until for customer in customers.values()), default=customer_cache.FAR_FUTURE)
    return [
        event
        for event in events
        if event.customer in unpriced_refs
        or (
            event.occurred_at >= soonest
            and event.customer in customers
            and event.occurred_at >= customers[event.customer].until
        )
    ]


def _refresh_customers(
    events: Sequence[ReceivedEvent], customers: Mapping[str, CachedCustomer], *, sandbox: bool, since: datetime
) -> dict[str, CachedCustomer]:
    """
    Return fresh copies of the customers of these events, after generating the periods that they should have by now.

    since: the earliest event of the whole batch, because all events of these customers are attributed again.
    """
    refs = {event.customer for event in events}
    latest = max(event.occurred_at for event in events)
    # The missing period may be one that the periodic task hasn't generated yet.
    generate_customer_periods(customer_ids=[customers[ref].id for ref in refs], until=latest + datetime.resolution)
    return customer_cache.refresh(refs, sandbox=sandbox, since=since)


def _store(batch: EventBatch, *, at: datetime, admission: Admission | None = None) -> Mapping[str, str]:
    """
    Store one batch inside the caller's transaction; return key → digest of the events that were stored before.

    Counters are updated last, because concurrent batches wait for each other's busy counters.
    """
    period_locks = lock_batch_periods(batch)
    hit_failpoint("ingest.after_gate")
    repeated = insert_events(batch, at=at)
    # The digest distinguishes a duplicate from a conflict.
    stored = event_store.read_digests(repeated) if repeated else {}
    hit_failpoint("ingest.after_append")
    _count_events(batch, repeated, period_locks, at=at, admission=admission)
    hit_failpoint("ingest.after_counters")
    return stored


def insert_events(batch: EventBatch, *, at: datetime) -> set[str]:
    """Store the new events, report their unmatched parts, and return the keys of events that were stored before."""
    repeated = event_store.append(_rows(batch), received_at=at, sandbox=batch.sandbox)
    unmatched_usage.report(
        [
            unmatched_usage.UnmatchedReport(
                event.key, find_customer_id(event, batch), part.meter_id, part.reason, part.detail
            )
            for event, attribution in zip(batch.events, batch.attributions, strict=True)
            if attribution.unmatched_parts and event.key not in repeated
            for part in attribution.unmatched_parts
        ]
    )
    return repeated


def find_customer_id(event: ReceivedEvent, batch: EventBatch) -> int | None:
    """Return the id of the customer that an event names, if there is one."""
    customer = batch.customers.get(event.customer)
    return customer.id if customer else None


def count_stored_events(batch: EventBatch, *, at: datetime) -> None:
    """
    Count events that were stored earlier and are attributed only now, inside the caller's transaction.

    The periods are locked from here on, so a sequence number that the caller draws afterwards shows whether a close
    saw the event.

    :raises StaleCatalog: if a period or the catalog changed since the batch was attributed.
    """
    if batch.events:
        _count_events(batch, (), lock_batch_periods(batch), at=at, keep_times=False)


def lock_batch_periods(batch: EventBatch) -> counter_store.PeriodLocks:
    """
    Lock the periods that the batch counts into, and those whose opening level it changes.

    :raises StaleCatalog: if a period or the catalog changed since the batch was attributed.
    """
    expected: dict[int, int] = {}
    carryovers: set[counter_store.Carryover] = set()
    routes = {id(attribution.route): attribution.route for attribution in batch.attributions}.values()
    for route in routes:
        expected.update(route.revisions)
        carryovers.update(route.carryovers)
    period_locks = counter_store.lock_periods(
        expected, carryovers=carryovers, is_costed=any(route.is_costed for route in routes)
    )
    if period_locks.revision != batch.catalog_revision:
        raise StaleCatalog
    if any(
        id_ not in period_locks.periods or period_locks.periods[id_].revision != expected[id_] for id_ in expected
    ):
        raise StaleCatalog
    return period_locks


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
    period_locks: counter_store.PeriodLocks,
    *,
    at: datetime,
    keep_times: bool = True,
    admission: Admission | None = None,
) -> None:
    """
    Aggregate the new events, add them to counters and states, and draw them down from wallets.

    keep_times: draw each event down at its own time; else a window is drawn down at its last time of use.
    """
    with localcontext(EXACT):
        new = aggregate(batch, repeated)
        ids = counter_store.add_to_counters(new.counters, new.rollups)
        if new.state_updates:
            update_states(new.state_updates, ids)
        add_uses(new.limited)
    used = new.usage_times if keep_times else date_at_last_use(new.usage_times)
    if admission is None:
        draw_down(used, at=at)
    else:
        draw_down(used, at=at, frees=admission.frees, is_strict=True)
        admission.decide(batch, repeated)
    mark_late_periods(new.counters, new.carryovers, period_locks, at=at)


def mark_late_periods(
    counters: Iterable[counter_store.CounterKey],
    carryovers: Iterable[counter_store.Carryover],
    period_locks: counter_store.PeriodLocks,
    *,
    at: datetime,
) -> None:
    """Mark the closed periods whose usage or opening level has changed."""
    late = {counter.period_id for counter in counters if period_locks.periods[counter.period_id].is_closed}
    late |= period_locks.later.affected_by(carryovers)
    if late:
        counter_store.mark_late(late, at=at)


def aggregate(batch: EventBatch, repeated: Collection[str] = ()) -> UsageTotals:
    """Return the totals of the events that are not repeats, in the caller's exact context."""
    totals = UsageTotals()
    for group in _group_events(batch, repeated):
        add_group(group, totals)
    return totals


def _group_events(batch: EventBatch, repeated: Collection[str]) -> Iterable[EventGroup]:
    """Group the new events by route and hour."""
    groups: dict[tuple[int, datetime], EventGroup] = {}
    for event, (route, values, bucket) in zip(batch.events, batch.attributions, strict=True):
        if route.stops and event.key not in repeated:
            group = groups.get((id(route), bucket))
            if group is None:
                group = groups[id(route), bucket] = EventGroup(route, bucket)
            group.events.append(event)
            group.values.append(values)
            group.fingerprint += int(event.digest, 16)
    return groups.values()


def add_group(group: EventGroup, totals: UsageTotals) -> None:
    """Add the events of a group to the totals, in the caller's exact context."""
    counters, rollups = totals.counters, totals.rollups
    totals.carryovers.update(group.route.carryovers)
    if group.route.drawdowns:
        _add_usage_times(group, totals)
    if any(stop.limits for stop in group.route.stops):
        _add_limited_uses(group, totals.limited)
    events = len(group.values)
    for stop, values in zip(group.route.stops, zip(*group.values, strict=True), strict=True):
        quantity = sum(values)
        event_prices = _sum_event_prices(stop.price_path, group.events) if stop.price_path else 0
        if stop.state_keys:
            totals.state_updates.append((stop, group, values))
        for index, (counter, series) in enumerate(stop.targets):
            costs = stop.costs[index] if stop.costs else None
            counter_sum = counters.get(counter)
            if counter_sum is None:
                counter_sum = counters[counter] = counter_store.CounterSum()
            counter_sum.events += events
            counter_sum.quantity += quantity
            counter_sum.carried += event_prices if costs is None else sum_at_cost(costs, group.events, values)
            counter_sum.fingerprint += group.fingerprint
            if series is not None:
                rollup_sum = rollups.get((series, group.bucket))
                if rollup_sum is None:
                    rollup_sum = rollups[series, group.bucket] = counter_store.RollupSum()
                rollup_sum.events += events
                rollup_sum.quantity += quantity


def _add_limited_uses(group: EventGroup, limited: CountedUses) -> None:
    """Add the events of a group to the buckets of quotas and throttles; an event counts once in each of them."""
    for event, values in zip(group.events, group.values, strict=True):
        add_limited_event(
            limited, zip((stop.limits for stop in group.route.stops), values, strict=True), event.occurred_at
        )


def add_limited_event(
    limited: CountedUses,
    contributions: Iterable[tuple[Sequence[TargetLimits], int | Decimal]],
    occurred_at: datetime,
    *,
    is_counted: bool = True,
) -> None:
    """
    Add one event, with the limits and the value of each of its contributions, in the caller's exact context.

    is_counted: False for a voided event, which leaves its buckets there without it.
    """
    counted: set[FeatureBuckets | int] = set()
    for limits, value in contributions:
        for target in limits:
            for buckets in target.buckets:
                events = is_counted and buckets not in counted
                limited.add_feature_use(buckets, occurred_at, value if is_counted else 0, events=events)
                counted.add(buckets)
            for cap in target.caps:
                if cap.cap_id not in counted and cap.counts_from <= occurred_at:
                    limited.add_cap_use(cap.cap_id, occurred_at, events=is_counted)
                    counted.add(cap.cap_id)


def _add_usage_times(group: EventGroup, totals: UsageTotals) -> None:
    times = [event.occurred_at for event in group.events]
    for key in group.route.drawdowns:
        first, last = totals.usage_times.get(key, (times[0], times[0]))
        totals.usage_times[key] = min(first, *times), max(last, *times)


def _sum_event_prices(price: Path, events: Iterable[ReceivedEvent]) -> int | Decimal:
    """Return the sum of the prices that events carry; attribution has verified that they are numbers."""
    return sum(to_exact_number(look_up(event.properties, price)) or 0 for event in events)
