"""
Attribution of an event to the counters that it adds to, or the reason why it adds to none.

A pure function of the cached copies: it reads only frozen terms, so every process with the same revisions attributes
an event in the same way.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from billing.metering.ingest.catalog_cache import CachedCatalog, CachedMeter, EventMeters, Path, look_up, to_text
from billing.metering.ingest.customer_cache import CachedCustomer, CachedPeriod, CachedThrottle
from billing.metering.ingest.parser import ReceivedEvent
from billing.metering.ingest.unit_costs import TargetCosts, are_costs_known, find_costs
from billing.metering.store.aggregate_states import AggregateStateKey, format_span
from billing.metering.store.counter_store import Carryover, CounterKey, RollupSeries
from billing.metering.store.prepaid_windows import DrawdownKey
from billing.metering.store.split_values import NewSplitValue, SplitPrice
from billing.metering.store.usage_buckets import FeatureBuckets, bucket_keys
from billing.models.unmatched_usage import UnmatchedReason
from billing.subscriptions.periods.boundaries import usage_window
from plans.aggregation.expressions import Expression, NoValue
from plans.aggregation.json_numbers import to_exact_number
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.pricing.charge_models import Dynamic
from plans.pricing.period_anchor import Interval
from plans.pricing.price_splits import MAX_VALUE_LENGTH, SplitText, listed_key, split_key, to_split_text
from plans.pricing.rating import match_rate

UNSUBSCRIBED = (UnmatchedReason.NO_SUBSCRIPTION, UnmatchedReason.NOT_SOLD)
"""
Reasons of a meter that no price covers: no period at that time, or only periods of versions that don't sell it.
"""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class UnmatchedPart(NamedTuple):
    """The reason why an event, or one meter's part of an event, adds to no counter."""

    reason: str
    meter_id: int | None = None
    detail: str = ""


class TargetLimits(NamedTuple):
    """The buckets that a target adds to: those of its feature's quotas and throttles, and those of spend caps."""

    buckets: tuple[FeatureBuckets, ...]
    caps: tuple[CachedThrottle, ...]


class RouteStop(NamedTuple):
    """
    One value of a meter on a route: how it is read, and the counters, rollups and aggregate states that it adds to.

    targets: counters and their rollups. A rollup that feeds several counters is listed once; the other counters have
        None.
    state_keys: aggregate states, where the meter's quantity is more than a sum.
    is_text: whether distinct values are counted instead of summed.
    price_path: path of the event's own price, if a price charges that.
    expression: computes the value where it is not read at a path; without either, each event counts as 1.
    costs: unit costs, for each target that charges them.
    limits: for each target, the buckets of quotas and throttles that it adds to; empty if no target has any.
    """

    meter: CachedMeter
    path: Path | None
    targets: tuple[tuple[CounterKey, RollupSeries | None], ...]
    state_keys: tuple[AggregateStateKey, ...] = ()
    is_text: bool = False
    price_path: Path | None = None
    expression: Expression | None = None
    costs: TargetCosts = ()
    limits: tuple[TargetLimits, ...] = ()


class Route(NamedTuple):
    """
    The way of events that share name, periods and dimensions.

    revisions: revisions of the periods when the route was built.
    carryovers: levels that are carried over into later periods.
    is_costed: whether the route charges a unit cost anywhere.
    drawdowns: the usage windows that wallets pay for.
    new_values: values of split prices that the copies don't know and a number is left for. The route then counts
        their usage as *other*, and is not cached.
    """

    stops: tuple[RouteStop, ...]
    unmatched_parts: tuple[UnmatchedPart, ...]
    revisions: tuple[tuple[int, int], ...]
    carryovers: tuple[Carryover, ...] = ()
    is_costed: bool = False
    drawdowns: tuple[DrawdownKey, ...] = ()
    new_values: tuple[NewSplitValue, ...] = ()


class Attribution(NamedTuple):
    """
    The values that one event adds: one per stop of its route, in the hour `bucket`. An unmatched event has no stops,
    and its hour is one of UTC.
    """

    route: Route
    values: Sequence[int | Decimal]
    bucket: datetime

    @property
    def unmatched_parts(self) -> tuple[UnmatchedPart, ...]:
        return self.route.unmatched_parts


_encode_sorted = msgspec.json.Encoder(order="sorted").encode
# Bounds one customer's routes, and the cached hours of all time zones.
MAX_ROUTES = 10_000


def attribute_event(event: ReceivedEvent, *, catalog: CachedCatalog, customer: CachedCustomer | None) -> Attribution:
    """Return the values that an event adds to counters and rollups, and its unmatched parts."""
    if customer is None:
        return _unmatched(event, UnmatchedPart(UnmatchedReason.UNKNOWN_CUSTOMER, detail=event.customer))
    meters = catalog.by_event.get(event.name)
    if meters is None:
        return _unmatched(event, UnmatchedPart(UnmatchedReason.UNKNOWN_EVENT, detail=event.name))
    properties = event.properties
    periods = customer.periods_at(event.occurred_at, subscription_ref=event.subscription)
    windows = _find_windows(customer, periods, event.occurred_at) if customer.has_resets else NO_WINDOWS
    splits = _read_splits(periods, properties) if customer.has_splits else NO_SPLITS
    key = (meters, periods, meters.read_texts(properties), windows, splits)
    route = customer.routes.get(key)
    if route is None:
        route = _find_route(*key)
        if not route.new_values:
            # Bounds the memory of a customer whose events have ever new dimension values.
            if len(customer.routes) >= MAX_ROUTES:
                customer.routes.clear()
            customer.routes[key] = route
    # A pause may have ended since the route was cached, so it is compared with each event.
    if route.unmatched_parts and customer.pauses:
        route = route._replace(
            unmatched_parts=tuple(_mark_paused(part, event, customer) for part in route.unmatched_parts)
        )
    values: list[int | Decimal] = []
    for stop in route.stops:
        _, path, _, _, is_text, price, expression, costs, _ = stop
        value: int | Decimal | str | None = 1
        if is_text or price is not None or expression is not None:
            value = read_value(stop, properties)
        elif path is not None:  # the usual case: inlined for speed
            value = properties.get(path[0]) if len(path) == 1 else look_up(properties, path)
            if type(value) is not int:
                value = to_exact_number(value)
        if value is None or isinstance(value, str) or (costs and not are_costs_known(costs, event.occurred_at)):
            route, values = _drop_meters_without_value(route, event)
            break
        values.append(value)
    return Attribution(route, values, local_hour(event.occurred_at, customer.zone))


def _mark_paused(part: UnmatchedPart, event: ReceivedEvent, customer: CachedCustomer) -> UnmatchedPart:
    """Return the part with the reason “paused” if a paused subscription would price it."""
    if part.reason in UNSUBSCRIBED and part.meter_id is not None:
        at, ref = event.occurred_at, event.subscription
        if any(pause.suspends(at, subscription_ref=ref, meter_id=part.meter_id) for pause in customer.pauses):
            return part._replace(reason=UnmatchedReason.PAUSED)
    return part


Windows = tuple[tuple[int, Interval, datetime], ...]
"""(period, interval, start) of the usage windows of prices that reset on another interval than the period."""

NO_WINDOWS: Windows = ()


def _find_windows(customer: CachedCustomer, periods: Sequence[CachedPeriod], at: datetime) -> Windows:
    """Return the starts of the usage windows that an event belongs to."""
    return tuple(
        (period.id, interval, usage_window(terms, interval, anchor_at=period.anchor_at, zone=customer.zone, at=at)[0])
        for period in periods
        for terms in [load_terms(period.version_id, period.currency)]
        for interval in terms.resets
    )


Splits = tuple[tuple[int, SplitText], ...]
"""(plan feature, value) of the properties by which prices are split."""

NO_SPLITS: Splits = ()


def _read_splits(periods: Sequence[CachedPeriod], properties: dict[str, Any]) -> Splits:
    """Return the event's value for each split price."""
    return tuple(
        (feature.plan_feature_id, to_split_text(look_up(properties, tuple(feature.price.split.path.split(".")))))
        for period in periods
        for feature in load_terms(period.version_id, period.currency).split_features
        if feature.price is not None and feature.price.split is not None
    )


def _unmatched(event: ReceivedEvent, part: UnmatchedPart) -> Attribution:
    return Attribution(Route((), (part,), ()), (), local_hour(event.occurred_at, UTC))


_hours: dict[tuple[float, tzinfo], datetime] = {}


def local_hour(at: datetime, zone: tzinfo) -> datetime:
    """
    Return the start, in UTC, of the zone's clock hour that `at` lies in; handles zones with offsets of :30 and :45.
    """
    # UTC offsets change on quarter hours only, so one cached start is valid for its whole quarter.
    key = (at.timestamp() // 900, zone)
    hour_start = _hours.get(key)
    if hour_start is None:
        if len(_hours) > MAX_ROUTES:
            _hours.clear()
        offset = at.astimezone(zone).utcoffset() or timedelta(0)
        hour_start = _hours[key] = EPOCH + (at - EPOCH + offset) // HOUR * HOUR - offset
    return hour_start


def read_value(stop: RouteStop, properties: dict[str, Any]) -> int | Decimal | str:
    """Return an event's value at a stop, or the reason as text why it has none."""
    if stop.price_path is not None and to_exact_number(look_up(properties, stop.price_path)) is None:
        return f"“{'.'.join(stop.price_path)}” is missing or not a number"
    if stop.expression is not None:
        try:
            return stop.expression.value(properties)
        except NoValue as error:
            return str(error)
    if stop.path is None:
        return 1
    property_value = look_up(properties, stop.path)
    if stop.is_text:
        return 1 if to_text(property_value) else f"“{'.'.join(stop.path)}” is missing"
    value = to_exact_number(property_value)
    return f"“{'.'.join(stop.path)}” is missing or not a number" if value is None else value


def _drop_meters_without_value(route: Route, event: ReceivedEvent) -> tuple[Route, list[int | Decimal]]:
    """Return the route without the meters that lack a value or a unit cost, and the values of the other meters."""
    readings = [(stop, read_value(stop, event.properties)) for stop in route.stops]
    bad: dict[CachedMeter, UnmatchedPart] = {}
    for stop, value in readings:
        if stop.meter in bad:
            continue
        if isinstance(value, str):
            bad[stop.meter] = UnmatchedPart(UnmatchedReason.BAD_VALUE, stop.meter.id, f"{stop.meter.name}: {value}")
        elif not are_costs_known(stop.costs, event.occurred_at):
            bad[stop.meter] = UnmatchedPart(
                UnmatchedReason.NO_COST, stop.meter.id, f"{stop.meter.name}: no unit cost at its time"
            )
    good = [(stop, value) for stop, value in readings if stop.meter not in bad and not isinstance(value, str)]
    stops = tuple(stop for stop, _ in good)
    return route._replace(stops=stops, unmatched_parts=(*route.unmatched_parts, *bad.values())), [
        value for _, value in good
    ]


def _find_route(
    meters: EventMeters,
    periods: tuple[CachedPeriod, ...],
    texts: tuple[str, ...],
    windows: Windows,
    splits: Splits,
) -> Route:
    stops: list[RouteStop] = []
    unmatched_parts: list[UnmatchedPart] = []
    known = dict(zip(meters.paths, texts, strict=True))
    starts = {(period_id, interval): start for period_id, interval, start in windows}
    values = dict(splits)
    for meter in meters.meters:
        if not _passes_filters(meter, known):
            continue
        dimensions = {name: known[path] for name, path in meter.dimensions}
        meter_stops = _find_stops(meter, periods, dimensions, starts, values)
        if isinstance(meter_stops, UnmatchedPart):
            unmatched_parts.append(meter_stops)
        else:
            stops += meter_stops
    revisions = tuple((period.id, period.revision) for period in periods)
    is_costed = any(stop.costs for stop in stops)
    drawdowns = tuple(dict.fromkeys(_drawdown_keys(stops, periods)))
    return Route(
        tuple(stops),
        tuple(unmatched_parts),
        revisions,
        _find_carryovers(stops, periods),
        is_costed,
        drawdowns,
        tuple(dict.fromkeys(_find_new_values(stops, periods, values))) if values else (),
    )


def _find_new_values(
    stops: Sequence[RouteStop], periods: Sequence[CachedPeriod], values: Mapping[int, SplitText]
) -> Iterator[NewSplitValue]:
    """Yield the values that are not numbered in the copies, of prices that have a number left."""
    periods_by_id = {period.id: period for period in periods}
    for stop in stops:
        for counter, _ in stop.targets:
            if counter.plan_feature_id not in values:
                continue
            period = periods_by_id[counter.period_id]
            numbered = period.split_values.get(counter.plan_feature_id, {})
            feature = load_terms(period.version_id, period.currency).by_plan_feature[counter.plan_feature_id]
            assert feature.price is not None and feature.price.split is not None  # noqa: S101, PT018, its value was read
            value, bound = values[counter.plan_feature_id], feature.price.split.bound
            if value not in numbered and len(numbered) < bound:
                yield NewSplitValue(SplitPrice(period.id, counter.plan_feature_id), value, bound)


def _drawdown_keys(stops: Sequence[RouteStop], periods: Sequence[CachedPeriod]) -> Iterator[DrawdownKey]:
    """Yield the usage windows that these stops add to and wallets pay for."""
    features = {
        id_: feature for p in periods for id_, feature in load_terms(p.version_id, p.currency).by_plan_feature.items()
    }
    for stop in stops:
        for counter, _ in stop.targets:
            if features[counter.plan_feature_id].wallet:
                yield DrawdownKey(counter.period_id, counter.plan_feature_id, counter.window_start)


def _passes_filters(meter: CachedMeter, known: dict[Path, str]) -> bool:
    """Return whether an event passes a meter's filters and none of its exclusions."""
    return all(known[path] in wanted for path, wanted in meter.filters) and not any(
        all(known[path] in wanted for path, wanted in exclusion) for exclusion in meter.excludes
    )


def _spans_periods(stop: RouteStop, periods: Sequence[CachedPeriod]) -> bool:
    """Return whether a value belongs to a window that spans several periods."""
    return any(
        feature.meter_id == stop.meter.id
        for period in periods
        for feature in load_terms(period.version_id, period.currency).spanning_features
    )


def _find_carryovers(stops: Sequence[RouteStop], periods: Sequence[CachedPeriod]) -> tuple[Carryover, ...]:
    """Return, per subscription, the start of the periods whose opening level an event in these periods changes."""
    into_all = any(stop.meter.metering.recurring or _spans_periods(stop, periods) for stop in stops)
    if not into_all and not any(stop.meter.metering.continues_level for stop in stops):
        return ()
    since: dict[int, datetime] = {}
    for period in periods:
        since[period.subscription_id] = max(period.ends_at, since.get(period.subscription_id, period.ends_at))
    return tuple(Carryover(subscription_id, start, not into_all) for subscription_id, start in since.items())


Starts = dict[tuple[int, Interval], datetime]


def _find_stops(
    meter: CachedMeter,
    periods: Sequence[CachedPeriod],
    dimensions: dict[str, str],
    starts: Starts,
    values: Mapping[int, SplitText],
) -> list[RouteStop] | UnmatchedPart:
    priced = [
        (period, feature)
        for period in periods
        for feature in load_terms(period.version_id, period.currency).by_meter.get(meter.id, ())
    ]
    if not priced:
        reason = UnmatchedReason.NOT_SOLD if periods else UnmatchedReason.NO_SUBSCRIPTION
        return UnmatchedPart(reason, meter.id, meter.name)
    for _, feature in priced:
        value = values.get(feature.plan_feature_id)
        if value is not None and len(value) > MAX_VALUE_LENGTH:
            detail = f"{meter.name}: the text by which {feature.name} is split has {len(value):,} characters, and"
            return UnmatchedPart(UnmatchedReason.BAD_VALUE, meter.id, f"{detail} at most {MAX_VALUE_LENGTH} count")
    stops = []
    for reading in meter.readings:
        value_dimensions = dimensions
        if reading.dimension_value is not None:
            value_dimensions = {**dimensions, meter.reading_dimension: reading.dimension_value}
        targets = _find_targets(meter, priced, value_dimensions, starts, values)
        if targets is None:
            detail = (
                f"{meter.name}: no rate matches "
                f"{', '.join(f'{name} {text}' for name, text in value_dimensions.items())}"
            )
            return UnmatchedPart(UnmatchedReason.NO_RATE, meter.id, detail)
        stops.append(
            RouteStop(
                meter,
                reading.path,
                targets,
                state_keys=_find_state_keys(priced, targets, starts) if meter.metering.needs_aggregate_state else (),
                is_text=meter.metering.aggregation == "unique",
                price_path=meter.price if _charges_event_price(priced, targets) else None,
                expression=reading.expression,
                costs=find_costs(meter, priced, targets, value_dimensions),
                limits=_find_limits(priced, value_dimensions),
            )
        )
    return stops


def _find_targets(
    meter: CachedMeter,
    priced: Sequence[tuple[CachedPeriod, FeatureTerms]],
    dimensions: dict[str, str],
    starts: Starts,
    values: Mapping[int, SplitText],
) -> tuple[tuple[CounterKey, RollupSeries | None], ...] | None:
    """Return the counters of one value with their rollups, or None if a price has no rate for it."""
    label = _encode_sorted({name: text for name, text in dimensions.items() if text})
    targets: list[tuple[CounterKey, RollupSeries | None]] = []
    rolled_up: set[int] = set()
    for period, feature in priced:
        rate = match_rate(feature.price.rates, dimensions) if feature.price else None
        if rate is None:
            return None
        # Usage of a meter is rolled up once per period, however many features price it.
        series = None if period.id in rolled_up else RollupSeries(period.id, meter.id, label)
        rolled_up.add(period.id)
        start = starts[period.id, feature.resets] if feature.resets else period.starts_at
        rate_id = int(rate.key)
        if feature.plan_feature_id in values:
            numbered = period.split_values.get(feature.plan_feature_id, {})
            rate_id = split_key(rate_id, numbered.get(values[feature.plan_feature_id], 0))
        targets.append((CounterKey(period.id, feature.plan_feature_id, rate_id, start), series))
    return tuple(targets)


def _find_limits(
    priced: Sequence[tuple[CachedPeriod, FeatureTerms]], dimensions: dict[str, str]
) -> tuple[TargetLimits, ...]:
    """Return the buckets of each target's quotas and throttles; empty if no target has any."""
    limits = tuple(
        TargetLimits(
            tuple(bucket_keys(period.subscription_id, feature.feature_id, feature.usage_limits)),
            tuple(cap for cap in period.throttles if cap.counts(feature.feature_id, dimensions)),
        )
        for period, feature in priced
    )
    return limits if any(target.buckets or target.caps for target in limits) else ()


def _charges_event_price(
    priced: Sequence[tuple[CachedPeriod, FeatureTerms]], targets: Sequence[tuple[CounterKey, RollupSeries | None]]
) -> bool:
    """Return whether a rate of the value charges the price that the event carries."""
    # Only the rates that the value goes to, not all rates of the price.
    keys = {listed_key(counter.rate_id) for counter, _ in targets}
    return any(
        isinstance(rate.charge, Dynamic) and rate.charge.source == "event"
        for _, feature in priced
        if feature.price
        for rate in feature.price.rates
        if rate.key in keys
    )


def _find_state_keys(
    priced: Sequence[tuple[CachedPeriod, FeatureTerms]],
    targets: Sequence[tuple[CounterKey, RollupSeries | None]],
    starts: Starts,
) -> tuple[AggregateStateKey, ...]:
    """Return the aggregate states that a value adds to: one for each series and window length."""
    series = {rollup.period_id: rollup for _, rollup in targets if rollup is not None}
    state_keys: dict[AggregateStateKey, None] = {}
    for period, feature in priced:
        state_keys[AggregateStateKey(series[period.id], "", period.starts_at)] = None
        if feature.resets is not None:
            # A window that started in an earlier period has a state of its own in each period.
            start = max(starts[period.id, feature.resets], period.starts_at)
            state_keys[AggregateStateKey(series[period.id], format_span(feature.resets), start)] = None
    return tuple(state_keys)
