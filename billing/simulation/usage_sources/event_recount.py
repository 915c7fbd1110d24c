"""Count the usage of a period from the events themselves, by another version or until a time: exact, and slow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from billing.closing.records import DuePeriod
from billing.metering.ingest import customer_cache
from billing.metering.ingest.attribution import attribute_event
from billing.metering.ingest.catalog_cache import get_catalog, look_up
from billing.metering.ingest.customer_cache import CachedCustomer, CachedPeriod
from billing.metering.ingest.event_contributions import (
    Contribution,
    EventContributions,
    compute_contributions,
    read_customers,
)
from billing.metering.ingest.event_reader import StoredEvent, read_pages, to_received_event
from billing.metering.ingest.state_updates import state_keys, value_change
from billing.metering.ingest.unit_costs import sum_at_cost
from billing.metering.rating_inputs.aggregate_quantities import StoredState, decode_dimensions
from billing.metering.rating_inputs.rating_period import CounterState, CounterWindow, RatingPeriod
from billing.metering.store.aggregate_states import HOUR, AggregateStateKey, read_members
from billing.metering.store.counter_store import ensure_series
from billing.metering.store.split_values import SplitPrice
from billing.simulation.records import CandidateUsage, UnpricedQuantity
from lib.decimals import ZERO
from plans.aggregation.aggregate_state import EMPTY, AggregateState, EventValue, aggregate_event, merge_states
from plans.aggregation.distinct_values import MembershipChange
from plans.aggregation.held_values import held_moment
from plans.aggregation.json_numbers import to_exact_number
from plans.aggregation.weighted_sum import level_moment
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.pricing.price_splits import SplitText


def recount_events(
    periods: Mapping[int, DuePeriod],
    spans: Mapping[int, RatingPeriod],
    features_by_period: Mapping[int, Sequence[FeatureTerms]],
    usage: Mapping[int, CandidateUsage],
    *,
    until: datetime | None = None,
) -> None:
    """
    Add the events of periods to the periods' usage, attributed as if the periods had the versions of these spans.

    features_by_period: period → the features to count; other events are not read. until: count only earlier events,
        as the versions in force have counted them: with the values that they held at the start, and without usage
        that is reported as unmatched.
    """
    if not features_by_period:
        return
    counted_periods = {period_id: periods[period_id] for period_id in features_by_period}
    since = min(period.span.starts_at for period in counted_periods.values())
    customer_copies = read_customers({period.buyer.customer_id for period in counted_periods.values()}, since=since)
    candidate_copies = {
        customer_id: _on_candidate_versions(copy, spans)
        for customer_id, copy in customer_copies.items()
        if copy is not None
    }
    for period_id, features in features_by_period.items():
        event_pass = _EventPass(spans[period_id], features, usage[period_id], until=until)
        event_pass.count(counted_periods[period_id].buyer.customer_id, candidate_copies)


def _on_candidate_versions(copy: CachedCustomer, spans: Mapping[int, RatingPeriod]) -> CachedCustomer:
    """Return a customer whose periods are on the candidate versions."""
    periods = [
        _on_candidate_version(period, spans[period.id].version_id) if period.id in spans else period
        for period in copy.periods
    ]
    return customer_cache.build_customer(copy.id, copy.zone, copy.since, copy.until, periods, copy.pauses)


def _on_candidate_version(period: CachedPeriod, version_id: int) -> CachedPeriod:
    """Return a period on another version; a price that is split by the same property as now keeps the numbers."""
    in_force = load_terms(period.version_id, period.currency)
    kept_values = {}
    for feature in load_terms(version_id, period.currency).split_features:
        for current_feature in in_force.by_meter.get(feature.meter_id, ()):
            now, then = current_feature.price and current_feature.price.split, feature.price and feature.price.split
            if now and then and now.path == then.path:
                numbered = period.split_values.get(current_feature.plan_feature_id, {})
                kept_values[feature.plan_feature_id] = {
                    value: position for value, position in numbered.items() if position <= then.bound
                }
    return replace(period, version_id=version_id, split_values=kept_values)


class _EventPass:
    """One pass over the events of a period, in order of time."""

    def __init__(
        self,
        span: RatingPeriod,
        features: Sequence[FeatureTerms],
        usage: CandidateUsage,
        *,
        until: datetime | None = None,
    ) -> None:
        self.usage = usage
        self.span = span
        self.is_in_force = until is not None
        self.until = min(until or span.ends_at, span.ends_at)
        self.features = {feature.plan_feature_id: feature for feature in features}
        meters = {feature.meter_id for feature in features}
        self.meters = {
            meter.id: meter
            for event_meters in get_catalog().by_event.values()
            for meter in event_meters.meters
            if meter.id in meters
        }
        self.names = sorted(
            name
            for name, event_meters in get_catalog().by_event.items()
            if meters & {meter.id for meter in event_meters.meters}
        )
        self.units = {feature.meter_id: (feature.name, feature.unit) for feature in features}
        self.metering = {feature.meter_id: feature.metering for feature in features}
        self.values: dict[tuple[CounterWindow, int], list[Decimal]] = {}
        self.unpriced_events: dict[tuple[int, str], Decimal] = {}
        self.states: dict[AggregateStateKey, AggregateState] = {}
        self.levels: dict[AggregateStateKey, list[EventValue]] = {}
        self.membership_changes: dict[AggregateStateKey, dict[UUID, list[MembershipChange]]] = {}
        self.numbered: dict[SplitPrice, dict[SplitText, int]] = {}

    def count(self, customer_id: int, customers: Mapping[int | None, CachedCustomer]) -> None:
        """Add the customer's events in the period to its usage."""
        pages = read_pages(customer_id=customer_id, names=self.names, since=self.span.starts_at, until=self.until)
        for rows in pages:
            copy = self._number_values(rows, customers[customer_id])
            for attributed in compute_contributions(rows, {customer_id: copy}, obeys_reports=self.is_in_force):
                if attributed.correction_sequence is None:
                    self._take(attributed)
        self._finish()

    def _number_values(self, rows: Sequence[StoredEvent], customer: CachedCustomer) -> CachedCustomer:
        """Return the customer's copy with numbers for the values that these events are the first to have."""
        if not customer.has_splits:
            return customer
        for period in customer.periods:
            for plan_feature_id, positions in period.split_values.items():
                self.numbered.setdefault(SplitPrice(period.id, plan_feature_id), dict(positions))
        for row in rows:
            attribution = attribute_event(to_received_event(row), catalog=get_catalog(), customer=customer)
            for new in attribution.route.new_values:
                numbered = self.numbered.setdefault(new.price, {})
                if len(numbered) < new.bound:
                    numbered.setdefault(new.value, len(numbered) + 1)
        for price, positions in self.numbered.items():
            if price.period_id == self.span.period_id:
                self.usage.split_values[price.plan_feature_id] = positions
        return customer.with_split_values(self.numbered)

    def _take(self, attributed: EventContributions) -> None:
        for unpriced in attributed.attribution.unmatched_parts:
            if unpriced.meter_id is not None and unpriced.meter_id in self.units:
                key = unpriced.meter_id, unpriced.detail
                self.unpriced_events[key] = self.unpriced_events.get(key, ZERO) + 1
        for part in attributed.contributions:
            if part.stop.meter.id in self.meters:
                self._count(attributed, part)
                self._add_to_states(attributed, part)

    def _count(self, attributed: EventContributions, part: Contribution) -> None:
        for index, (counter, _) in enumerate(part.stop.targets):
            feature = self.features.get(counter.plan_feature_id)
            if feature is None or feature.price is None or counter.period_id != self.span.period_id:
                continue
            window, rate_id = CounterWindow(counter.plan_feature_id, counter.window_start), counter.rate_id
            value, carried = Decimal(part.value), Decimal(_carried(attributed, part, index))
            self.usage.add(window, rate_id, CounterState(1, value, ZERO, carried))
            if feature.price.reads_values:
                self.values.setdefault((window, rate_id), []).append(value)

    def _add_to_states(self, attributed: EventContributions, part: Contribution) -> None:
        event_value = EventValue(
            attributed.event.occurred_at, attributed.event.source, attributed.event.id, Decimal(part.value)
        )
        metering = part.stop.meter.metering
        for key in state_keys(part.stop, attributed.attribution.bucket):
            if key.series.period_id != self.span.period_id or key.span == HOUR:
                continue
            added = aggregate_event(event_value, key.starts_at)
            if metering.aggregation == "unique":
                joined = value_change(part.stop, attributed.event)
                self.membership_changes.setdefault(key, {}).setdefault(joined.digest, []).append(joined.step)
            elif metering.aggregation == "weighted_sum" and metering.measures == "levels":
                self.levels.setdefault(key, []).append(event_value)
            self.states[key] = merge_states(self.states.get(key, EMPTY), added)

    def _finish(self) -> None:
        """Convert the collected values and states into the form that rating reads."""
        for (window, rate_id), values in self.values.items():
            by_rate = self.usage.counters[window]
            by_rate[rate_id] = by_rate[rate_id]._replace(values=tuple(values))
        for key, state in self.states.items():
            total = state
            if key in self.levels:
                total = replace(total, moment=level_moment(sorted(self.levels[key])))
            if key in self.membership_changes:
                total = self._with_members(total, key)
            by_dimensions = self.usage.states.setdefault(key.series.meter_id, {})
            states = by_dimensions.setdefault(decode_dimensions(key.series.dimensions.decode()), [])
            states.append(StoredState(key.span, key.starts_at, total))
        for (meter_id, detail), events in self.unpriced_events.items():
            name, _ = self.units[meter_id]
            self.usage.unpriced.append(UnpricedQuantity(name, "event", detail, events))

    def _with_members(self, state: AggregateState, key: AggregateStateKey) -> AggregateState:
        """Return the state of distinct values with the members that joined, and the time for which each is held."""
        metering, changes = self.metering[key.series.meter_id], self.membership_changes[key]
        held_before = _held_before(key, changes) if metering.recurring and self.is_in_force else set()
        members = sum(int(max(steps).joins) - int(value in held_before) for value, steps in changes.items())
        if not metering.held_by:
            return replace(state, members=members)
        zone = ZoneInfo(self.span.time_zone)
        moment = sum(
            held_moment(steps, metering.held_by, zone, was_member=value in held_before)
            for value, steps in changes.items()
        )
        return replace(state, members=members, moment=Decimal(moment))


def _held_before(key: AggregateStateKey, digests: Iterable[UUID]) -> set[UUID]:
    """Return the values that a subscription held at the start of a period, among these."""
    series_id = ensure_series([key.series])[key.series]
    members = read_members([(series_id, digest) for digest in digests], recurring=True)
    return {digest for ((_, digest), _), was_member, _ in members if was_member}


def _carried(attributed: EventContributions, part: Contribution, index: int) -> int | Decimal:
    """
    Return the amount that an event carries, its own price or the cost of its units, where a rate charges it; else 0.
    """
    stop = part.stop
    costs = stop.costs[index] if stop.costs else None
    if costs is not None:
        return sum_at_cost(costs, [attributed.event], [part.value])
    return to_exact_number(look_up(attributed.event.properties, stop.price_path)) or 0 if stop.price_path else 0
