"""Which tier the units of one event fall in."""

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
"""Events of a feature that are added up to find where one of them stands; with more, their order is not looked at."""


def find_tiers(
    one: EventContributions, part: Contribution, counter: CounterKey, period: Period
) -> tuple[tuple[str, ...], bool]:
    """
    Return in words how the units are priced that an event gave, and whether that is by their place in time.

    A counter keeps no order. Where its units are a plain sum of few events, they are laid end to end in the order of
    time, then source, then id; otherwise these are the tiers of the whole period's usage.
    """
    if one.correction_sequence is not None:
        return (), False
    usage = _usage_of(one, period, counter)
    span = _place(one, part, counter, period, usage)
    return _tiers(usage, counter, span)


def _usage_of(one: EventContributions, period: Period, counter: CounterKey) -> FeatureUsage | None:
    """Return the usage of the window that an event fell in, rated as it is by now."""
    customer = period.subscription.customer
    found = current_usage(customer=customer.external_id, sandbox=customer.sandbox, at=one.row.occurred_at)
    features = [of for in_period in found if in_period.period_id == period.pk for of in in_period.features]
    return next((of for of in features if of.terms.plan_feature_id == counter.plan_feature_id), None)


def _place(
    one: EventContributions, part: Contribution, counter: CounterKey, period: Period, usage: FeatureUsage | None
) -> tuple[Decimal, Decimal] | None:
    """Return which units of its rate an event gave, in the order of time; None where that order decides nothing."""
    metering = part.stop.meter.metering
    is_plain = metering.aggregation in ("count", "sum") and not metering.recurring
    if usage is None or usage.terms.price is None or usage.terms.price.rounding or not is_plain:
        return None
    if usage.events > MAX_EVENTS_WALKED or part.value < 0:
        return None
    before, row = ZERO, one.row
    here = (row.occurred_at, row.source, row.sender_id)
    pages = read_pages(
        customer_id=row.customer_id or 0, names=[row.name], since=period.starts_at, until=row.occurred_at + TICK
    )
    for rows in pages:
        for other in read_contributions(rows, since=period.starts_at):
            if (other.row.occurred_at, other.row.source, other.row.sender_id) >= here:
                break
            for own in other.contributions if other.correction_sequence is None else ():
                if any(target == counter for target, _ in own.stop.targets):
                    before = EXACT.add(before, Decimal(own.value))
    for own in one.contributions[: one.contributions.index(part)]:  # a meter may read several values of one event
        if any(target == counter for target, _ in own.stop.targets):
            before = EXACT.add(before, Decimal(own.value))
    return before, EXACT.add(before, Decimal(part.value))


def _tiers(
    usage: FeatureUsage | None, counter: CounterKey, span: tuple[Decimal, Decimal] | None
) -> tuple[tuple[str, ...], bool]:
    """Return what prices the units of a span; all of the rate's workings where none is given, or it has no share."""
    rating = usage.rating if usage else None
    line = next((one for one in rating.lines if one.rate_key == counter.rate_id), None) if rating else None
    if line is None:
        return (), False
    if span is not None:
        start, end = span
        found = [(min(end, line.included) - start, "included")] if start < line.included else []
        start, end = max(start - line.included, ZERO), max(end - line.included, ZERO)
        for one in line.parts:
            units = min(end, end if one.end is None else one.end) - max(start, one.start)
            if units > 0:
                found.append((units, _price(one)))
        if sum((units for units, _ in found), ZERO) == span[1] - span[0]:
            return tuple(f"{to_plain_string(units)} {how}" for units, how in found), True
    included = (f"{to_plain_string(line.included)} included",) if line.included else ()
    return (*included, *(f"{to_plain_string(one.units)} {_price(one)}" for one in line.parts)), False


def _price(part: PricedPart) -> str:
    flat = f" + {to_plain_string(part.flat_fee)}" if part.flat_fee else ""
    end = "…" if part.end is None else to_plain_string(part.end)
    return f"in the tier from {to_plain_string(part.start)} to {end}, at {to_plain_string(part.unit_price)}{flat}"
