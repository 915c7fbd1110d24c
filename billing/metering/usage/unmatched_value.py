"""
Quantity of unmatched usage, and its value in money where that can be estimated.

The value is estimated if the customer's version prices the meter: at the highest rate of the price, without its
allowance. Where no rate matches, the events give the units; where a value is missing, the average of the customer's
other events in the period is assumed. For other reasons the customer or the unit price is unknown.
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
from billing.models.unmatched_usage import UnmatchedReason
from customers.models import Customer
from lib.decimals import ZERO
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.models import Meter
from plans.pricing.rating import PriceTerms, RateUsage, rate_usage

MAX_REPORTS = 2_000
"""Reports read, the newest first: the bound keeps the page fast however much usage is unmatched."""

ADDED_UP = ("count", "sum")


class UnmatchedGroup(NamedTuple):
    """
    The customer, meter and reason of a group of unmatched usage. meter: its name, empty if no meter is concerned.
    """

    reason: str
    customer_ref: str
    event_name: str
    meter: str
    unit: str


@dataclass(frozen=True, slots=True)
class GroupValue:
    """
    The value of the usage in a group.

    quantity: None if the events don't hold it, or it doesn't add up.
    amount: estimated cost in `currency`; None if unknown.
    is_average: whether the quantity is assumed, because the events hold none.
    """

    group: UnmatchedGroup
    events: int
    quantity: Decimal | None
    amount: Decimal | None
    currency: str
    is_average: bool = False


@dataclass(frozen=True, slots=True)
class UnmatchedValue:
    """The values of all groups, the busiest first. is_all: whether every report was read."""

    stakes: tuple[GroupValue, ...]
    is_all: bool

    @property
    def amounts(self) -> dict[str, Decimal]:
        """Return the known amounts, by currency."""
        amounts: dict[str, Decimal] = {}
        for stake in self.stakes:
            if stake.amount is not None:
                amounts[stake.currency] = amounts.get(stake.currency, ZERO) + stake.amount
        return amounts


class _PricePoint(NamedTuple):
    """Where usage would be priced if it had its value, or a rate."""

    feature: FeatureTerms
    currency: str
    period_id: int


class _Part(NamedTuple):
    """One meter's part of one event: its value if it has one, and where it would be priced."""

    group: UnmatchedGroup
    value: Decimal | None
    place: _PricePoint | None


def filter_reports(
    reports: QuerySet[UnmatchedUsage],
    *,
    sandbox: bool = False,
    customer: str | None = None,
    seller: int | None = None,
    before: datetime | None = None,
) -> QuerySet[UnmatchedUsage]:
    """
    Return the reports of live or sandbox usage.

    customer: limits them to this external id.
    seller: limits them to its customers and to unknown customers, who may belong to any seller.
    before: limits them to usage before this time.
    """
    reports = reports.filter(sandbox=sandbox)
    if customer is not None:
        reports = reports.filter(customer_ref=customer)
    if seller is not None:
        others = Customer.objects.filter(sandbox=sandbox, external_id=OuterRef("customer_ref")).exclude(seller=seller)
        reports = reports.filter(~Exists(others))
    return reports if before is None else reports.filter(occurred_at__lt=before)


def estimate_unmatched_value(reports_to_value: QuerySet[UnmatchedUsage], *, sandbox: bool = False) -> UnmatchedValue:
    """
    Estimate the value of the newest of these reports, in a fixed number of queries.

    reports_to_value: open reports of live usage, or of sandbox usage.
    """
    reports = list(reports_to_value.order_by("-pk")[: MAX_REPORTS + 1])
    parts = _build_parts(reports[:MAX_REPORTS], sandbox=sandbox) if reports else []
    groups: dict[tuple[UnmatchedGroup, int, str, bool], list[_Part]] = {}
    for part in parts:
        plan_feature_id = part.place.feature.plan_feature_id if part.place else 0
        key = (part.group, plan_feature_id, part.place.currency if part.place else "", part.value is None)
        groups.setdefault(key, []).append(part)
    means = _read_averages([part.place for part in parts if part.place and part.value is None])
    stakes = sorted(
        (_group_value(group_parts, means) for group_parts in groups.values()), key=lambda stake: -stake.events
    )
    return UnmatchedValue(tuple(stakes), is_all=len(reports) <= MAX_REPORTS)


def _read_averages(places: Sequence[_PricePoint]) -> dict[tuple[int, int], Decimal]:
    """Return (period, plan feature) → average quantity of an event, where there are events."""
    if not places:
        return {}
    counted = Counter.objects.filter(
        period__in={place.period_id for place in places},
        plan_feature__in={place.feature.plan_feature_id for place in places},
    )
    sums = counted.values_list("period_id", "plan_feature_id").annotate(Sum("quantity"), Sum("events"))
    return {(period, feature): quantity / events for period, feature, quantity, events in sums if events}


def _build_parts(reports: Sequence[UnmatchedUsage], *, sandbox: bool) -> list[_Part]:
    stored = read_by_key({report.event_key.hex for report in reports})
    events = {key: to_received_event(row) for key, row in stored.items()}
    since: datetime = min(report.occurred_at for report in reports)
    customers = customer_cache.refresh({report.customer_ref for report in reports}, sandbox=sandbox, since=since)
    catalog = catalog_cache.refresh()
    units = dict(Meter.objects.values_list("id", "unit"))
    parts = []
    for report in reports:
        event = events.get(report.event_key.hex)
        meters = _find_meters(report, catalog) if event else ()
        if event is None or not meters:
            parts.append(_Part(_group(report, None, units), None, None))
            continue
        for meter in meters:
            place = _find_price_point(report, event, meter, customers.get(report.customer_ref))
            parts.append(_Part(_group(report, meter, units), _compute_value(meter, event), place))
    return parts


def _group(report: UnmatchedUsage, meter: CachedMeter | None, units: dict[int, str]) -> UnmatchedGroup:
    name, unit = (meter.name, units.get(meter.id, "")) if meter else ("", "")
    return UnmatchedGroup(report.reason, report.customer_ref, report.event_name, name, unit)


def _find_meters(report: UnmatchedUsage, catalog: CachedCatalog) -> Iterable[CachedMeter]:
    """Return the meters that a report is about: the one it names, or all that count events of its name."""
    event_meters = catalog.by_event.get(report.event_name)
    if event_meters is None:
        return ()
    return [meter for meter in event_meters.meters if report.meter_id in (None, meter.id)]


def _compute_value(meter: CachedMeter, event: ReceivedEvent) -> Decimal | None:
    """Return the quantity that an event would add to a meter; None if the event lacks it, or values don't add up."""
    if meter.metering.aggregation not in ADDED_UP:
        return None
    total = ZERO
    for reading in meter.readings:
        value = read_value(RouteStop(meter, reading.path, (), expression=reading.expression), event.properties)
        if isinstance(value, str):
            return None
        total += value
    return total


def _find_price_point(
    report: UnmatchedUsage, event: ReceivedEvent, meter: CachedMeter, customer: CachedCustomer | None
) -> _PricePoint | None:
    """Return where a meter is priced, if only a rate for the event, or its value, is missing."""
    if customer is None or report.reason not in (UnmatchedReason.NO_RATE, UnmatchedReason.BAD_VALUE):
        return None
    if meter.metering.aggregation not in ADDED_UP:
        return None
    for period in customer.periods_at(event.occurred_at, subscription_ref=event.subscription):
        for feature in load_terms(period.version_id, period.currency).by_meter.get(meter.id, ()):
            if feature.price is not None:
                return _PricePoint(feature, feature.price.currency, period.id)
    return None


def _group_value(parts: Sequence[_Part], means: Mapping[tuple[int, int], Decimal]) -> GroupValue:
    group, value, place = parts[0]
    quantity = None if value is None else sum((part.value or ZERO for part in parts), ZERO)
    assumed = quantity if place is None or quantity is not None else _assume_quantity(parts, means)
    amount = None
    if place is not None and place.feature.price is not None and assumed is not None:
        amount = _price_at_highest_rate(place.feature.price, assumed, len(parts))
    is_average = amount is not None and quantity is None
    return GroupValue(
        group, len(parts), quantity, amount, place.currency if place and amount is not None else "", is_average
    )


def _assume_quantity(parts: Sequence[_Part], means: Mapping[tuple[int, int], Decimal]) -> Decimal | None:
    """
    Return the assumed quantity of events without a value; None if the customer has no other events in their period.
    """
    averages = [means.get((part.place.period_id, part.place.feature.plan_feature_id)) for part in parts if part.place]
    return sum((mean for mean in averages if mean is not None), ZERO) if None not in averages else None


def _price_at_highest_rate(price: PriceTerms, quantity: Decimal, events: int) -> Decimal | None:
    """Return the cost of usage at the highest of a price's rates; None if all of them charge by missing facts."""
    amounts = []
    for rate in price.rates:
        # Without allowance, minimum and maximum, which the customer's other usage may have used up.
        alone = replace(price, rates=(rate,), included=ZERO, minimum=None, maximum=None)
        if not alone.reads_values and rate.charge.reads != "carried":
            amounts.append(rate_usage(alone, {rate.key: RateUsage(quantity, events)}).invoiced_amount)
    return max(amounts, default=None)
