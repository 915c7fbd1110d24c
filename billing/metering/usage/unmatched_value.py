"""
What open reports of unmatched usage are about, in units, and in money where that can be known.

Money is known, as an estimate, where the customer's version prices the meter: at the dearest rate of the price,
without its allowance. Where no rate matches, the events tell the units; where a value is missing, as many are assumed
as the customer's other events of the period have on average. Whose usage it is, or what a unit costs, nobody knows of
the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Exists, OuterRef, QuerySet, Sum

from billing.metering.ingest import catalog_cache, customer_cache
from billing.metering.ingest.attribution import RouteStop, read_value
from billing.metering.ingest.catalog_cache import CachedCatalog, CachedMeter
from billing.metering.ingest.customer_cache import CachedCustomer
from billing.metering.ingest.event_reader import read_by_key, to_received_event
from billing.metering.ingest.parser import ReceivedEvent
from billing.models import Counter, UnmatchedUsage
from billing.models.usage import UnmatchedReason
from customers.models import Customer
from lib.decimals import ZERO
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.models import Meter
from plans.pricing.rating import PriceTerms, RateUsage, rate_usage

MOST_REPORTS = 2_000
"""Open reports looked at, the newest first: a page must come soon, whatever went wrong."""

ADDED_UP = ("count", "sum")


class Group(NamedTuple):
    """Whose usage of what is unmatched, and why. meter: its name, empty where no meter is concerned."""

    reason: str
    customer_ref: str
    event_name: str
    meter: str
    unit: str


@dataclass(frozen=True, slots=True)
class Stake:
    """
    What is at stake in a group.

    quantity: None where the events do not tell it, or do not add up. amount: what it would cost, as an estimate in
    `currency`; None where that is not known. is_average: of units assumed, where the events tell none.
    """

    group: Group
    events: int
    quantity: Decimal | None
    amount: Decimal | None
    currency: str
    is_average: bool = False


@dataclass(frozen=True, slots=True)
class AtStake:
    """All groups, the busiest first. is_all: whether every open report was looked at."""

    stakes: tuple[Stake, ...]
    is_all: bool

    @property
    def amounts(self) -> dict[str, Decimal]:
        """Return what is at stake where it is known, by currency."""
        found: dict[str, Decimal] = {}
        for one in self.stakes:
            if one.amount is not None:
                found[one.currency] = found.get(one.currency, ZERO) + one.amount
        return found


class _Place(NamedTuple):
    """Where usage would be priced, if it had its value, or a rate."""

    feature: FeatureTerms
    currency: str
    period_id: int


class _Part(NamedTuple):
    """One meter's part of one event: its value if it has one, and where it would be priced."""

    group: Group
    value: Decimal | None
    place: _Place | None


def open_reports(
    *, sandbox: bool = False, customer: str | None = None, seller: int | None = None, before: datetime | None = None
) -> QuerySet[UnmatchedUsage]:
    """
    Return the open reports of unmatched usage.

    customer: of this external id only. seller: of its customers only, and of those that nobody knows, which may be
    anybody's. before: of what happened before then only.
    """
    found = UnmatchedUsage.objects.filter(resolved_at__isnull=True, sandbox=sandbox)
    if customer is not None:
        found = found.filter(customer_ref=customer)
    if seller is not None:
        others = Customer.objects.filter(sandbox=sandbox, external_id=OuterRef("customer_ref")).exclude(seller=seller)
        found = found.filter(~Exists(others))
    return found if before is None else found.filter(occurred_at__lt=before)


def at_stake(
    *, sandbox: bool = False, customer: str | None = None, seller: int | None = None, before: datetime | None = None
) -> AtStake:
    """Return what the newest open reports are about, in a fixed number of queries; of which ones: `open_reports`."""
    found = open_reports(sandbox=sandbox, customer=customer, seller=seller, before=before)
    reports = list(found.order_by("-pk")[: MOST_REPORTS + 1])
    parts = _parts(reports[:MOST_REPORTS], sandbox=sandbox) if reports else []
    gathered: dict[tuple[Group, int, str, bool], list[_Part]] = {}
    for part in parts:
        of_feature = part.place.feature.plan_feature_id if part.place else 0
        key = (part.group, of_feature, part.place.currency if part.place else "", part.value is None)
        gathered.setdefault(key, []).append(part)
    means = _means([part.place for part in parts if part.place and part.value is None])
    stakes = sorted((_stake(of_group, means) for of_group in gathered.values()), key=lambda one: -one.events)
    return AtStake(tuple(stakes), is_all=len(reports) <= MOST_REPORTS)


def _means(places: Sequence[_Place]) -> dict[tuple[int, int], Decimal]:
    """Return (period, feature of the version) → what an event has on average there, of those with events."""
    if not places:
        return {}
    counted = Counter.objects.filter(
        period__in={one.period_id for one in places}, plan_feature__in={one.feature.plan_feature_id for one in places}
    )
    found = counted.values_list("period_id", "plan_feature_id").annotate(Sum("quantity"), Sum("events"))
    return {(period, feature): quantity / events for period, feature, quantity, events in found if events}


def _parts(reports: Sequence[UnmatchedUsage], *, sandbox: bool) -> list[_Part]:
    stored = read_by_key({one.event_key.hex for one in reports})
    events = {key: to_received_event(row) for key, row in stored.items()}
    since: datetime = min(one.occurred_at for one in reports)
    known = customer_cache.refresh({one.customer_ref for one in reports}, sandbox=sandbox, since=since)
    copy = catalog_cache.refresh()
    units = dict(Meter.objects.values_list("id", "unit"))
    found = []
    for report in reports:
        event = events.get(report.event_key.hex)
        meters = _meters(report, copy) if event else ()
        if event is None or not meters:
            found.append(_Part(_group(report, None, units), None, None))
            continue
        for meter in meters:
            place = _place(report, event, meter, known.get(report.customer_ref))
            found.append(_Part(_group(report, meter, units), _value(meter, event), place))
    return found


def _group(report: UnmatchedUsage, meter: CachedMeter | None, units: dict[int, str]) -> Group:
    name, unit = (meter.name, units.get(meter.id, "")) if meter else ("", "")
    return Group(report.reason, report.customer_ref, report.event_name, name, unit)


def _meters(report: UnmatchedUsage, copy: CachedCatalog) -> Iterable[CachedMeter]:
    """Return the meters that a report is about: the one it names, or all that count events of its name."""
    named = copy.by_event.get(report.event_name)
    if named is None:
        return ()
    return [one for one in named.meters if report.meter_id in (None, one.id)]


def _value(meter: CachedMeter, event: ReceivedEvent) -> Decimal | None:
    """Return what an event would add to a meter; None where it does not tell, or where values do not add up."""
    if meter.metering.aggregation not in ADDED_UP:
        return None
    total = ZERO
    for reading in meter.readings:
        value = read_value(RouteStop(meter, reading.path, (), expression=reading.expression), event.properties)
        if isinstance(value, str):
            return None
        total += value
    return total


def _place(
    report: UnmatchedUsage, event: ReceivedEvent, meter: CachedMeter, customer: CachedCustomer | None
) -> _Place | None:
    """Return where a meter is priced, if only a rate for the event, or its value, is missing."""
    if customer is None or report.reason not in (UnmatchedReason.NO_RATE, UnmatchedReason.BAD_VALUE):
        return None
    if meter.metering.aggregation not in ADDED_UP:
        return None
    for period in customer.periods_at(event.occurred_at, subscription_ref=event.subscription):
        for feature in load_terms(period.version_id, period.currency).by_meter.get(meter.id, ()):
            if feature.price is not None:
                return _Place(feature, feature.price.currency, period.id)
    return None


def _stake(parts: Sequence[_Part], means: Mapping[tuple[int, int], Decimal]) -> Stake:
    group, value, place = parts[0]
    quantity = None if value is None else sum((part.value or ZERO for part in parts), ZERO)
    assumed = quantity if place is None or quantity is not None else _assumed(parts, means)
    amount = None
    if place is not None and place.feature.price is not None and assumed is not None:
        amount = _dearest(place.feature.price, assumed, len(parts))
    is_average = amount is not None and quantity is None
    return Stake(
        group, len(parts), quantity, amount, place.currency if place and amount is not None else "", is_average
    )


def _assumed(parts: Sequence[_Part], means: Mapping[tuple[int, int], Decimal]) -> Decimal | None:
    """Return what events without a value may have had; None where the customer has sent no other in their period."""
    found = [means.get((one.place.period_id, one.place.feature.plan_feature_id)) for one in parts if one.place]
    return sum((mean for mean in found if mean is not None), ZERO) if None not in found else None


def _dearest(price: PriceTerms, quantity: Decimal, events: int) -> Decimal | None:
    """Return what usage would cost at the dearest of a price's rates; None if all charge by what is not told."""
    amounts = []
    for rate in price.rates:
        alone = replace(price, rates=(rate,), included=ZERO, minimum=None, maximum=None)
        if not alone.reads_values and rate.charge.reads != "carried":
            amounts.append(rate_usage(alone, {rate.key: RateUsage(quantity, events)}).invoiced_amount)
    return max(amounts, default=None)
