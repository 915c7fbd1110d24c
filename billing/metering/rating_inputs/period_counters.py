"""The counters of a period in the form that rating reads."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from billing.metering.rating_inputs.aggregate_quantities import MeteredPeriod, PeriodStates, compute_quantities
from billing.metering.rating_inputs.event_values import read_values
from billing.metering.rating_inputs.multi_period_windows import WindowRuns
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.pricing.rating import UNCOVERED, PriceTerms, RateUsage


class CounterState(NamedTuple):
    """
    A counter's cumulative state: the number of events, the sum of their values, and the sum of their digests.

    carried: sum of the prices that the events carry.
    metered: the meter's quantity where it is not the sum of values; None where it is.
    values: value of each event, where a price charges by them.
    """

    events: int
    quantity: Decimal
    fingerprint: Decimal
    carried: Decimal = Decimal(0)
    metered: Decimal | None = None
    values: tuple[Decimal, ...] | None = None

    @property
    def used(self) -> Decimal:
        """The quantity that is rated."""
        return self.quantity if self.metered is None else self.metered


EMPTY_COUNTER = CounterState(0, Decimal(0), Decimal(0))

DRAWDOWN_COUNTERS = f"""
SELECT period_id, plan_feature_id, window_start, {UNCOVERED}::bigint, 0::bigint, overage, 0::numeric, cost
FROM billing_drawdown
"""  # noqa: S608
"""
SQL for drawdowns in the columns of counters. Under the rate `UNCOVERED`, `quantity` is the uncovered amount that is
invoiced, and `carried` the whole cost of the usage.
"""


class CounterWindow(NamedTuple):
    """A price's usage window within a period, on which its allowance and tiers start again."""

    plan_feature_id: int
    starts_at: datetime


Counters = dict[CounterWindow, dict[int, CounterState]]
"""Usage of one period: window → rate → counter."""


class RatingPeriod(msgspec.Struct, frozen=True, gc=False):
    """
    A period's interval, and the version, currency and overrides that it is rated by.

    anchor_at, time_zone: usage windows are computed from them.
    overrides: see billing/metering/rating_inputs/effective_terms.py.
    continued: see billing/metering/rating_inputs/plan_change_carryover.py.
    runs: runs of features whose windows span several periods.
    """

    period_id: int
    version_id: int
    currency: str
    starts_at: datetime
    ends_at: datetime
    anchor_at: datetime
    time_zone: str
    overrides: str = ""
    continued: str = ""
    is_trial: bool = False
    runs: WindowRuns = {}


def add_window_runs(period: RatingPeriod, runs: Mapping[int, WindowRuns]) -> RatingPeriod:
    """Return the period with the usage that its windows hold from earlier periods."""
    period_runs = runs.get(period.period_id)
    return msgspec.structs.replace(period, runs=period_runs) if period_runs else period


def add_state_quantities(
    counters: Counters, period: MeteredPeriod, stored: PeriodStates, *, at: datetime | None = None
) -> Counters:
    """
    Return the counters with the quantities of aggregate states, including carried-over levels without an event.

    at: compute the quantities up to this time; default: the period's end.

    :raises NoRate: if the version's price has no rate for a level that is carried over.
    """
    counters_with_states = with_aggregates(counters, period, stored, at=at)
    for feature in load_terms(period.version_id, period.currency).value_priced_features:
        for window in [
            usage_window
            for usage_window in counters_with_states
            if usage_window.plan_feature_id == feature.plan_feature_id
        ]:
            counters_with_states[window] = with_event_values(
                counters_with_states[window], window, feature, period_id=period.period_id
            )
    return counters_with_states


def with_aggregates(
    counters: Counters, period: MeteredPeriod, stored: PeriodStates, *, at: datetime | None = None
) -> Counters:
    """Do the same as `add_state_quantities`, without the values of single events."""
    extended = dict(counters)
    for (plan_feature_id, starts_at), by_rate in compute_quantities(period, stored, at=at).items():
        window = CounterWindow(plan_feature_id, starts_at)
        by_rate_before = extended.get(window, {})
        extended[window] = by_rate_before | {
            rate_id: by_rate_before.get(rate_id, EMPTY_COUNTER)._replace(metered=quantity)
            for rate_id, quantity in by_rate.items()
        }
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
    values = read_values(period_id=period_id, features=[feature], up_to=up_to).get(tuple(window), {})
    return {rate_id: counter._replace(values=values.get(rate_id, ())) for rate_id, counter in counted.items()}


def to_rate_usage(price: PriceTerms, counted: Mapping[int, CounterState]) -> dict[int | str, Decimal | RateUsage]:
    """Return the usage at each rate in the form that rating reads."""
    if price.reads_only_quantities:
        return {rate_id: counter.used for rate_id, counter in counted.items()}
    return {
        rate_id: RateUsage(counter.used, counter.events, counter.values, counter.carried)
        for rate_id, counter in counted.items()
    }
