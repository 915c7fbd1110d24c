"""
Overrides: a version's terms with a subscription's own figures in place of the published ones.

This is the only place where a customer's overrides meet the price list: all code that rates a subscription's usage
takes its terms from here. The rates keep their keys and matches, so overrides do not change how usage is counted.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from django.utils.translation import gettext as _

from lib.decimals import EXACT, ZERO, to_plain_string
from plans.catalog.stored_terms import (
    FeatureTerms,
    TermDifference,
    VersionTerms,
    commitment_with_worth,
    index_features,
)
from plans.models.versions import TrialUsage
from plans.pricing import charge_models
from plans.pricing.commitments import SpendCommitment
from plans.pricing.price_splits import SplitText, derive_rates
from plans.pricing.proration import prorate_allowance
from plans.pricing.rates import RateTerms
from plans.pricing.rating import PriceTerms
from plans.pricing.trials import trial_price_terms
from plans.pricing.validation import InvalidCharge, check_price

# Up to eleven times the list price (`pricing.rates.MAX_FACTOR`), down to nothing.
MAX_PERCENT_UP, MAX_PERCENT_OFF = Decimal(1000), Decimal(-100)


class TermOverride(NamedTuple):
    """
    One figure of a subscription's own.

    kind: included, minimum or maximum of the feature; percent, on all its prices (-20 is 20% off); or price, of the
        rate with exactly this match: (dimension, value) pairs in the order of names, empty for the default rate. Or
        the commitment of the whole subscription, without a feature: its minimum as value, with its other figures as
        match.
    """

    feature_id: int
    kind: str
    value: Decimal
    match: tuple[tuple[str, str], ...] = ()


COMMITMENT = "commitment"
# Terms with overrides that a process keeps; customers on the list price share one entry of the version's cache.
CACHE_SIZE = 10_000
SPLIT_CACHE_SIZE = 16
SplitValues = tuple[tuple[int, tuple[tuple[SplitText, int], ...]], ...]
"""Plan feature → the numbered values of its split price, as pairs."""
Variant = frozenset[TermOverride] | Fraction | tuple[str, Fraction] | str | SplitValues
TermsCache = dict[tuple[int, str, Variant], tuple[VersionTerms, VersionTerms]]
_terms_cache: TermsCache = {}
_split_terms_cache: TermsCache = {}


def apply_overrides(terms: VersionTerms, overrides: frozenset[TermOverride]) -> VersionTerms:
    """
    Return the terms with these overrides in place of the version's figures.

    An override for a feature or a rate that the version does not have is ignored, since the version charges nothing
    for it.

    :raises InvalidCharge: if a figure cannot be charged by, in finance's words.

    Source: docs/pricing.md#overrides.
    """

    def derive() -> VersionTerms:
        committed = next(
            (_with_commitment(terms, override) for override in overrides if override.kind == COMMITMENT), terms
        )
        overridden = _with_features(committed, lambda feature: _with_overrides(feature, overrides))
        commitment = overridden.commitment
        return replace(overridden, commitment=commitment and commitment_with_worth(commitment, overridden.features))

    return _cached(terms, overrides, derive)


def _with_commitment(terms: VersionTerms, override: TermOverride) -> VersionTerms:
    """Return the terms with the subscription's own commitment, and its discount, in place of the version's."""
    figures = dict(override.match)
    commitment = SpendCommitment(
        minimum=override.value,
        overage_factor=Decimal(figures["overage_factor"]),
        discount=Decimal(figures["discount"]),
        trues_up=figures["trues_up"] == "1",
        periods=int(figures["periods"]),
        feature=figures["feature"],
        units=Decimal(figures["units"]) if figures["units"] else None,
        per_window=figures["per_window"] == "1",
    )

    is_settled = commitment_with_worth(commitment, terms.features) is not None

    def discount(feature: FeatureTerms) -> FeatureTerms:
        percent = commitment.discount if is_settled and commitment.covers(feature.code) else ZERO
        return feature if feature.price is None else replace(feature, price=replace(feature.price, discount=percent))

    return replace(_with_features(terms, discount), commitment=commitment, committed_since=figures["since"])


def prorate_terms(terms: VersionTerms, share: Fraction) -> VersionTerms:
    """
    Return the terms for the last part of an interval, which begins with a plan change, with a prorated allowance.

    Source: docs/pricing.md#prorated-allowances.
    """
    return _cached(terms, share, lambda: _with_features(terms, lambda feature: _prorate_feature(feature, share)))


def prorate_stub_terms(terms: VersionTerms, share: Fraction) -> VersionTerms:
    """
    Return the terms for a stub, with the allowances prorated that should be.

    Source: docs/pricing.md#prorated-allowances.
    """

    def prorate(feature: FeatureTerms) -> FeatureTerms:
        return _prorate_feature(feature, share) if feature.prorates_stubs else feature

    return _cached(terms, ("stub", share), lambda: _with_features(terms, prorate))


def trial_terms(terms: VersionTerms) -> VersionTerms:
    """
    Return the terms of a trial: without a commitment, and with usage free or billed.

    Source: docs/pricing.md#trials.
    """
    is_free = terms.trial_usage == TrialUsage.FREE

    def derive() -> VersionTerms:
        in_trial = _with_prices(terms, lambda price: trial_price_terms(price, is_free=is_free))
        return replace(in_trial, commitment=None, committed_since="", trial=terms.trial_usage)

    return _cached(terms, "trial", derive)


def split_terms(terms: VersionTerms, values: SplitValues) -> VersionTerms:
    """
    Return the terms with a rate for each value of the split prices. values: plan feature → values and their numbers.

    Source: docs/pricing.md#split-prices.
    """
    positions = {plan_feature_id: dict(feature_values) for plan_feature_id, feature_values in values}

    def split(feature: FeatureTerms) -> FeatureTerms:
        if feature.price is None or feature.price.split is None or feature.plan_feature_id not in positions:
            return feature
        rates = derive_rates(feature.price.rates, feature.price.split, positions[feature.plan_feature_id])
        return replace(feature, price=replace(feature.price, rates=rates))

    # Every period has values of its own, so only those of the last few periods are worth keeping.
    return _cached(
        terms, values, lambda: _with_features(terms, split), cache=_split_terms_cache, size=SPLIT_CACHE_SIZE
    )


def _prorate_feature(feature: FeatureTerms, share: Fraction) -> FeatureTerms:
    # The allowance of a usage window stays whole, because windows don't follow plan changes.
    if not feature.included or feature.resets is not None:
        return feature
    included = prorate_allowance(feature.included, share)
    price = None if feature.price is None else replace(feature.price, included=included)
    return replace(feature, included=included, price=price)


def _with_features(terms: VersionTerms, change: Callable[[FeatureTerms], FeatureTerms]) -> VersionTerms:
    return replace(terms, **index_features(tuple(change(feature) for feature in terms.features)))


def _with_prices(terms: VersionTerms, change: Callable[[PriceTerms], PriceTerms]) -> VersionTerms:
    return _with_features(
        terms, lambda feature: feature if feature.price is None else replace(feature, price=change(feature.price))
    )


def _cached(
    terms: VersionTerms,
    variant: Variant,
    derive: Callable[[], VersionTerms],
    *,
    cache: TermsCache = _terms_cache,
    size: int = CACHE_SIZE,
) -> VersionTerms:
    """Return a variant of a version's terms, derived once per process."""
    key = terms.version_id, terms.currency, variant
    # Compared by identity: terms that were read again replace the cached ones.
    source, derived = cache.get(key, (None, terms))
    if source is not terms:
        derived = derive()
        # Clearing everything is rare and cheaper than tracking which terms are still in use.
        if len(cache) >= size:
            cache.clear()
        cache[key] = terms, derived
    return derived


def _with_overrides(feature: FeatureTerms, overrides: frozenset[TermOverride]) -> FeatureTerms:
    override_values = {
        (override.kind, override.match): override.value
        for override in overrides
        if override.feature_id == feature.feature_id
    }
    if not override_values:
        return feature
    included = override_values.get(("included", ()), feature.included)
    price = None if feature.price is None else _override_price(feature.price, override_values, included)
    overridden = replace(feature, included=included, price=price)
    return replace(overridden, overridden=tuple(_differences(feature, overridden, override_values)))


OverrideValues = Mapping[tuple[str, tuple[tuple[str, str], ...]], Decimal]


def _override_price(price: PriceTerms, override_values: OverrideValues, included: Decimal) -> PriceTerms:
    return replace(
        price,
        included=included,
        minimum=override_values.get(("minimum", ()), price.minimum),
        maximum=override_values.get(("maximum", ()), price.maximum),
        rates=tuple(_override_rate(rate, override_values) for rate in price.rates),
    )


def _override_rate(rate: RateTerms, override_values: OverrideValues) -> RateTerms:
    """Return a rate at its overridden price or, if it has none, with the percentage that applies to all prices."""
    unit_price = override_values.get(("price", tuple(sorted(rate.match))))
    percent = override_values.get(("percent", ()))
    if unit_price is not None:
        return replace(rate, charge=_charge_at_price(rate, unit_price))
    if percent is not None:
        check_override_percent(percent)
        return replace(rate, factor=EXACT.scaleb(EXACT.add(percent, Decimal(100)), -2))
    return rate


def check_override_percent(percent: Decimal) -> None:
    """
    Check a percentage on all prices.

    :raises InvalidCharge: if it is not between -100 and 1,000.
    """
    if not MAX_PERCENT_OFF <= percent <= MAX_PERCENT_UP:
        raise InvalidCharge(
            _("Enter a percentage from %(lowest)s to %(highest)s, not %(percent)s.")
            % {"lowest": MAX_PERCENT_OFF, "highest": MAX_PERCENT_UP, "percent": f"{percent:f}"}
        )


def _charge_at_price(rate: RateTerms, unit_price: Decimal) -> charge_models.Charge:
    """
    Return a charge with another price: of the package or flat fee, otherwise of every unit, which replaces all tiers.
    """
    charge = rate.charge
    check_price(unit_price, subject="The price")
    if isinstance(charge, charge_models.Package):
        return replace(charge, price=unit_price)
    if isinstance(charge, charge_models.Flat):
        return charge_models.Flat(unit_price)
    if isinstance(charge, charge_models.Percentage | charge_models.Dynamic):
        raise InvalidCharge(
            _("%(rate)s charges per event and has no unit price. Change it by a percentage.") % {"rate": rate.label}
        )
    return charge_models.PerUnit(unit_price)


def _differences(
    before: FeatureTerms, after: FeatureTerms, override_values: OverrideValues
) -> Iterator[TermDifference]:
    """Yield the overridden figures in the order of a price list, only for terms that the version has at all."""
    if ("included", ()) in override_values:
        yield TermDifference("included", "", to_plain_string(after.included), to_plain_string(before.included))
    if before.price is None or after.price is None:
        return
    rates = list(zip(before.price.rates, after.price.rates, strict=True))
    for published_rate, rate in rates:
        if rate.charge is not published_rate.charge:
            unit_price = to_plain_string(_unit_price(rate))
            yield TermDifference("price", published_rate.label, unit_price, _published_price(published_rate))
    if any(rate.factor != published_rate.factor for published_rate, rate in rates):
        yield TermDifference("percent", "", to_plain_string(override_values["percent", ()]), "")
    for kind in ("minimum", "maximum"):
        if (kind, ()) in override_values:
            published = getattr(before.price, kind)
            published_text = "" if published is None else to_plain_string(published)
            yield TermDifference(kind, "", to_plain_string(override_values[kind, ()]), published_text)


def _unit_price(rate: RateTerms) -> Decimal:
    charge = rate.charge
    if isinstance(charge, charge_models.Package):
        return charge.price
    return charge.fee if isinstance(charge, charge_models.Flat) else charge.unit_price  # type: ignore[union-attr]  # no other kind


def _published_price(rate: RateTerms) -> str:
    """Return the published price of a rate; empty if it is not a single figure."""
    if isinstance(rate.charge, charge_models.Package | charge_models.Flat | charge_models.PerUnit):
        return to_plain_string(_unit_price(rate))
    return ""
