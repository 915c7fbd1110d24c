"""State that a simulated period carries over: usage windows that began earlier, and tiers already reached."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from billing.closing.records import AssembledInvoice, PeriodToClose
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.multi_period_windows import find_window
from billing.metering.rating_inputs.rating_period import Counters, CounterWindow, RatingPeriod, WindowRun
from lib.decimals import EXACT, ZERO
from plans.catalog.stored_terms import FREE_RATE, FeatureTerms, load_terms

NOTHING_BILLED = "[]"


def with_simulated_runs(closing: PeriodToClose, earlier: Sequence[PeriodToClose]) -> RatingPeriod:
    """
    Return a period with the usage that its windows hold from earlier simulated periods.

    Source: docs/pricing.md#usage-windows.
    """
    span = closing.span
    runs = {
        feature.plan_feature_id: _simulated_run(
            closing, feature, [earlier_closing for earlier_closing in earlier if not earlier_closing.span.is_trial]
        )
        for feature in load_terms(span.version_id, span.currency).spanning_features
    }
    return msgspec.structs.replace(span, runs=runs) if runs else span


def _simulated_run(closing: PeriodToClose, feature: FeatureTerms, earlier: Sequence[PeriodToClose]) -> WindowRun:
    span = closing.span
    start, end = find_window(span, feature)
    overlapping = [earlier_closing for earlier_closing in earlier if earlier_closing.span.ends_at > start]
    used: dict[int | str, Decimal] = {}
    for earlier_closing in overlapping:
        _add_used(used, earlier_closing.counters, CounterWindow(feature.plan_feature_id, start))
    is_last = span.is_trial or not closing.subscription_continues or span.ends_at >= end
    began_at = min([span.starts_at, *(earlier_closing.span.starts_at for earlier_closing in overlapping)])
    return WindowRun(start, end, began_at, used if overlapping else None, is_last)


def _add_used(used: dict[int | str, Decimal], counters: Counters, window: CounterWindow) -> None:
    for rate_id, counted in counters.get(window, {}).items():
        used[rate_id] = EXACT.add(used.get(rate_id, ZERO), counted.quantity)


def tier_progress(closing: PeriodToClose, assembled: AssembledInvoice | None) -> str:
    """
    Return how far a simulated period has advanced through tiers, in the format in which `CONTINUED` reads billed
    periods.
    """
    if assembled is None:
        return NOTHING_BILLED
    features = terms_for(closing.span).by_plan_feature
    matches = {
        (feature.plan_feature_id, rate.key): rate.full_match
        for feature in features.values()
        if feature.price is not None
        for rate in feature.price.rates
    }
    rows = []
    for snapshot in assembled.snapshots:
        feature = features[snapshot.window.plan_feature_id]
        if snapshot.rate_id > FREE_RATE and feature.price is not None and feature.resets is None:
            match = matches[feature.plan_feature_id, snapshot.rate_id]
            explanation = msgspec.json.decode(snapshot.line.explanation)
            units = EXACT.add(Decimal(explanation.get("climbed", "0")), Decimal(explanation["billable"]))
            rows.append((0, feature.feature_id, match, f"{units:f}"))
    return msgspec.json.encode(rows).decode()
