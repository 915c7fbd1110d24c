"""The price of one event's units: the tiers that they fall in, and their amount."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from billing.metering.drawdown.wallet_debits import rate_prepaid_window
from billing.metering.ingest.event_contributions import Contribution, EventContributions, read_contributions
from billing.metering.ingest.event_reader import read_pages
from billing.metering.store.counter_store import CounterKey
from billing.metering.store.event_removals import read_removed
from billing.metering.store.prepaid_windows import DrawdownKey
from billing.metering.usage.current_usage import FeatureUsage, current_usage
from billing.models import Period
from lib.decimals import EXACT, ZERO, to_plain_string
from plans.pricing.rating import RatedLine
from plans.pricing.rating_parts import RatingPart

TICK = timedelta(microseconds=1)

MAX_EVENTS_WALKED = 10_000
"""Bound of a feature's events that are summed to find one event's position; beyond it, their order is ignored."""


@dataclass(frozen=True, slots=True)
class PricedUnits:
    """Units of an event, or of the period's total, at one price. part: None for included units."""

    units: Decimal
    part: RatingPart | None = None
    amount: Decimal = ZERO

    def __str__(self) -> str:
        return f"{to_plain_string(self.units)} {_describe_price(self.part) if self.part else 'included'}"


@dataclass(frozen=True, slots=True)
class EventPrice:
    """
    The price of an event's units at one rate.

    currency: `XCR` for a price in credits; empty without a price.
    is_ordered: whether `units` are the event's own, by its position in time; else they are the period's total.
    amount: the event's own amount, unrounded; None if only the period's total has one.
    """

    currency: str = ""
    units: tuple[PricedUnits, ...] = ()
    is_ordered: bool = False
    amount: Decimal | None = None


def find_price(
    contributions: EventContributions, part: Contribution, counter: CounterKey, period: Period
) -> EventPrice:
    """
    Return how the event's units are priced now: by a wallet's price if one pays for the feature.

    A counter keeps no order. Where its units are a plain sum of few events, they are ordered by time, then source,
    then id; otherwise these are the tiers of the whole period's usage.
    """
    if contributions.correction_sequence is not None:
        return EventPrice()
    customer_id = contributions.row.customer_id
    removed = read_removed([customer_id or 0]).get(customer_id)
    if removed is not None and period.starts_at < removed.until:
        return EventPrice()  # earlier events of its period have left
    usage = _find_usage(contributions, period, counter)
    if usage is None or usage.rating is None:
        return EventPrice()
    rating = usage.rating
    if usage.terms.wallet:
        rating = rate_prepaid_window(DrawdownKey(*counter[:2], counter.window_start)) or rating
    line = next((line for line in rating.lines if line.rate_key == counter.rate_id), None)
    if line is None:
        return EventPrice()
    unit_range = _find_units(contributions, part, counter, period, usage)
    price = _price_units(line, unit_range, Decimal(part.value))
    return replace(price, currency=usage.terms.wallet or rating.currency)


def _find_usage(contributions: EventContributions, period: Period, counter: CounterKey) -> FeatureUsage | None:
    """Return the usage of the event's window as it is rated now."""
    customer = period.subscription.customer
    periods = current_usage(customer=customer.external_id, sandbox=customer.sandbox, at=contributions.row.occurred_at)
    features = [
        feature
        for usage_period in periods
        if usage_period.period_id == period.pk
        for feature in usage_period.features
    ]
    return next((feature for feature in features if feature.terms.plan_feature_id == counter.plan_feature_id), None)


def _find_units(
    contributions: EventContributions,
    part: Contribution,
    counter: CounterKey,
    period: Period,
    usage: FeatureUsage,
) -> tuple[Decimal, Decimal] | None:
    """Return which units of its rate the event added, in the order of time; None if the order decides nothing."""
    metering = part.stop.meter.metering
    is_plain = metering.aggregation in ("count", "sum") and not metering.recurring
    if usage.terms.price is None or usage.terms.price.rounding or not is_plain:
        return None
    # A negative value gives back units that no single position describes.
    if usage.events > MAX_EVENTS_WALKED or part.value < 0:
        return None
    before, row = ZERO, contributions.row
    event_position = (row.occurred_at, row.source, row.sender_id)
    pages = read_pages(
        customer_id=row.customer_id or 0, names=[row.name], since=period.starts_at, until=row.occurred_at + TICK
    )
    for rows in pages:
        for other in read_contributions(rows, since=period.starts_at):
            if (other.row.occurred_at, other.row.source, other.row.sender_id) >= event_position:
                break
            for contribution in other.contributions if other.correction_sequence is None else ():
                if any(target == counter for target, _ in contribution.stop.targets):
                    before = EXACT.add(before, Decimal(contribution.value))
    for contribution in contributions.contributions[
        : contributions.contributions.index(part)
    ]:  # a meter may read several values of one event
        if any(target == counter for target, _ in contribution.stop.targets):
            before = EXACT.add(before, Decimal(contribution.value))
    return before, EXACT.add(before, Decimal(part.value))


def _price_units(line: RatedLine, unit_range: tuple[Decimal, Decimal] | None, quantity: Decimal) -> EventPrice:
    """Price a range of units; the whole line if no range is given, or if its parts are no sum of units."""
    if unit_range is not None and all(_is_price_of_units(part, line) for part in line.parts):
        start, end = unit_range
        units = [PricedUnits(min(end, line.included) - start)] if start < line.included else []
        start, end = max(start - line.included, ZERO), max(end - line.included, ZERO)
        for part in line.parts:
            count = min(end, end if part.end is None else part.end) - max(start, part.start)
            if count > 0:
                # The event that enters a tier pays its flat fee.
                fee = part.flat_fee if start <= part.start else ZERO
                units.append(PricedUnits(count, part, EXACT.add(EXACT.multiply(count, part.unit_price), fee)))
        # Otherwise the price has parts that tiers don't cover, such as a minimum.
        if sum((priced.units for priced in units), ZERO) == quantity:
            return EventPrice(units=tuple(units), is_ordered=True, amount=_sum_amounts(units))
    included = [PricedUnits(line.included)] if line.included else []
    return EventPrice(units=(*included, *(PricedUnits(part.units, part, part.amount) for part in line.parts)))


def _is_price_of_units(part: RatingPart, line: RatedLine) -> bool:
    """Return whether a part multiplies its price by the units in its range; packages and volume tiers do not."""
    end = line.billable if part.end is None else min(part.end, line.billable)
    return part.units == end - part.start


def _sum_amounts(units: Sequence[PricedUnits]) -> Decimal:
    amount = ZERO
    for priced in units:
        amount = EXACT.add(amount, priced.amount)
    return amount


def _describe_price(part: RatingPart) -> str:
    flat = f" + {to_plain_string(part.flat_fee)}" if part.flat_fee else ""
    end = "…" if part.end is None else to_plain_string(part.end)
    return f"in the tier from {to_plain_string(part.start)} to {end}, at {to_plain_string(part.unit_price)}{flat}"
