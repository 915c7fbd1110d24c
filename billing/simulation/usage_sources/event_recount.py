"""Usage of a period as another version would count it, from the events themselves: exact, and dear."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from billing.metering.ingest import customer_cache
from billing.metering.ingest.catalog_cache import current, look_up
from billing.metering.ingest.customer_cache import CustomerCopy
from billing.metering.ingest.event_contributions import Given, Part, copies, given_to
from billing.metering.ingest.event_reader import pages_between
from billing.metering.ingest.state_updates import joined_by, tallies_of
from billing.metering.ingest.unit_costs import carried_at_cost
from billing.metering.rating_inputs.aggregate_quantities import ByMeter, Kept, key_of
from billing.metering.rating_inputs.period_counters import NOTHING, Counted, Counters, Span, Window
from billing.metering.store.aggregate_states import HOUR, TallyKey
from billing.simulation.history.billed_periods import Past
from billing.simulation.records import Unpriced
from lib.decimals import EXACT, ZERO
from plans.aggregation.aggregate_state import EMPTY, Aggregate, Mark, add, tally_of
from plans.aggregation.distinct_values import Step
from plans.aggregation.json_numbers import measured
from plans.aggregation.weighted_sum import moment_of_levels
from plans.catalog.stored_terms import FeatureTerms


@dataclass(slots=True)
class Replayed:
    """
    What the events of a period come to for some features of the version that is tried.

    counted: (window, rate) → counted. values: the same → value of each event, of what charges by that. tallies: of
    meters whose quantity is no sum. unpriced: what no rate takes.
    """

    counted: dict[tuple[Window, int], Counted] = field(default_factory=dict)
    values: dict[tuple[Window, int], list[Decimal]] = field(default_factory=dict)
    tallies: ByMeter = field(default_factory=dict)
    unpriced: list[Unpriced] = field(default_factory=list)

    def give_values(self, counters: Counters) -> None:
        """Give counters the values of their events, where a price reads them."""
        for (window, rate_id), values in self.values.items():
            counters[window][rate_id] = counters[window][rate_id]._replace(values=tuple(values))


def replay(
    past: Past, spans: Mapping[int, Span], wanted: Mapping[int, Sequence[FeatureTerms]]
) -> dict[int, Replayed]:
    """
    Attribute the events of periods anew, as if they had the versions of these spans.

    wanted: period → the features to count; of other events nothing is read.
    """
    if not wanted:
        return {}
    closings = {id_: past.closings[id_] for id_ in wanted}
    since = min(one.span.starts_at for one in closings.values())
    known = copies({one.buyer.customer_id for one in closings.values()}, since=since)
    tried = {id_: _tried(copy, spans) for id_, copy in known.items() if copy is not None}
    return {
        id_: _replay(closings[id_].buyer.customer_id, spans[id_], features, tried) for id_, features in wanted.items()
    }


def _tried(copy: CustomerCopy, spans: Mapping[int, Span]) -> CustomerCopy:
    """Return a customer whose periods are on the versions that are tried."""
    periods = [replace(one, version_id=spans[one.id].version_id) if one.id in spans else one for one in copy.periods]
    return customer_cache.copy_of(copy.id, copy.zone, copy.since, copy.until, periods, copy.pauses)


def _replay(
    customer_id: int, span: Span, features: Sequence[FeatureTerms], known: Mapping[int | None, CustomerCopy]
) -> Replayed:
    walk = _Walk(span, features)
    pages = pages_between(customer_id=customer_id, names=walk.names, since=span.starts_at, until=span.ends_at)
    for rows in pages:
        for one in given_to(rows, known):
            if one.taken_back is None:
                walk.take(one)
    walk.finish()
    return walk.found


class _Walk:
    """One pass over the events of a period, in the order of time."""

    def __init__(self, span: Span, features: Sequence[FeatureTerms]) -> None:
        self.found = Replayed()
        self.span = span
        self.features = {one.plan_feature_id: one for one in features}
        meters = {one.meter_id for one in features}
        self.meters = {
            meter.id: meter for of in current().by_event.values() for meter in of.meters if meter.id in meters
        }
        self.names = sorted(name for name, of in current().by_event.items() if meters & {one.id for one in of.meters})
        self.units = {one.meter_id: (one.name, one.unit) for one in features}
        self.missing: dict[tuple[int, str], Decimal] = {}
        self.tallies: dict[TallyKey, Aggregate] = {}
        self.levels: dict[TallyKey, list[Mark]] = {}
        self.words: dict[TallyKey, dict[str, list[Step]]] = {}

    def take(self, one: Given) -> None:
        """Add an event."""
        for unpriced in one.found.unpriced:
            if unpriced.meter_id in self.units:
                key = unpriced.meter_id, unpriced.detail
                self.missing[key] = self.missing.get(key, ZERO) + 1  # type: ignore[index]
        for part in one.parts:
            if part.stop.meter.id in self.meters:
                self._count(one, part)
                self._tally(one, part)

    def _count(self, one: Given, part: Part) -> None:
        for place, (counter, _) in enumerate(part.stop.targets):
            feature = self.features.get(counter.plan_feature_id)
            if feature is None or feature.price is None or counter.period_id != self.span.period_id:
                continue
            key = Window(counter.plan_feature_id, counter.window_start), counter.rate_id
            value = Decimal(part.value)
            known = self.found.counted.get(key, NOTHING)
            self.found.counted[key] = Counted(
                known.events + 1,
                EXACT.add(known.quantity, value),
                ZERO,
                EXACT.add(known.carried, Decimal(_carried(one, part, place))),
            )
            if feature.price.reads_values:
                self.found.values.setdefault(key, []).append(value)

    def _tally(self, one: Given, part: Part) -> None:
        mark = Mark(one.event.occurred_at, one.event.source, one.event.id, Decimal(part.value))
        metering = part.stop.meter.metering
        for key in tallies_of(part.stop, one.found.bucket):
            if key.series.period_id != self.span.period_id or key.span == HOUR:
                continue
            more = tally_of(mark, key.starts_at)
            if metering.aggregation == "unique":
                joined = joined_by(part.stop, one.event)
                self.words.setdefault(key, {}).setdefault(joined.value, []).append(joined.step)
            elif metering.aggregation == "weighted_sum" and metering.measures == "levels":
                self.levels.setdefault(key, []).append(mark)
            self.tallies[key] = add(self.tallies.get(key, EMPTY), more)

    def finish(self) -> None:
        """Bring what was walked into the form that is rated."""
        for key, tally in self.tallies.items():
            total = tally
            if key in self.levels:
                total = replace(total, moment=moment_of_levels(sorted(self.levels[key])))
            if key in self.words:
                present = sum(max(steps).joins for steps in self.words[key].values())
                total = replace(total, members=present)
            by_dimensions = self.found.tallies.setdefault(key.series.meter_id, {})
            kept = by_dimensions.setdefault(key_of(key.series.dimensions.decode()), [])
            kept.append(Kept(key.span, key.starts_at, total))
        for (meter_id, detail), events in self.missing.items():
            name, _ = self.units[meter_id]
            self.found.unpriced.append(Unpriced(name, "event", detail, events))


def _carried(one: Given, part: Part, place: int) -> int | Decimal:
    """Return what an event itself costs, or its units by their cost, where a rate charges that."""
    stop = part.stop
    costs = stop.costs[place] if stop.costs else None
    if costs is not None:
        return carried_at_cost(costs, [one.event], [part.value])
    return measured(look_up(one.event.properties, stop.price)) or 0 if stop.price else 0
