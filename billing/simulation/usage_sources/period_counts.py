"""Count the usage of a chunk of periods as a candidate version would have counted it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from billing.closing.records import PeriodToClose
from billing.metering.ingest.catalog_cache import get_catalog
from billing.metering.rating_inputs.aggregate_quantities import ByMeter, NoRate, PeriodStates, read_states
from billing.metering.rating_inputs.period_counters import with_aggregates
from billing.metering.rating_inputs.rating_period import Counters, CounterState, CounterWindow, RatingPeriod
from billing.metering.store.event_removals import EventsRemoved, read_removed
from billing.simulation.candidate.candidate_terms import NotComparable
from billing.simulation.history.billed_periods import PastPeriods
from billing.simulation.history.invoiced_amounts import format_dimensions
from billing.simulation.records import CandidateUsage, UnpricedQuantity
from billing.simulation.usage_sources.event_recount import recount_events
from billing.simulation.usage_sources.source_selection import FeatureSource, Source, select_sources
from lib.decimals import ZERO
from lib.prepared_statements import fetch_rows
from plans.catalog.stored_terms import FeatureTerms, VersionTerms, load_terms
from plans.pricing.price_splits import listed_key, split_key, split_position
from plans.pricing.rating import UNCOVERED, match_rate

# OFFSET 0 keeps the planner from flattening the subqueries: one index scan per period.
_SUMS = """
SELECT s.period_id, s.meter_id, s.dimensions::text, sum(h.events)::bigint, sum(h.quantity)
FROM unnest(%s::bigint[]) AS requested(period)
CROSS JOIN LATERAL (
    SELECT * FROM billing_series WHERE period_id = requested.period AND meter_id = ANY(%s::bigint[]) OFFSET 0
) s
CROSS JOIN LATERAL (
    SELECT * FROM billing_hourlyusage
    WHERE series_id = s.id AND bucket < coalesce(%s::timestamptz, 'infinity') OFFSET 0
) h
GROUP BY s.id, 1, 2, s.dimensions
"""

# Usage without a price in the version in force is neither in counters nor in sums by dimensions.
_UNPRICED = """
SELECT DISTINCT p.id, u.event_name FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer c ON c.id = s.customer_id
JOIN billing_unmatchedusage u ON u.customer_ref = c.external_id AND u.sandbox = c.sandbox AND u.resolved_at IS NULL
    AND u.occurred_at >= p.starts_at AND u.occurred_at < p.ends_at
WHERE p.id = ANY(%s)
"""

SumsByMeter = dict[tuple[int, int], list[tuple[dict[str, str], int, Decimal]]]
"""(period, meter) → (dimensions, events, quantity) of each series."""

_dimensions = msgspec.json.Decoder(dict[str, str]).decode


def count_usage(
    past: PastPeriods, spans: Mapping[int, RatingPeriod], *, usage_source: Source | None = None
) -> dict[int, CandidateUsage]:
    """
    Return the usage of periods as the versions of these spans would have counted it.

    spans: period → the same period on the candidate version. usage_source: read all usage from `sums` or `events`.
    """
    unpriced = _read_unpriced(list(spans))
    sources_by_period = {
        period_id: _feature_sources(past.closings[period_id], span, unpriced.get(period_id, set()), usage_source)
        for period_id, span in spans.items()
    }
    summed_meters = [
        (period_id, feature_source.feature.meter_id)
        for period_id, sources in sources_by_period.items()
        for feature_source in sources
        if feature_source.source == "sums"
    ]
    sums = read_sums(summed_meters)
    stored_states = read_states(list(spans.values()))
    usage = {
        period_id: _count_stored(
            past.closings[period_id].span, past.counters.get(period_id, {}), span, sources_by_period[period_id], sums
        )
        for period_id, span in spans.items()
    }
    features_from_events = {
        period_id: features
        for period_id, sources in sources_by_period.items()
        if (features := _features_from_events(sources))
    }
    removed = read_removed({past.closings[period_id].buyer.customer_id for period_id in features_from_events})
    for period_id in list(features_from_events):
        closing = past.closings[period_id]
        left = removed.get(closing.buyer.customer_id)
        if left is not None and closing.span.starts_at < left.until:
            usage[period_id].error = NotComparable(
                f"This version needs the events of the period. {EventsRemoved(left)}"
            )
            del features_from_events[period_id]
    recount_events(past.closings, spans, features_from_events, usage)
    for period_id, span in spans.items():
        candidate_usage, own_counters = usage[period_id], past.counters.get(period_id, {})
        _add_unpriced_meters(candidate_usage, past.closings[period_id].span, span, own_counters)
        if candidate_usage.error is not None:
            continue
        try:
            until = past.at if past.rows[period_id].is_open else None
            _reject_recounted_levels(sources_by_period[period_id], is_part=bool(span.continued))
            candidate_usage.counters = with_aggregates(
                candidate_usage.counters,
                span,
                _with_recounted_states(stored_states, candidate_usage.states, period_id),
                at=until,
            )
        except (NoRate, NotComparable) as error:
            candidate_usage.error = error
    return usage


def _reject_recounted_levels(sources: Sequence[FeatureSource], *, is_part: bool) -> None:
    """
    Refuse levels that earlier periods carry over but did not record. is_part: whether the period continues another.
    """
    for feature_source in sources:
        metering = feature_source.feature.metering
        carries_over = metering.recurring or (is_part and metering.continues_level)
        if carries_over and feature_source.source == "events":
            raise NotComparable(
                f"{feature_source.feature.name} carries its level over from period to period, and the version in "
                "force did not record it as this version would."
            )


def _feature_sources(
    closing: PeriodToClose, span: RatingPeriod, unpriced_events: set[str], usage_source: Source | None
) -> list[FeatureSource]:
    terms_in_force, candidate_terms = _terms(closing.span), _terms(span)
    meters = {
        meter.id
        for name in unpriced_events
        if (event_meters := get_catalog().by_event.get(name)) is not None
        for meter in event_meters.meters
    }
    sources = select_sources(terms_in_force, candidate_terms, unpriced_meters=meters)
    if usage_source:
        sources = [
            feature_source
            if feature_source.feature.metering.recurring
            else FeatureSource(feature_source.feature, usage_source)
            for feature_source in sources
        ]
    return sources


def _terms(span: RatingPeriod) -> VersionTerms:
    return load_terms(span.version_id, span.currency)


def _features_from_events(sources: Iterable[FeatureSource]) -> list[FeatureTerms]:
    return [feature_source.feature for feature_source in sources if feature_source.source == "events"]


def _count_stored(
    span_in_force: RatingPeriod,
    own_counters: Counters,
    span: RatingPeriod,
    sources: Sequence[FeatureSource],
    sums: SumsByMeter,
) -> CandidateUsage:
    usage = CandidateUsage()
    split_values = dict(span_in_force.split_values)
    for feature_source in sources:
        if feature_source.source == "counters":
            _add_counters(usage, own_counters, span, feature_source)
            current = feature_source.current_feature
            if feature_source.keeps_values and current is not None and current.plan_feature_id in split_values:
                values = dict(split_values[current.plan_feature_id])
                usage.split_values[feature_source.feature.plan_feature_id] = values
        elif feature_source.source == "sums":
            add_sums(
                usage, span, feature_source.feature, sums.get((span.period_id, feature_source.feature.meter_id), [])
            )
    return usage


def _add_counters(
    usage: CandidateUsage, own_counters: Counters, span: RatingPeriod, feature_source: FeatureSource
) -> None:
    assert feature_source.current_feature is not None and feature_source.rates is not None  # noqa: S101, PT018, select_sources() sets both
    for window, by_rate in own_counters.items():
        if window.plan_feature_id != feature_source.current_feature.plan_feature_id:
            continue
        start = window.starts_at if feature_source.keeps_windows else span.starts_at
        for rate_id, counted in by_rate.items():
            if rate_id != UNCOVERED:  # the candidate's own grants decide which usage wallets don't cover
                window_on_candidate = CounterWindow(feature_source.feature.plan_feature_id, start)
                candidate_rate = feature_source.rates[listed_key(rate_id)]
                if feature_source.keeps_values:
                    candidate_rate = split_key(candidate_rate, split_position(rate_id))
                usage.add(window_on_candidate, candidate_rate, counted)


def add_sums(
    usage: CandidateUsage,
    span: RatingPeriod,
    feature: FeatureTerms,
    sums: Sequence[tuple[dict[str, str], int, Decimal]],
) -> None:
    """Add a feature's sums by dimensions to the rates that match them."""
    for dimensions, events, quantity in sums:
        rate = match_rate(feature.price.rates, dimensions) if feature.price else None
        if rate is None:
            usage.unpriced.append(
                UnpricedQuantity(feature.name, feature.unit, format_dimensions(dimensions), quantity)
            )
        else:
            window = CounterWindow(feature.plan_feature_id, span.starts_at)
            usage.add(window, int(rate.key), CounterState(events, quantity, ZERO))


def _with_recounted_states(stored: PeriodStates, recounted: ByMeter, period_id: int) -> PeriodStates:
    """Return the stored aggregate states, with those recounted from events in their place."""
    if not recounted:
        return stored
    states = {**stored.states.get(period_id, {}), **recounted}
    return stored._replace(states={**stored.states, period_id: states})


def _add_unpriced_meters(
    usage: CandidateUsage, span_in_force: RatingPeriod, span: RatingPeriod, counters: Counters
) -> None:
    """List usage that the version in force charged for, of meters that the candidate doesn't price."""
    before, after = _terms(span_in_force), _terms(span)
    priced_meters = {feature.meter_id for feature in after.features if feature.price is not None}
    for feature in before.features:
        if feature.meter_id not in priced_meters:
            quantities = [
                counted.quantity
                for window, by_rate in counters.items()
                for rate_id, counted in by_rate.items()
                if window.plan_feature_id == feature.plan_feature_id and rate_id != UNCOVERED
            ]
            if any(quantities):
                usage.unpriced.append(UnpricedQuantity(feature.name, feature.unit, "", sum(quantities, ZERO)))


def read_sums(period_meters: Sequence[tuple[int, int]], *, until: datetime | None = None) -> SumsByMeter:
    """
    Return the sums of meters in periods. until: leave out the hours that begin then or later.
    """
    sums: SumsByMeter = {}
    if not period_meters:
        return sums
    period_ids = sorted({period_id for period_id, _ in period_meters})
    meter_ids = sorted({meter_id for _, meter_id in period_meters})
    for period_id, meter_id, dimensions, events, quantity in fetch_rows(_SUMS, [period_ids, meter_ids, until]):
        sums.setdefault((period_id, meter_id), []).append((_dimensions(dimensions), events, quantity))
    return sums


def _read_unpriced(period_ids: Sequence[int]) -> dict[int, set[str]]:
    names_by_period: dict[int, set[str]] = {}
    for period_id, name in fetch_rows(_UNPRICED, [list(period_ids)]):
        names_by_period.setdefault(period_id, set()).add(name)
    return names_by_period
