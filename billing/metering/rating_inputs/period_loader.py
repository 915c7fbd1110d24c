"""
The one loader of billed periods: their terms and their usage.

A statement that reads periods selects `RATING_COLUMNS` next to its own columns, and `RatingPeriod.from_row` reads
them by name. `read_rating_inputs` then reads these periods' stored usage, in a fixed number of statements,
and `RatingInputs.complete` returns each period with everything that its rating depends on. Closing, previews, current
usage, limits, drawdown, simulation, corrections and the audit all load periods here, so a new input of rating is
added once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from billing.metering.rating_inputs.aggregate_quantities import NO_STATES, PeriodStates, read_states
from billing.metering.rating_inputs.effective_terms import OVERRIDES
from billing.metering.rating_inputs.multi_period_windows import read_window_runs
from billing.metering.rating_inputs.period_counters import with_aggregates, with_event_values
from billing.metering.rating_inputs.plan_change_carryover import CONTINUED, CONTINUES
from billing.metering.rating_inputs.rating_period import (
    BillablePeriod,
    Counters,
    CounterState,
    CounterWindow,
    NewCounters,
    RatingPeriod,
    WindowRuns,
)
from billing.metering.store.split_values import SplitPrice, read_values
from billing.subscriptions.periods.boundaries import ANCHOR_AT
from lib import prepared_statements
from plans.catalog.overrides import SplitValues
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.pricing.rating import UNCOVERED

_COLUMNS = """
p.id AS period_id, p.version_id, s.currency, p.starts_at, p.ends_at, {anchor_at} AS anchor_at, cu.time_zone,
{overrides} AS overrides, {continued} AS continued, p.is_trial
"""
RATING_COLUMNS = _COLUMNS.format(anchor_at=ANCHOR_AT, overrides=OVERRIDES, continued=CONTINUED)
"""SQL columns of a period `p` of a subscription `s` of a customer `cu`."""

METERING_COLUMNS = _COLUMNS.format(anchor_at=ANCHOR_AT, overrides=OVERRIDES, continued=CONTINUES)
"""The same for quantities and costs that don't depend on earlier invoices."""

COUNTERS = f"""
SELECT period_id, plan_feature_id, window_start, rate_id, events, quantity, fingerprint, carried
FROM billing_counter WHERE period_id = {{periods}}
UNION ALL
SELECT period_id, plan_feature_id, window_start, {UNCOVERED}::bigint, 0::bigint, overage, 0::numeric, cost
FROM billing_drawdown WHERE period_id = {{periods}}
"""  # noqa: S608
"""
SQL for the counters of {periods}, and for their drawdowns in the columns of counters: under the rate `UNCOVERED`,
`quantity` is the uncovered amount that is invoiced, and `carried` the whole cost of the usage.
"""


class RatingInputs(NamedTuple):
    """
    The stored usage of some periods beyond their counters.

    runs: period → its window runs. split_values: period → the values of its split prices.
    """

    states: PeriodStates
    runs: Mapping[int, WindowRuns]
    split_values: Mapping[int, SplitValues]

    def complete(
        self,
        span: RatingPeriod,
        counters: Counters,
        *,
        at: datetime | None = None,
        feature: FeatureTerms | None = None,
    ) -> BillablePeriod:
        """
        Return a period with its usage.

        counters: those of the period. at: the time up to which levels count; default: the period's end.
        feature: the only feature that the counters are of; default: all.

        :raises NoRate: if the version's price has no rate for a level that is carried over.
        """
        if feature is None or feature.metering.needs_aggregate_state:
            counters = _with_values(with_aggregates(counters, span, self.states, at=at), span)
        if runs := self.runs.get(span.period_id):
            span = msgspec.structs.replace(span, runs=runs)
        if values := self.split_values.get(span.period_id):
            span = msgspec.structs.replace(span, split_values=values)
        return BillablePeriod(span, counters)


def read_rating_inputs(
    spans: Sequence[RatingPeriod], *, feature: FeatureTerms | None = None, states: PeriodStates | None = None
) -> RatingInputs:
    """
    Read the inputs of `RatingInputs.complete` for these periods; no statement runs for one that none of them uses.

    feature: the only feature that will be rated; default: all. states: read already.
    """
    if states is None:
        states = read_states(spans) if feature is None or feature.metering.needs_aggregate_state else NO_STATES
    runs = read_window_runs(spans) if feature is None or feature.spans_periods else {}
    return RatingInputs(states, runs, read_split_values(spans, only_feature=feature))


def read_split_values(
    spans: Sequence[RatingPeriod], *, only_feature: FeatureTerms | None = None
) -> Mapping[int, SplitValues]:
    """Return period → the values of its split prices; no statement runs if no price is split."""
    prices = [
        SplitPrice(span.period_id, feature.plan_feature_id)
        for span in spans
        for feature in load_terms(span.version_id, span.currency).split_features
        if only_feature is None or only_feature.plan_feature_id == feature.plan_feature_id
    ]
    split_values: dict[int, SplitValues] = {}
    for price, positions in read_values(prices).items():
        earlier = split_values.get(price.period_id, ())
        split_values[price.period_id] = (*earlier, (price.plan_feature_id, tuple(positions.items())))
    return split_values


def read_counters(period_ids: Sequence[int]) -> Mapping[int, Counters]:
    """Return the counters of these periods; a period without usage is left out."""
    with prepared_statements.named_cursor() as cursor:
        cursor.execute(COUNTERS.format(periods="ANY(%(ids)s)"), {"ids": list(period_ids)}, binary=True)
        return group_counters(cursor.fetchall())


def group_counters(rows: Iterable[Any]) -> Mapping[int, Counters]:
    """Return period → its counters, from rows with the columns of `COUNTERS`."""
    counters: dict[int, NewCounters] = {}
    for row in rows:
        window = CounterWindow(row.plan_feature_id, row.window_start)
        counters.setdefault(row.period_id, {}).setdefault(window, {})[row.rate_id] = CounterState.from_row(row)
    return counters


def _with_values(counters: NewCounters, span: RatingPeriod) -> Counters:
    """Return the counters with the value of each event, where a price charges by them."""
    for feature in load_terms(span.version_id, span.currency).value_priced_features:
        for window in [window for window in counters if window.plan_feature_id == feature.plan_feature_id]:
            counters[window] = with_event_values(counters[window], window, feature, period_id=span.period_id)
    return counters
