"""The counters of a period, extended by the quantities that are not sums of values."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from billing.metering.rating_inputs.aggregate_quantities import PeriodStates, compute_quantities
from billing.metering.rating_inputs.event_values import read_values
from billing.metering.rating_inputs.rating_period import (
    EMPTY_COUNTER,
    Counters,
    CounterState,
    CounterWindow,
    NewCounters,
    RatingPeriod,
)
from plans.catalog.stored_terms import FeatureTerms
from plans.pricing.rating import PriceTerms, RateUsage


def with_aggregates(
    counters: Counters, period: RatingPeriod, stored: PeriodStates, *, at: datetime | None = None
) -> NewCounters:
    """
    Return the counters with the quantities of aggregate states, including carried-over levels without an event.

    at: compute the quantities up to this time; default: the period's end.

    :raises NoRate: if the version's price has no rate for a level that is carried over.
    """
    extended = {window: dict(by_rate) for window, by_rate in counters.items()}
    for (plan_feature_id, starts_at), by_rate in compute_quantities(period, stored, at=at).items():
        window = CounterWindow(plan_feature_id, starts_at)
        extended_by_rate = extended.setdefault(window, {})
        for rate_id, quantity in by_rate.items():
            extended_by_rate[rate_id] = extended_by_rate.get(rate_id, EMPTY_COUNTER)._replace(metered=quantity)
    return extended


def with_event_values(
    counted: Mapping[int, CounterState],
    window: CounterWindow,
    feature: FeatureTerms,
    *,
    period_id: int,
    up_to: int | None = None,
) -> dict[int, CounterState]:
    """Return the counters of a window with the value of each event. up_to: limits them to a high-water mark."""
    values = read_values(period_id=period_id, features=[feature], up_to=up_to).get(window, {})
    return {rate_id: counter._replace(values=values.get(rate_id, ())) for rate_id, counter in counted.items()}


def to_rate_usage(price: PriceTerms, counted: Mapping[int, CounterState]) -> dict[int | str, Decimal | RateUsage]:
    """Return the usage at each rate in the form that rating reads."""
    if price.reads_only_quantities:
        return {rate_id: counter.used for rate_id, counter in counted.items()}
    return {
        rate_id: RateUsage(counter.used, counter.events, counter.values, counter.carried)
        for rate_id, counter in counted.items()
    }
