"""
Which counters an event adds to, or why to none.

A function of the copies it is given: it reads nothing but frozen terms, so that the same event is attributed the same
by every process that holds the same revisions.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import NamedTuple

import msgspec

from billing.ingest.catalogue import CatalogueCopy, EventMeters, MeterCopy, Path, look_up
from billing.ingest.customers import CustomerCopy, PeriodCopy
from billing.ingest.numbers import measured
from billing.ingest.wire import Received
from billing.models.usage import Reason
from billing.store.sums import CounterKey, RollupSeries
from plans.pricing.rating import match_rate
from plans.terms import FeatureTerms, terms_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Unpriced(NamedTuple):
    """Why an event, or one meter's part of it, adds to no counter."""

    reason: str
    meter_id: int | None = None
    detail: str = ""


class Stop(NamedTuple):
    """
    One value of a meter on its way: where it is read, and which counters and rollups it adds to.

    A rollup that feeds several counters is listed once: the other counters come with None.
    """

    meter: MeterCopy
    path: Path | None
    targets: tuple[tuple[CounterKey, RollupSeries | None], ...]


class Route(NamedTuple):
    """What becomes of events of the same name, periods and dimensions. revisions: the periods as they were then."""

    stops: tuple[Stop, ...]
    unpriced: tuple[Unpriced, ...]
    revisions: tuple[tuple[int, int], ...]


class Attribution(NamedTuple):
    """What one event adds: a value at each stop of its route, in the hour `bucket`."""

    route: Route
    values: Sequence[int | Decimal]
    bucket: datetime | None

    @property
    def unpriced(self) -> tuple[Unpriced, ...]:
        return self.route.unpriced


_encode_sorted = msgspec.json.Encoder(order="sorted").encode
MOST_ROUTES = 10_000


def attribute(event: Received, *, catalogue: CatalogueCopy, customer: CustomerCopy | None) -> Attribution:
    """Return what an event adds to which counters and rollups, and what of it has no price."""
    if customer is None:
        return _lost(Unpriced(Reason.UNKNOWN_CUSTOMER, detail=event.customer))
    meters = catalogue.by_event.get(event.event)
    if meters is None:
        return _lost(Unpriced(Reason.UNKNOWN_EVENT, detail=event.event))
    properties = event.properties
    periods = customer.periods_at(event.occurred_at, subscription_ref=event.subscription)
    key = (meters, periods, meters.texts_of(properties))
    route = customer.routes.get(key)
    if route is None:
        if len(customer.routes) >= MOST_ROUTES:
            customer.routes.clear()
        route = customer.routes[key] = _find_route(*key)
    values: list[int | Decimal] = []
    for _, path, _ in route.stops:
        if path is None:
            values.append(1)
            continue
        value = properties.get(path[0]) if len(path) == 1 else look_up(properties, path)
        if type(value) is not int:
            value = measured(value)
            if value is None:
                route, values = _around_bad_values(route, event)
                break
        values.append(value)
    return Attribution(route, values, hour_of(event.occurred_at, customer.zone))


def _lost(unpriced: Unpriced) -> Attribution:
    return Attribution(Route((), (unpriced,), ()), (), None)


_hours: dict[tuple[float, tzinfo], datetime] = {}


def hour_of(at: datetime, zone: tzinfo) -> datetime:
    """Return the start of the hour of the zone's clock that `at` lies in, in UTC: also in zones of :30 and :45."""
    # Clocks change on the quarter of an hour, so what is found for one instant holds for its quarter.
    key = (at.timestamp() // 900, zone)
    found = _hours.get(key)
    if found is None:
        if len(_hours) > MOST_ROUTES:
            _hours.clear()
        offset = at.astimezone(zone).utcoffset() or timedelta(0)
        found = _hours[key] = EPOCH + (at - EPOCH + offset) // HOUR * HOUR - offset
    return found


def _around_bad_values(route: Route, event: Received) -> tuple[Route, list[int | Decimal]]:
    """Return the route without the meters that cannot read all of their values, and the values of the others."""
    bad: dict[MeterCopy, Unpriced] = {}
    for meter, path, _ in route.stops:
        if path is not None and meter not in bad and measured(look_up(event.properties, path)) is None:
            detail = f"{meter.name}: “{'.'.join(path)}” is missing or not a number"
            bad[meter] = Unpriced(Reason.BAD_VALUE, meter.id, detail)
    good = Route(
        tuple(stop for stop in route.stops if stop.meter not in bad),
        (*route.unpriced, *bad.values()),
        route.revisions,
    )
    read = [1 if stop.path is None else measured(look_up(event.properties, stop.path)) for stop in good.stops]
    return good, [value for value in read if value is not None]


def _find_route(meters: EventMeters, periods: tuple[PeriodCopy, ...], texts: tuple[str, ...]) -> Route:
    stops: list[Stop] = []
    unpriced: list[Unpriced] = []
    known = dict(zip(meters.paths, texts, strict=True))
    for meter in meters.meters:
        if all(known[path] in wanted for path, wanted in meter.filters):
            found = _find_stops(meter, periods, {name: known[path] for name, path in meter.dimensions})
            if isinstance(found, Unpriced):
                unpriced.append(found)
            else:
                stops += found
    return Route(tuple(stops), tuple(unpriced), tuple((period.id, period.revision) for period in periods))


def _find_stops(meter: MeterCopy, periods: Sequence[PeriodCopy], dimensions: dict[str, str]) -> list[Stop] | Unpriced:
    priced = [
        (period, feature)
        for period in periods
        for feature in terms_of(period.version_id, period.currency).by_meter.get(meter.id, ())
    ]
    if not priced:
        return Unpriced(Reason.NO_SUBSCRIPTION, meter.id, meter.name)
    stops = []
    for reading in meter.readings:
        own = dimensions
        if reading.dimension_value is not None:
            own = {**dimensions, meter.reading_dimension: reading.dimension_value}
        targets = _targets(meter, priced, own)
        if targets is None:
            detail = f"{meter.name}: no rate matches {', '.join(f'{name} {text}' for name, text in own.items())}"
            return Unpriced(Reason.NO_RATE, meter.id, detail)
        stops.append(Stop(meter, reading.path, targets))
    return stops


def _targets(
    meter: MeterCopy, priced: Sequence[tuple[PeriodCopy, FeatureTerms]], dimensions: dict[str, str]
) -> tuple[tuple[CounterKey, RollupSeries | None], ...] | None:
    """Return the counters of one value with the rollup of each, or None if a price has no rate for it."""
    label = _encode_sorted({name: text for name, text in dimensions.items() if text})
    targets: list[tuple[CounterKey, RollupSeries | None]] = []
    rolled_up: set[int] = set()
    for period, feature in priced:
        rate = match_rate(feature.price.rates, dimensions) if feature.price else None
        if rate is None:
            return None
        series = None if period.id in rolled_up else RollupSeries(period.id, meter.id, label)
        rolled_up.add(period.id)
        targets.append((CounterKey(period.id, feature.plan_feature_id, int(rate.key), period.starts_at), series))
    return tuple(targets)
