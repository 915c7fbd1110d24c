"""The problems that prevent a version from being billed by, in words for its editor."""

from collections.abc import Iterator

from lib.currencies import CREDITS
from lib.money import minor_unit
from plans.catalog.stored_terms import build_price_terms, build_rate_terms, metering_terms
from plans.models import Fee, IncludedCredits, Meter, PlanFeature, PlanVersion, Price, Rate
from plans.models.included_credits import CREDITS as CREDIT_UNITS
from plans.models.meters import Aggregation
from plans.models.prices import PREPAID, AtZero, ChargeModel, Consumption, CostSource, UnlockedBy
from plans.pricing.period_anchor import MAX_INTERVAL_UNITS, Interval

BY_QUANTITY = {ChargeModel.PER_UNIT, ChargeModel.PACKAGE, ChargeModel.GRADUATED, ChargeModel.VOLUME}
"""Charge models that depend on the quantity alone and charge per unit."""


def problems_of(version: PlanVersion) -> list[str]:
    """Return one sentence for each problem to solve before the version can be published; none if it is ready."""
    features = list(
        version.features.select_related("feature__meter")
        .prefetch_related("prices__rates__tiers", "feature__meter__readings")
        .order_by("position")
    )
    fees = list(version.fees.order_by("position"))
    if not features and not fees:
        return ["It charges and grants nothing: add a fee or a feature."]
    problems = [problem for plan_feature in features for problem in _problems_of_feature(plan_feature)]
    problems += [problem for plan_feature in features for problem in _problems_of_unlock(plan_feature, features)]
    problems += [problem for fee in fees if fee.every > 1 for problem in _problems_of_lasting(version, fee)]
    offered = {fee.currency for fee in fees}
    offered |= {price.currency for plan_feature in features for price in plan_feature.prices.all()} - {CREDITS}
    for commitment in version.commitments.exclude(currency__in=offered).order_by("currency"):
        problems.append(f"It charges nothing in {commitment.currency}: remove the commitment in it.")
    for included in version.included_credits.order_by("code", "unit"):
        problems += _problems_of_included(version, included, offered, features)
    for currency in sorted(offered):
        problems += _problems_of_currency(version, features, currency)
    return problems


def _problems_of_feature(plan_feature: PlanFeature) -> Iterator[str]:
    feature, prices = plan_feature.feature, list(plan_feature.prices.all())
    if feature.meter is None:
        if prices:
            yield f"{feature} is not metered, so nothing could be counted for its price: remove the price."
        return
    if plan_feature.consumption == Consumption.OVERAGE and not prices:
        yield f"{feature} has no price: add one, at zero if use beyond what is included shall be free."
    if plan_feature.consumption in PREPAID:
        yield from _problems_of_wallet(plan_feature, prices)
    elif any(price.currency == CREDITS for price in prices):
        yield f"{feature} has a price in credits, and is not paid with any: remove it, or let it burn credits."
    for price in prices:
        yield from _problems_of_price(plan_feature, feature.meter, price)


def _problems_of_unlock(plan_feature: PlanFeature, features: list[PlanFeature]) -> Iterator[str]:
    """Yield the reasons why a feature could never be unlocked."""
    if not plan_feature.unlocked_with:
        return
    others = {other.feature.code: other for other in features if other != plan_feature}
    other = others.get(plan_feature.unlocked_with)
    meter = other.feature.meter if other else None
    if other is None or meter is None:
        yield (
            f"{plan_feature.feature} opens by usage of “{plan_feature.unlocked_with}”, which is no other metered "
            "feature of the version: choose one."
        )
    elif plan_feature.unlocked_by == UnlockedBy.USAGE_EVER and meter.aggregation not in (
        "count",
        "sum",
    ):
        yield (
            f"{plan_feature.feature} opens by all usage of {other.feature}, which is no sum: let it be of the period."
        )


def _problems_of_lasting(version: PlanVersion, fee: Fee) -> Iterator[str]:
    """
    Yield the reasons why a fee for several periods has no valid interval, or one that does not begin with a period.
    """
    period = Interval(version.interval_unit, version.interval_count)
    try:
        fee_interval = period.multiplied_by(fee.every)
    except ValueError:
        yield (
            f"The fee “{fee}” is for {fee.every} periods of {period.count} {period.unit}: together that may be"
            f" {MAX_INTERVAL_UNITS} at most."
        )
        return
    if version.anchor == "calendar" and period.count > 1 and not fee_interval.is_multiple_of(period):
        yield (
            f"The fee “{fee}” is for {fee_interval.count} {fee_interval.unit}s, which on the calendar do not begin "
            "where a period does: let it be for as many periods as make a year, or anchor the plan to the start day."
        )


def _problems_of_included(
    version: PlanVersion, included: IncludedCredits, offered: set[str], features: list[PlanFeature]
) -> Iterator[str]:
    """Yield the reasons why included credits could not be granted, or never be used."""
    name, is_credits = f"The included credits “{included}”", included.unit == CREDIT_UNITS
    if included.every == "month" and not Interval(version.interval_unit, version.interval_count).months:
        unit = version.interval_unit
        yield f"{name} come each month, and periods are counted in {unit}s: let them come each period."
    if not is_credits and included.unit not in offered:
        yield f"{name} are in {included.unit}, which the version charges nothing in: remove them."
    if not is_credits:
        units = set(version.included_credits.filter(code=included.code).values_list("unit", flat=True))
        for currency in sorted(offered - units):
            yield f"{name} have no amount in {currency}, which the version charges in elsewhere: add it."
    consumption = Consumption.CREDITS if is_credits else Consumption.BALANCE
    payable_codes = {
        plan_feature.feature.code for plan_feature in features if plan_feature.consumption == consumption
    }
    for code in included.feature_codes:
        if code not in payable_codes:
            yield f"{name} are for {code}, which this version does not let be paid with them: choose another feature."


def _problems_of_wallet(plan_feature: PlanFeature, prices: list[Price]) -> Iterator[str]:
    """Yield the reasons why a wallet could not pay for a feature."""
    feature, money_prices = plan_feature.feature, [price for price in prices if price.currency != CREDITS]
    if plan_feature.consumption == Consumption.BALANCE:
        if len(money_prices) < len(prices):
            yield f"{feature} is paid from a balance of money: remove its price in credits."
        if not money_prices:
            yield f"{feature} has no price: add what its use takes from the balance."
    elif len(money_prices) == len(prices):
        yield f"{feature} has no price in credits: add what each use burns."
    elif plan_feature.at_zero == AtZero.OVERAGE and not money_prices:
        yield f"{feature} goes on without credits: add a price in money, of one credit that the wallet had not."
    for price in prices:
        rates = list(price.rates.all())
        if price.minimum is not None or price.maximum is not None:
            yield f"{feature} is paid use by use, so its price has no minimum and no maximum: remove them."
        if any(rate.model == ChargeModel.FLAT for rate in rates):
            yield f"{feature} is paid use by use, and a flat fee is not of any: make it a fee of the plan."
        if any(rate.model == ChargeModel.PERCENTAGE for rate in rates):
            yield f"{feature} is paid use by use, and a percentage looks at every event anew: charge by the unit."
        prices_one_credit = plan_feature.consumption == Consumption.CREDITS and price.currency != CREDITS
        if prices_one_credit and (len(rates) != 1 or rates[0].match or rates[0].model not in BY_QUANTITY):
            yield f"{price} is what one credit costs: give it one rate for all, by the unit."


def _problems_of_price(plan_feature: PlanFeature, meter: Meter, price: Price) -> Iterator[str]:
    rates = list(price.rates.all())
    name = str(price)
    if not rates:
        yield f"{name} has no rate: add at least a default rate."
    rate_problems = [problem for rate in rates for problem in _problems_of_rate(rate)]
    yield from (f"{name}: {problem}" for problem in rate_problems)
    yield from (f"{name}: {problem}" for rate in rates for problem in _problems_of_match(meter, rate))
    yield from _problems_of_metering(meter, price, rates, name)
    # With an invalid rate this would only report the same problem again.
    if rates and not rate_problems:
        try:
            build_price_terms(plan_feature, meter, price, price.currency)
        except ValueError as error:
            yield f"{name}: {error}"


def _problems_of_match(meter: Meter, rate: Rate) -> Iterator[str]:
    """
    Yield the reasons why a rate could never match usage: its meter has no such dimension, or never such a value.
    """
    values = {
        name: allowed
        for name, allowed in meter.filters.items()
        if all(isinstance(allowed_value, str) for allowed_value in allowed)
    }
    if meter.reading_dimension:
        values[meter.reading_dimension] = [reading.dimension_value for reading in meter.readings.all()]
    dimensions = [*meter.dimensions, *filter(None, [meter.reading_dimension])]
    for dimension, value in rate.match.items():
        if dimension not in dimensions:
            remedy = f"match {' or '.join(dimensions)} instead" if dimensions else "let it match all usage"
            yield (
                f"“{rate}” would never apply, since {meter} has no dimension “{dimension}”: {remedy}, or make it a"
                " dimension of the meter."
            )
        elif value not in values.get(dimension, [value]):
            yield (
                f"“{rate}” would never apply, since “{dimension}” of {meter} is never “{value}”: it is"
                f" {' or '.join(values[dimension])}."
            )


def _problems_of_metering(meter: Meter, price: Price, rates: list[Rate], name: str) -> Iterator[str]:
    """Yield the reasons why a meter cannot provide the usage that the price charges."""
    yield from _problems_of_reset(meter, price, rates, name)
    keeps_level = meter.recurring or meter.aggregation in (Aggregation.UNIQUE, Aggregation.WEIGHTED_SUM)
    if price.resets_unit and keeps_level:
        yield f"{name}: {meter} keeps a level or a set of values, which is charged by the invoice's period: no reset."
    if meter.recurring and all(rate.match for rate in rates):
        yield f"{name}: {meter} carries a level over, so its price needs a default rate for whatever is carried."
    event_rates = [rate for rate in rates if rate.model in (ChargeModel.PERCENTAGE, ChargeModel.DYNAMIC)]
    if event_rates and metering_terms(meter).needs_aggregate_state:
        yield f"{name}: a {event_rates[0].model} charges single events, and {meter} makes more than a sum of them."
    dynamic_rates = [rate for rate in rates if rate.model == ChargeModel.DYNAMIC]
    if any(rate.cost_source == CostSource.EVENT for rate in dynamic_rates) and not meter.price_property:
        yield f"{name}: a dynamic price charges what events cost, and {meter} reads no price from them."
    for rate in dynamic_rates:
        if rate.cost_source == CostSource.UNIT_COST and not _has_cost(meter, price, rate):
            yield (
                f"{name}: “{rate}” charges what a unit costs, and no cost of {meter} in {price.currency} applies"
                " to it from now on: record one under Unit costs."
            )


def _has_cost(meter: Meter, price: Price, rate: Rate) -> bool:
    """Return whether any of a rate's usage has a unit cost without an end."""
    lasting_costs = meter.unit_costs.filter(currency=price.currency, valid_to__isnull=True)
    return any(
        all(rate.match.get(name, value) == value for name, value in cost.match.items()) for cost in lasting_costs
    )


def _problems_of_reset(meter: Meter, price: Price, rates: list[Rate], name: str) -> Iterator[str]:
    """
    Yield the reasons why a price cannot reset as often as it says: its boundaries must coincide with the invoice
    periods'.
    """
    version = price.plan_feature.version
    if not price.resets_unit:
        return
    reset_interval = Interval(price.resets_unit, price.resets_every)
    invoice_interval = Interval(version.interval_unit, version.interval_count)
    spans_periods = reset_interval.is_longer_than(invoice_interval)
    if not (
        reset_interval.is_multiple_of(invoice_interval)
        if spans_periods
        else invoice_interval.is_multiple_of(reset_interval)
    ):
        yield (
            f"{name}: it starts anew every {price.resets_every} {price.resets_unit}, which neither divides the"
            f" {version.interval_count} {version.interval_unit} that are invoiced nor is a multiple: choose another."
        )
    if spans_periods and metering_terms(meter).needs_aggregate_state:
        yield f"{name}: {meter} makes more than a sum, which runs on over no invoices: reset it with each."
    event_rates = [rate for rate in rates if rate.model in (ChargeModel.PERCENTAGE, ChargeModel.DYNAMIC)]
    if spans_periods and event_rates:
        yield f"{name}: a {event_rates[0].model} charges single events, which do not run on over several invoices."


def _problems_of_rate(rate: Rate) -> Iterator[str]:
    try:
        build_rate_terms(rate, rate.tiers.all())
    except ValueError as error:
        yield f"{rate}: {error}"


def _problems_of_currency(version: PlanVersion, features: list[PlanFeature], currency: str) -> Iterator[str]:
    try:
        minor_unit(currency)
    except ValueError as error:
        yield str(error)
    for plan_feature in features:
        priced = {price.currency for price in plan_feature.prices.all()} - {CREDITS}
        if priced and currency not in priced:
            yield (
                f"{plan_feature.feature} has no price in {currency}, which the version charges in elsewhere: add one."
            )
    # Without this check, a base fee in dollars only would make the plan free for subscriptions in euros.
    fees = list(version.fees.all())
    priced = {fee.code for fee in fees if fee.currency == currency}
    for label in sorted({fee.label for fee in fees if fee.code not in priced}):
        yield f"The fee “{label}” has no amount in {currency}, which the version charges in elsewhere: add it."
    committed_currencies = {commitment.currency for commitment in version.commitments.all()}
    if committed_currencies and currency not in committed_currencies:
        yield f"The commitment has no minimum in {currency}, which the version charges in: add one."
