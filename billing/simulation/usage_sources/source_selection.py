"""
Select where a candidate version's usage is read: from the cheapest source that is exact.

Counters, if the version in force counted in the same way. Sums by dimensions, if rates match differently. Events, if
neither suffices: a charge on each event's value or price, another window length, a meter that the version in force
did not price, or usage that it had no rate for. docs/simulation.md#usage.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from plans.catalog.stored_terms import FeatureTerms, VersionTerms
from plans.pricing.charge_models import Charge, Dynamic
from plans.pricing.rates import RateTerms
from plans.pricing.terms import PriceTerms

Source = Literal["counters", "sums", "events"]


@dataclass(frozen=True, slots=True)
class FeatureSource:
    """
    The source of a candidate feature's usage.

    For counters: current_feature is the feature of the version in force, and rates maps its rates to those that take
    the usage now. keeps_windows: whether usage windows stay as they are; otherwise the period has a single window.
    keeps_values: whether the price stays split into the same values.
    """

    feature: FeatureTerms
    source: Source
    current_feature: FeatureTerms | None = None
    rates: Mapping[int, int] | None = None
    keeps_windows: bool = True
    keeps_values: bool = False


def select_sources(
    in_force: VersionTerms, candidate: VersionTerms, *, unpriced_meters: Collection[int] = ()
) -> list[FeatureSource]:
    """
    Return the source of each priced feature of `candidate`, in a period for which `in_force` were the terms.

    unpriced_meters: meters with usage in the period that the version in force had no price for.
    """
    return [
        _select_source(in_force, feature, unpriced_meters)
        for feature in candidate.features
        if feature.price is not None
    ]


def _select_source(in_force: VersionTerms, feature: FeatureTerms, unpriced_meters: Collection[int]) -> FeatureSource:
    price = feature.price
    assert price is not None  # noqa: S101, the caller filters on it
    counted = [
        current_feature
        for current_feature in in_force.by_meter.get(feature.meter_id, ())
        if current_feature.price is not None
    ]
    is_unpriced = feature.meter_id in unpriced_meters and not feature.metering.recurring
    if not counted or is_unpriced or price.reads_values:
        return FeatureSource(feature, "events")
    if feature.metering.needs_aggregate_state and feature.resets not in (
        None,
        *(current_feature.resets for current_feature in counted),
    ):
        return FeatureSource(feature, "events")
    for current_feature in counted:
        rates = _rates(current_feature, feature)
        keeps_values = price.split is not None and _split_alike(current_feature.price, price)
        if (
            rates is not None
            and feature.resets in (current_feature.resets, None)
            and (price.split is None or keeps_values)
        ):
            keeps_windows = feature.resets == current_feature.resets
            return FeatureSource(feature, "counters", current_feature, rates, keeps_windows, keeps_values)
    if (
        feature.resets is None
        and price.split is None
        and not any(rate.charge.reads == "carried" for rate in price.rates)
    ):
        return FeatureSource(feature, "sums")
    return FeatureSource(feature, "events")


def _split_alike(in_force: PriceTerms | None, candidate: PriceTerms) -> bool:
    """Return whether two prices number the same values, in the same order."""
    before, after = in_force.split if in_force else None, candidate.split
    return before is not None and after is not None and (before.path, before.bound) == (after.path, after.bound)


def _rates(in_force: FeatureTerms, candidate: FeatureTerms) -> dict[int, int] | None:
    """Return rate → the rate that takes its usage, if the matches alone decide that; otherwise None."""
    before: tuple[RateTerms, ...] = in_force.price.rates if in_force.price else ()
    after: tuple[RateTerms, ...] = candidate.price.rates if candidate.price else ()
    if [rate.match for rate in before] == [rate.match for rate in after]:
        pairs = list(zip(before, after, strict=True))
    elif len(after) == 1 and not after[0].match:
        pairs = [(rate, after[0]) for rate in before]
    else:
        return None
    if any(not _carries(current_rate.charge, candidate_rate.charge) for current_rate, candidate_rate in pairs):
        return None
    return {int(current_rate.key): int(candidate_rate.key) for current_rate, candidate_rate in pairs}


def _carries(in_force: Charge, candidate: Charge) -> bool:
    """Return whether counters hold the cost or price that a charge is computed from."""
    return not isinstance(candidate, Dynamic) or (
        isinstance(in_force, Dynamic) and in_force.source == candidate.source
    )
