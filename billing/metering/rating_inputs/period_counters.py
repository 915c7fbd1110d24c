"""What was counted in a period, as rating reads it."""

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
    A counter's cumulative state: how many events, the sum of their values and of their digests.

    carried: the sum of what the events themselves cost. metered: what the meter makes of the values where that is not
    their sum; None where it is. values: of each event, where a price charges by them.
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
SQL for what wallets were asked for, in the columns of counters: filed under BEYOND is as `quantity` what they had not
and is invoiced, and as `carried` all that was asked of them.
"""


class UsageWindow(NamedTuple):
    """One price's own span of use within a period, on which its allowance and tiers start anew."""

    plan_feature_id: int
    starts_at: datetime


Counters = dict[UsageWindow, dict[int, CounterState]]
"""What was used in one period: window → rate → counted."""


class RatingPeriod(msgspec.Struct, frozen=True, gc=False):
    """
    A period's interval, and the version, currency and overrides it is rated by.

    anchor_at, time_zone: what its windows of use are counted from. overrides: see
    billing/metering/rating_inputs/effective_terms.py.
    continued: see billing/metering/rating_inputs/plan_change_carryover.py. runs: of features whose windows run on
    over several periods.
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


def with_window_runs(span: RatingPeriod, runs: Mapping[int, WindowRuns]) -> RatingPeriod:
    """Return the period with what its windows of use hold from earlier ones."""
    of_period = runs.get(span.period_id)
    return msgspec.structs.replace(span, runs=of_period) if of_period else span


def with_metered(
    counters: Counters, span: MeteredPeriod, held: PeriodStates, *, at: datetime | None = None
) -> Counters:
    """
    Return the counters with what tallied features come to, among them levels that were carried over without an event.

    at: count what was held up to this moment; to the period's end if not given.

    :raises NoRate: if a level is carried over that no rate of the version's price is for.
    """
    found = with_aggregates(counters, span, held, at=at)
    for feature in load_terms(span.version_id, span.currency).value_priced_features:
        for window in [one for one in found if one.plan_feature_id == feature.plan_feature_id]:
            found[window] = with_event_values(found[window], window, feature, period_id=span.period_id)
    return found


def with_aggregates(
    counters: Counters, span: MeteredPeriod, held: PeriodStates, *, at: datetime | None = None
) -> Counters:
    """Return the same without the values of single events."""
    found = dict(counters)
    for (plan_feature_id, starts_at), by_rate in compute_quantities(span, held, at=at).items():
        window = UsageWindow(plan_feature_id, starts_at)
        known = found.get(window, {})
        found[window] = known | {
            rate_id: known.get(rate_id, EMPTY_COUNTER)._replace(metered=quantity)
            for rate_id, quantity in by_rate.items()
        }
    return found


def with_event_values(
    counted: Mapping[int, CounterState],
    window: UsageWindow,
    feature: FeatureTerms,
    *,
    period_id: int,
    up_to: int | None = None,
) -> dict[int, CounterState]:
    """Return what was counted in a window with the value of each event; up_to: of those up to a high-water mark."""
    values = read_values(period_id=period_id, features=[feature], up_to=up_to).get(tuple(window), {})
    return {rate_id: one._replace(values=values.get(rate_id, ())) for rate_id, one in counted.items()}


def to_rate_usage(price: PriceTerms, counted: Mapping[int, CounterState]) -> dict[int | str, Decimal | RateUsage]:
    """Return what was counted at each rate as rating reads it."""
    if price.reads_only_quantities:
        return {rate_id: one.used for rate_id, one in counted.items()}
    return {rate_id: RateUsage(one.used, one.events, one.values, one.carried) for rate_id, one in counted.items()}
