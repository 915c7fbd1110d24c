"""What a simulated period goes on from: windows of use that began earlier, and ladders that are climbed already."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from billing.closing.records import Assembled, Closing
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.multi_period_windows import Run, window_for
from billing.metering.rating_inputs.period_counters import Counters, Span, Window
from lib.decimals import EXACT, ZERO
from plans.catalog.stored_terms import FREE_RATE, FeatureTerms, terms_of

NOTHING_BILLED = "[]"


def with_runs_on(closing: Closing, earlier: Sequence[Closing]) -> Span:
    """
    Return a period with what its windows of use hold from the simulated periods before it.

    Source: docs/pricing.md#periods-of-use.
    """
    span = closing.span
    runs = {
        feature.plan_feature_id: _run(closing, feature, [one for one in earlier if not one.span.is_trial])
        for feature in terms_of(span.version_id, span.currency).running_on
    }
    return msgspec.structs.replace(span, runs=runs) if runs else span


def _run(closing: Closing, feature: FeatureTerms, earlier: Sequence[Closing]) -> Run:
    span = closing.span
    start, end = window_for(span, feature)
    before = [one for one in earlier if one.span.ends_at > start]
    used: dict[int, Decimal] = {}
    for one in before:
        _add(used, one.counters, Window(feature.plan_feature_id, start))
    is_last = span.is_trial or not closing.goes_on or span.ends_at >= end
    began_at = min([span.starts_at, *(one.span.starts_at for one in before)])
    return Run(start, end, began_at, used if before else None, is_last)


def _add(used: dict[int, Decimal], counters: Counters, window: Window) -> None:
    for rate_id, counted in counters.get(window, {}).items():
        used[rate_id] = EXACT.add(used.get(rate_id, ZERO), counted.quantity)


def climbed_in(closing: Closing, assembled: Assembled | None) -> str:
    """Return how far a simulated period has climbed, as `CONTINUED` reads it of a billed one."""
    if assembled is None:
        return NOTHING_BILLED
    features = terms_for(closing.span).by_plan_feature
    rows = []
    for one in assembled.snapshots:
        feature = features[one.window.plan_feature_id]
        if one.rate_id > FREE_RATE and feature.price is not None and feature.resets is None:
            match = next(dict(rate.match) for rate in feature.price.rates if rate.key == one.rate_id)
            told = msgspec.json.decode(one.line.explanation)
            units = EXACT.add(Decimal(told.get("climbed", "0")), Decimal(told["billable"]))
            rows.append((0, feature.feature_id, match, f"{units:f}"))
    return msgspec.json.encode(rows).decode()
