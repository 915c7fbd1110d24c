"""What keeps a version from being billed by, in words for whoever edits it."""

from collections.abc import Iterator

from plans.models import PlanFeature, PlanVersion, Price, Rate
from plans.models.catalogue import FeatureKind
from plans.models.meters import Aggregation
from plans.models.prices import Consumption
from plans.pricing.money import minor_unit
from plans.terms import price_terms, rate_terms

BILLED_AGGREGATIONS = {Aggregation.COUNT, Aggregation.SUM}
BILLED_CONSUMPTIONS = {Consumption.HARD_CAP, Consumption.OVERAGE}


def problems_of(version: PlanVersion) -> list[str]:
    """Return a sentence for each thing that must change before the version can be published; none if it can."""
    features = list(
        version.features.select_related("feature__meter")
        .prefetch_related("prices__rates__tiers")
        .order_by("position")
    )
    fees = list(version.fees.order_by("position"))
    if not features and not fees:
        return ["It charges and grants nothing: add a fee or a feature."]
    found = [problem for granted in features for problem in _problems_of_feature(granted)]
    offered = {fee.currency for fee in fees}
    offered |= {price.currency for granted in features for price in granted.prices.all()}
    for currency in sorted(offered):
        found += _problems_of_currency(version, features, currency)
    return found


def _problems_of_feature(granted: PlanFeature) -> Iterator[str]:
    feature, prices = granted.feature, list(granted.prices.all())
    if feature.kind != FeatureKind.METERED:
        if prices:
            yield f"{feature} is not metered, so nothing could be counted for its price: remove the price."
        return
    if granted.consumption not in BILLED_CONSUMPTIONS:
        yield f"{feature} is to be paid from a wallet, which is not billed yet: choose overage or a hard cap."
    if feature.meter.aggregation not in BILLED_AGGREGATIONS:
        kind = feature.meter.get_aggregation_display()
        yield f"{feature} is metered by {kind}, which is not billed yet: choose a meter that counts or sums."
    if granted.consumption == Consumption.OVERAGE and not prices:
        yield f"{feature} has no price: add one, at zero if use beyond what is included shall be free."
    for price in prices:
        yield from _problems_of_price(granted, price)


def _problems_of_price(granted: PlanFeature, price: Price) -> Iterator[str]:
    rates = list(price.rates.all())
    name = f"{granted.feature} in {price.currency}"
    if not rates:
        yield f"{name} has no rate: add at least a default rate."
    wrong = [problem for rate in rates for problem in _problems_of_rate(rate)]
    yield from (f"{name}: {problem}" for problem in wrong)
    if rates and not wrong:
        try:
            price_terms(granted, granted.feature.meter, price, price.currency)
        except ValueError as error:
            yield f"{name}: {error}"


def _problems_of_rate(rate: Rate) -> Iterator[str]:
    try:
        rate_terms(rate, rate.tiers.all())
    except ValueError as error:
        yield f"{rate}: {error}"


def _problems_of_currency(version: PlanVersion, features: list[PlanFeature], currency: str) -> Iterator[str]:
    try:
        minor_unit(currency)
    except ValueError as error:
        yield str(error)
    for granted in features:
        priced = {price.currency for price in granted.prices.all()}
        if priced and currency not in priced:
            yield f"{granted.feature} has no price in {currency}, which the version charges in elsewhere: add one."
    # A base fee in dollars only would give subscriptions in euros the plan for nothing.
    fees = list(version.fees.all())
    for label in sorted({fee.label for fee in fees} - {fee.label for fee in fees if fee.currency == currency}):
        yield f"The fee “{label}” has no amount in {currency}, which the version charges in elsewhere: add it."
