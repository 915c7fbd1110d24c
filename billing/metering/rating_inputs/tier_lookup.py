"""The tiers that the units of one event fall in."""

from datetime import timedelta
from decimal import Decimal

from billing.metering.ingest.event_contributions import Contribution, EventContributions, read_contributions
from billing.metering.ingest.event_reader import read_pages
from billing.metering.store.counter_store import CounterKey
from billing.metering.usage.current_usage import FeatureUsage, current_usage
from billing.models import Period
from lib.decimals import EXACT, ZERO, to_plain_string
from plans.pricing.rating_parts import RatingPart as PricedPart

TICK = timedelta(microseconds=1)

MAX_EVENTS_WALKED = 10_000
"""Bound of a feature's events that are summed to find one event's position; beyond it, their order is ignored."""


def find_tiers(
    contributions: EventContributions, part: Contribution, counter: CounterKey, period: Period
) -> tuple[tuple[str, ...], bool]:
    """
    Return how the event's units are priced, as texts, and whether this follows from their position in time.

    A counter keeps no order. Where its units are a plain sum of few events, they are ordered by time, then source,
    then id; otherwise these are the tiers of the whole period's usage.
    """
    if contributions.correction_sequence is not None:
        return (), False
    usage = _find_usage(contributions, period, counter)
    unit_range = _find_units(contributions, part, counter, period, usage)
    return _describe_tiers(usage, counter, unit_range)


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
    usage: FeatureUsage | None,
) -> tuple[Decimal, Decimal] | None:
    """Return which units of its rate the event added, in the order of time; None if the order decides nothing."""
    metering = part.stop.meter.metering
    is_plain = metering.aggregation in ("count", "sum") and not metering.recurring
    if usage is None or usage.terms.price is None or usage.terms.price.rounding or not is_plain:
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


def _describe_tiers(
    usage: FeatureUsage | None, counter: CounterKey, unit_range: tuple[Decimal, Decimal] | None
) -> tuple[tuple[str, ...], bool]:
    """Describe the price of a range of units; the whole rate's parts if no range is given or it has no share."""
    rating = usage.rating if usage else None
    line = next((line for line in rating.lines if line.rate_key == counter.rate_id), None) if rating else None
    if line is None:
        return (), False
    if unit_range is not None:
        start, end = unit_range
        priced_units = [(min(end, line.included) - start, "included")] if start < line.included else []
        start, end = max(start - line.included, ZERO), max(end - line.included, ZERO)
        for priced_part in line.parts:
            units = min(end, end if priced_part.end is None else priced_part.end) - max(start, priced_part.start)
            if units > 0:
                priced_units.append((units, _describe_price(priced_part)))
        # Otherwise the price has parts that tiers don't cover, such as a minimum.
        if sum((units for units, _ in priced_units), ZERO) == unit_range[1] - unit_range[0]:
            return tuple(f"{to_plain_string(units)} {how}" for units, how in priced_units), True
    included = (f"{to_plain_string(line.included)} included",) if line.included else ()
    return (*included, *(f"{to_plain_string(part.units)} {_describe_price(part)}" for part in line.parts)), False


def _describe_price(part: PricedPart) -> str:
    flat = f" + {to_plain_string(part.flat_fee)}" if part.flat_fee else ""
    end = "…" if part.end is None else to_plain_string(part.end)
    return f"in the tier from {to_plain_string(part.start)} to {end}, at {to_plain_string(part.unit_price)}{flat}"
