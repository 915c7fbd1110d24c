"""
Where a version that is tried finds its usage: the least that tells it exactly.

Counters, where the version in force has counted the same way; sums by dimensions, where rates match otherwise; the
events themselves, where neither tells: a charge on each event's value or price, another length of windows, a meter
that the version in force did not price, usage that it had no rate for. docs/simulation.md#usage.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from plans.catalog.stored_terms import FeatureTerms, Terms
from plans.pricing.charge_models import Charge, Dynamic
from plans.pricing.rates import Rate

Source = Literal["counters", "sums", "events"]


@dataclass(frozen=True, slots=True)
class Way:
    """
    How a feature of the tried version is counted.

    source: where from. own: of counters, the feature of the version in force; rates: its rate → the one that takes
    the usage now. keeps_windows: whether windows stay as they are; they are all one otherwise.
    """

    feature: FeatureTerms
    source: Source
    own: FeatureTerms | None = None
    rates: Mapping[int, int] | None = None
    keeps_windows: bool = True


def ways(own: Terms, tried: Terms, *, unpriced_meters: Collection[int] = ()) -> list[Way]:
    """
    Return how each priced feature of `tried` is counted in a period that `own` was in force in.

    unpriced_meters: those with usage in the period that the version in force had no price for.
    """
    return [_way(own, one, unpriced_meters) for one in tried.features if one.price is not None]


def _way(own: Terms, feature: FeatureTerms, unpriced_meters: Collection[int]) -> Way:
    price = feature.price
    assert price is not None  # noqa: S101, the caller has looked
    counted = [one for one in own.by_meter.get(feature.meter_id, ()) if one.price is not None]
    is_unpriced = feature.meter_id in unpriced_meters and not feature.metering.recurring
    if not counted or is_unpriced or price.reads_values:
        return Way(feature, "events")
    if feature.metering.is_tallied and feature.resets not in (None, *(one.resets for one in counted)):
        return Way(feature, "events")
    for one in counted:
        rates = _rates(one, feature)
        if rates is not None and feature.resets in (one.resets, None):
            return Way(feature, "counters", one, rates, keeps_windows=feature.resets == one.resets)
    if feature.resets is None and not any(rate.charge.reads == "carried" for rate in price.rates):
        return Way(feature, "sums")
    return Way(feature, "events")


def _rates(own: FeatureTerms, tried: FeatureTerms) -> dict[int, int] | None:
    """Return which rate takes what another has counted, where that is told by its match alone."""
    before: tuple[Rate, ...] = own.price.rates if own.price else ()
    after: tuple[Rate, ...] = tried.price.rates if tried.price else ()
    if [rate.match for rate in before] == [rate.match for rate in after]:
        pairs = list(zip(before, after, strict=True))
    elif len(after) == 1 and not after[0].match:
        pairs = [(rate, after[0]) for rate in before]
    else:
        return None
    if any(not _carries(one.charge, other.charge) for one, other in pairs):
        return None
    return {int(one.key): int(other.key) for one, other in pairs}


def _carries(own: Charge, tried: Charge) -> bool:
    """Tell whether counters hold the cost or price that a charge is made of."""
    return not isinstance(tried, Dynamic) or (isinstance(own, Dynamic) and own.source == tried.source)
