"""
What open reports of unbilled usage are about, in units, and in money where that can be known.

Money is known, as an estimate *up to*, where the customer's version prices the meter and only no rate matches: the
dearest rate of the price, without its allowance. Whose usage it is, or what a unit costs, nobody knows of the others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from billing.ingest import catalogue, customers
from billing.ingest.attribution import Stop, value_at
from billing.ingest.catalogue import CatalogueCopy, MeterCopy
from billing.ingest.customers import CustomerCopy
from billing.ingest.stored import as_received, stored_by_key
from billing.ingest.wire import Received
from billing.models import UnbilledUsage
from billing.models.usage import Reason
from plans.models import Meter
from plans.pricing.exact import ZERO
from plans.pricing.rating import PriceTerms, Usage, rate_usage
from plans.terms import FeatureTerms, terms_of

MOST_REPORTS = 2_000
"""Open reports looked at, the newest first: a page must come soon, whatever went wrong."""

ADDED_UP = ("count", "sum")


class Group(NamedTuple):
    """Whose usage of what is unbilled, and why. meter: its name, empty where no meter is concerned."""

    reason: str
    customer_ref: str
    event_name: str
    meter: str
    unit: str


@dataclass(frozen=True, slots=True)
class Stake:
    """
    What is at stake in a group.

    quantity: None where the events do not tell it, or do not add up. amount: what it would cost at most, as an
    estimate in `currency`; None where that is not known.
    """

    group: Group
    events: int
    quantity: Decimal | None
    amount: Decimal | None
    currency: str


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


class _Part(NamedTuple):
    """One meter's part of one event: its value if it has one, and the terms that have no rate for it."""

    group: Group
    value: Decimal | None
    feature: FeatureTerms | None
    currency: str


def at_stake(*, sandbox: bool = False, customer: str | None = None) -> AtStake:
    """Return what the newest open reports are about, in a fixed number of queries."""
    found = UnbilledUsage.objects.filter(resolved_at__isnull=True, sandbox=sandbox)
    if customer is not None:
        found = found.filter(customer_ref=customer)
    reports = list(found.order_by("-pk")[: MOST_REPORTS + 1])
    parts = _parts(reports[:MOST_REPORTS], sandbox=sandbox) if reports else []
    gathered: dict[tuple[Group, int, str, bool], list[_Part]] = {}
    for part in parts:
        of_feature = part.feature.plan_feature_id if part.feature else 0
        key = (part.group, of_feature, part.currency, part.value is None)
        gathered.setdefault(key, []).append(part)
    stakes = sorted((_stake(of_group) for of_group in gathered.values()), key=lambda one: -one.events)
    return AtStake(tuple(stakes), is_all=len(reports) <= MOST_REPORTS)


def _parts(reports: Sequence[UnbilledUsage], *, sandbox: bool) -> list[_Part]:
    stored = stored_by_key({one.event_key.hex for one in reports})
    events = {key: as_received(row) for key, row in stored.items()}
    since: datetime = min(one.occurred_at for one in reports)
    known = customers.refresh({one.customer_ref for one in reports}, sandbox=sandbox, since=since)
    copy = catalogue.refresh()
    units = dict(Meter.objects.values_list("id", "unit"))
    found = []
    for report in reports:
        event = events.get(report.event_key.hex)
        meters = _meters(report, copy) if event else ()
        if event is None or not meters:
            found.append(_Part(_group(report, None, units), None, None, ""))
            continue
        for meter in meters:
            feature, currency = _terms(report, event, meter, known.get(report.customer_ref))
            found.append(_Part(_group(report, meter, units), _value(meter, event), feature, currency))
    return found


def _group(report: UnbilledUsage, meter: MeterCopy | None, units: dict[int, str]) -> Group:
    name, unit = (meter.name, units.get(meter.id, "")) if meter else ("", "")
    return Group(report.reason, report.customer_ref, report.event_name, name, unit)


def _meters(report: UnbilledUsage, copy: CatalogueCopy) -> Iterable[MeterCopy]:
    """Return the meters that a report is about: the one it names, or all that count events of its name."""
    named = copy.by_event.get(report.event_name)
    if named is None:
        return ()
    return [one for one in named.meters if report.meter_id in (None, one.id)]


def _value(meter: MeterCopy, event: Received) -> Decimal | None:
    """Return what an event would add to a meter; None where it does not tell, or where values do not add up."""
    if meter.metering.aggregation not in ADDED_UP:
        return None
    total = ZERO
    for reading in meter.readings:
        value = value_at(Stop(meter, reading.path, (), expression=reading.expression), event.properties)
        if isinstance(value, str):
            return None
        total += value
    return total


def _terms(
    report: UnbilledUsage, event: Received, meter: MeterCopy, customer: CustomerCopy | None
) -> tuple[FeatureTerms | None, str]:
    """Return the terms that price a meter but have no rate for an event, if that is what is wrong with it."""
    if customer is None or report.reason != Reason.NO_RATE:
        return None, ""
    for period in customer.periods_at(event.occurred_at, subscription_ref=event.subscription):
        for feature in terms_of(period.version_id, period.currency).by_meter.get(meter.id, ()):
            if feature.price is not None:
                return feature, period.currency
    return None, ""


def _stake(parts: Sequence[_Part]) -> Stake:
    first = parts[0]
    quantity = None if first.value is None else sum((part.value or ZERO for part in parts), ZERO)
    amount = None
    if first.feature is not None and first.feature.price is not None and quantity is not None:
        amount = _dearest(first.feature.price, quantity, len(parts))
    return Stake(first.group, len(parts), quantity, amount, first.currency if amount is not None else "")


def _dearest(price: PriceTerms, quantity: Decimal, events: int) -> Decimal | None:
    """Return what usage would cost at the dearest of a price's rates; None if all charge by what is not told."""
    amounts = []
    for rate in price.rates:
        alone = replace(price, rates=(rate,), included=ZERO, minimum=None, maximum=None)
        if not alone.reads_values and rate.charge.reads != "carried":
            amounts.append(rate_usage(alone, {rate.key: Usage(quantity, events)}).invoiced)
    return max(amounts, default=None)
