"""Count the usage of periods until a time within them, as their own versions have counted it."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from billing.closing.records import DuePeriod
from billing.metering.rating_inputs.aggregate_quantities import PeriodStates
from billing.metering.rating_inputs.period_counters import with_aggregates
from billing.metering.rating_inputs.period_loader import read_rating_inputs
from billing.metering.rating_inputs.rating_period import BillablePeriod
from billing.simulation.records import CandidateUsage
from billing.simulation.usage_sources.event_recount import recount_events
from billing.simulation.usage_sources.period_counts import add_sums, read_sums
from plans.catalog.stored_terms import FeatureTerms, load_terms


def count_until(periods: Mapping[int, DuePeriod], *, until: datetime) -> dict[int, BillablePeriod]:
    """
    Return the usage of regular periods until a time, without the usage that wallets pay.

    Sums of hours where they suffice: an hour belongs to the time at which it begins. Otherwise the events are read
    again, and levels and distinct values are as they stood at that time.

    :raises NoRate: if a version's price has no rate for a level that is carried over.
    """
    features = {period_id: _invoiced_features(period) for period_id, period in periods.items()}
    summed = {id_: [feature for feature in of_period if is_summed(feature)] for id_, of_period in features.items()}
    from_events = {
        id_: of_events
        for id_, of_period in features.items()
        if (of_events := [feature for feature in of_period if not is_summed(feature)])
    }
    sums = read_sums(
        [(period_id, feature.meter_id) for period_id, of_period in summed.items() for feature in of_period],
        until=until,
    )
    usage = {period_id: CandidateUsage() for period_id in periods}
    for period_id, of_period in summed.items():
        for feature in of_period:
            add_sums(usage[period_id], periods[period_id].span, feature, sums.get((period_id, feature.meter_id), []))
    spans = {period_id: period.span for period_id, period in periods.items()}
    recount_events(periods, spans, from_events, usage, until=until)
    inputs = read_rating_inputs(list(spans.values()))
    # The stored states include later events; only the levels at the start of a period are taken from storage.
    states = PeriodStates({period_id: counted.states for period_id, counted in usage.items()}, inputs.states.openings)
    return {
        period_id: BillablePeriod(
            msgspec.structs.replace(
                span,
                runs=inputs.runs.get(period_id, {}),
                split_values=inputs.split_values.get(period_id, ()),
            ),
            with_aggregates(usage[period_id].counters, span, states, at=until),
        )
        for period_id, span in spans.items()
    }


def is_summed(feature: FeatureTerms) -> bool:
    """Return whether the sums of hours tell the usage of each rate."""
    price = feature.price
    return (
        price is not None
        and feature.resets is None
        and not feature.metering.needs_aggregate_state
        and price.split is None
        and not price.reads_values
        and not any(rate.charge.reads == "carried" for rate in price.rates)
    )


def _invoiced_features(period: DuePeriod) -> list[FeatureTerms]:
    terms = load_terms(period.span.version_id, period.span.currency)
    return [feature for feature in terms.features if feature.price is not None and not feature.wallet]
