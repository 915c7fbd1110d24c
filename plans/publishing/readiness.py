"""The problems that prevent a version from being billed by, in sentences for its editor."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from lib.currencies import CREDITS
from lib.money import minor_unit
from plans.catalog.stored_terms import (
    build_price_terms,
    build_rate_terms,
    metering_terms,
    read_terms,
    resolve_commitment,
)
from plans.models import Commitment, Fee, IncludedCredits, Meter, PlanFeature, PlanVersion, Price, Rate
from plans.models.included_credits import CREDITS as CREDIT_UNITS
from plans.models.meters import Aggregation
from plans.models.prices import PREPAID, AtZero, ChargeModel, Consumption, CostSource, UnlockedBy
from plans.pricing.period_anchor import MAX_INTERVAL_UNITS, Interval
from plans.pricing.validation import InvalidCharge

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
        return [_("The version has no fees or features. Add one.")]
    problems = [problem for plan_feature in features for problem in _problems_of_feature(plan_feature)]
    problems += [problem for plan_feature in features for problem in _problems_of_unlock(plan_feature, features)]
    problems += [problem for fee in fees if fee.every > 1 for problem in _problems_of_lasting(version, fee)]
    offered = {fee.currency for fee in fees}
    offered |= {price.currency for plan_feature in features for price in plan_feature.prices.all()} - {CREDITS}
    for commitment in version.commitments.exclude(currency__in=offered).order_by("currency"):
        problems.append(
            _("The version charges nothing in %(currency)s. Remove the commitment in that currency.")
            % {"currency": commitment.currency}
        )
    problems += [problem for commitment in version.commitments.all() for problem in _problems_of_scope(commitment)]
    for included in version.included_credits.order_by("code", "unit"):
        problems += _problems_of_included(version, included, offered, features)
    for currency in sorted(offered):
        problems += _problems_of_currency(version, features, currency)
    return problems


def _problems_of_feature(plan_feature: PlanFeature) -> Iterator[str]:
    feature, prices = plan_feature.feature, list(plan_feature.prices.all())
    if feature.meter is None:
        if prices:
            yield _("%(feature)s is not metered. Remove its price.") % {"feature": feature}
        return
    if plan_feature.consumption == Consumption.OVERAGE and not prices:
        yield _("%(feature)s has no price. Add one; a price of 0 makes overage free.") % {"feature": feature}
    if plan_feature.consumption in PREPAID:
        yield from _problems_of_wallet(plan_feature, prices)
    elif any(price.currency == CREDITS for price in prices):
        yield _(
            "%(feature)s has a price in credits but is not paid with credits. Remove the price, or change the"
            " consumption model."
        ) % {"feature": feature}
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
            _(
                "%(feature)s is unlocked by usage of “%(code)s”, which is not another metered feature of the"
                " version. Choose one."
            )
            % {"feature": plan_feature.feature, "code": plan_feature.unlocked_with}
        )
    elif plan_feature.unlocked_by == UnlockedBy.USAGE_EVER and meter.aggregation not in (
        "count",
        "sum",
    ):
        yield (
            _(
                "%(feature)s is unlocked by all usage of %(other)s, which is not a sum. Use the usage of the period"
                " instead."
            )
            % {"feature": plan_feature.feature, "other": other.feature}
        )


def _problems_of_scope(commitment: Commitment) -> Iterator[str]:
    """Yield the reason why a commitment for one feature could not be settled."""
    if not commitment.feature:
        return
    try:
        features = read_terms(commitment.version, str(commitment.currency)).features
    except ValueError:
        return  # reported with the rate that can't charge
    try:
        resolve_commitment(commitment.terms, features)
    except InvalidCharge as error:
        yield _("The commitment in %(currency)s: %(reason)s") % {"currency": commitment.currency, "reason": error}


def _problems_of_lasting(version: PlanVersion, fee: Fee) -> Iterator[str]:
    """
    Yield the reasons why a fee for several periods has no valid interval, or one that does not begin with a period.
    """
    period = Interval(version.interval_unit, version.interval_count)
    try:
        fee_interval = period.multiplied_by(fee.every)
    except ValueError:
        text = _("The fee “%(fee)s” covers too many billing periods. Enter at most %(most)s.")
        yield text % {"fee": fee, "most": MAX_INTERVAL_UNITS // period.count}
        return
    if version.anchor == "calendar" and period.count > 1 and not fee_interval.is_multiple_of(period):
        yield (
            _(
                "The fee “%(fee)s” would not always start with a billing period. Choose a number of periods that"
                " makes a year, or align periods to the start date."
            )
            % {"fee": fee}
        )


def _problems_of_included(
    version: PlanVersion, included: IncludedCredits, offered: set[str], features: list[PlanFeature]
) -> Iterator[str]:
    """Yield the reasons why included credits could not be granted, or never be used."""
    name, is_credits = _("The included credits “%(name)s”") % {"name": included}, included.unit == CREDIT_UNITS
    if included.every == "month" and not Interval(version.interval_unit, version.interval_count).months:
        unit = version.interval_unit
        yield _(
            "%(included)s: they are granted each month, but billing periods are counted in %(unit)s. Grant them"
            " each period instead."
        ) % {"included": name, "unit": unit}
    if not is_credits and included.unit not in offered:
        yield _("%(included)s: the version charges nothing in %(currency)s. Remove them.") % {
            "included": name,
            "currency": included.unit,
        }
    if not is_credits:
        units = set(version.included_credits.filter(code=included.code).values_list("unit", flat=True))
        for currency in sorted(offered - units):
            yield _("%(included)s: there is no amount in %(currency)s. Add one.") % {
                "included": name,
                "currency": currency,
            }
    consumption = Consumption.CREDITS if is_credits else Consumption.BALANCE
    payable_codes = {
        plan_feature.feature.code for plan_feature in features if plan_feature.consumption == consumption
    }
    for code in included.feature_codes:
        if code not in payable_codes:
            yield _("%(included)s: %(code)s can't be paid with them in this version. Choose another feature.") % {
                "included": name,
                "code": code,
            }


def _problems_of_wallet(plan_feature: PlanFeature, prices: list[Price]) -> Iterator[str]:
    """Yield the reasons why a wallet could not pay for a feature."""
    feature, money_prices = plan_feature.feature, [price for price in prices if price.currency != CREDITS]
    if plan_feature.consumption == Consumption.BALANCE:
        if len(money_prices) < len(prices):
            yield _("%(feature)s is paid from a money balance. Remove its price in credits.") % {"feature": feature}
        if not money_prices:
            yield _("%(feature)s has no price. Add the amount to deduct from the balance.") % {"feature": feature}
    elif len(money_prices) == len(prices):
        yield _("%(feature)s has no price in credits. Add the credits to deduct.") % {"feature": feature}
    elif plan_feature.at_zero == AtZero.OVERAGE and not money_prices:
        yield _(
            "%(feature)s can be used without credits. Add a money price for each credit that the wallet does not"
            " cover."
        ) % {"feature": feature}
    for price in prices:
        rates = list(price.rates.all())
        if price.minimum is not None or price.maximum is not None:
            yield _("%(feature)s is paid with each use. Remove the minimum and the maximum of its price.") % {
                "feature": feature
            }
        if any(rate.model == ChargeModel.FLAT for rate in rates):
            yield _(
                "%(feature)s is paid with each use, so it can't have a flat charge. Use a fee of the plan instead."
            ) % {"feature": feature}
        if any(rate.model == ChargeModel.PERCENTAGE for rate in rates):
            yield _(
                "%(feature)s is paid with each use, so it can't be charged by a percentage. Charge per unit instead."
            ) % {"feature": feature}
        prices_one_credit = plan_feature.consumption == Consumption.CREDITS and price.currency != CREDITS
        if prices_one_credit and (len(rates) != 1 or rates[0].match or rates[0].model not in BY_QUANTITY):
            yield _("%(price)s is the price of a credit. Give it a single default rate per unit.") % {"price": price}


def _problems_of_price(plan_feature: PlanFeature, meter: Meter, price: Price) -> Iterator[str]:
    rates = list(price.rates.all())
    name = str(price)
    if not rates:
        yield _("%(price)s has no rate. Add at least a default rate.") % {"price": name}
    rate_problems = [problem for rate in rates for problem in _problems_of_rate(rate)]
    yield from (f"{name}: {problem}" for problem in rate_problems)
    yield from (f"{name}: {problem}" for rate in rates for problem in _problems_of_match(meter, rate))
    yield from _problems_of_metering(meter, price, rates, name)
    if price.split_by:
        yield from _problems_of_split(plan_feature, meter, price)
    if price.billed_each is not None:
        yield from _problems_of_advance(plan_feature, meter, price, rates)
    # With an invalid rate this would only report the same problem again.
    if rates and not rate_problems:
        try:
            build_price_terms(plan_feature, meter, price, price.currency)
        except ValueError as error:
            yield f"{name}: {error}"


def _problems_of_split(plan_feature: PlanFeature, meter: Meter, price: Price) -> Iterator[str]:
    """Yield the reasons why a price can't be split by a property."""
    names = {"price": price, "meter": meter}
    if plan_feature.consumption != Consumption.OVERAGE:
        yield (_("%(price)s is split by a property, but is not billed by invoice. Remove the split.") % names)
    if metering_terms(meter).needs_aggregate_state:
        yield (
            _("%(price)s is split by a property, but %(meter)s computes more than a sum of events. Remove the split.")
            % names
        )
    if _is_longer_than_period(price):
        yield (
            _(
                "%(price)s is split by a property, so it starts over in each billing period. Shorten its reset"
                " interval, or remove the split."
            )
            % names
        )


def _problems_of_advance(plan_feature: PlanFeature, meter: Meter, price: Price, rates: list[Rate]) -> Iterator[str]:
    """Yield the reasons why usage can't be billed before its period ends: its amount would not be final."""
    names = {"price": price, "meter": meter}
    if plan_feature.consumption != Consumption.OVERAGE:
        yield _("%(price)s is billed in advance, but its usage is not billed by invoice. Remove the amount.") % names
    if price.minimum is not None or price.maximum is not None:
        yield (
            _(
                "%(price)s is billed in advance, but its minimum or maximum is known only at the period's end. Remove"
                " one of them."
            )
            % names
        )
    only_grows = meter.aggregation in (Aggregation.COUNT, Aggregation.SUM, Aggregation.UNIQUE) and not (
        meter.recurring or meter.operation_property
    )
    if not only_grows:
        yield (
            _(
                "%(price)s is billed in advance, but the quantity of %(meter)s is known only at the period's end. Use"
                " a meter that counts, sums, or counts distinct values that never leave."
            )
            % names
        )
    if any(rate.model == ChargeModel.PERCENTAGE for rate in rates):
        yield (
            _(
                "%(price)s is billed in advance, but a percentage of each event is known only at the period's end."
                " Use another charge model."
            )
            % names
        )
    if _is_longer_than_period(price):
        yield (
            _("%(price)s is billed in advance, so it starts over in each billing period. Shorten its reset interval.")
            % names
        )


def _is_longer_than_period(price: Price) -> bool:
    """Return whether a price resets after more than one billing period."""
    if not price.resets_unit:
        return False
    version = price.plan_feature.version
    invoice_interval = Interval(version.interval_unit, version.interval_count)
    return Interval(price.resets_unit, price.resets_every).is_longer_than(invoice_interval)


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
            if dimensions:
                remedy = _("Match one of its dimensions (%(names)s), or add this one to the meter.")
                remedy %= {"names": ", ".join(dimensions)}
            else:
                remedy = _("Let the rate match all usage, or add the dimension to the meter.")
            yield (
                _("“%(rate)s” never applies: %(meter)s has no dimension “%(dimension)s”. %(remedy)s")
                % {"rate": rate, "meter": meter, "dimension": dimension, "remedy": remedy}
            )
        elif value not in values.get(dimension, [value]):
            yield (
                _(
                    "“%(rate)s” never applies: “%(dimension)s” of %(meter)s is never “%(value)s”. Known values:"
                    " %(values)s."
                )
                % {
                    "rate": rate,
                    "dimension": dimension,
                    "meter": meter,
                    "value": value,
                    "values": ", ".join(values[dimension]),
                }
            )


def _problems_of_metering(meter: Meter, price: Price, rates: list[Rate], name: str) -> Iterator[str]:
    """Yield the reasons why a meter cannot provide the usage that the price charges."""
    yield from _problems_of_reset(meter, price, rates, name)
    keeps_level = meter.recurring or meter.aggregation in (Aggregation.UNIQUE, Aggregation.WEIGHTED_SUM)
    if price.resets_unit and keeps_level:
        yield _(
            "%(price)s: %(meter)s keeps a level or a set of values, which is charged per billing period. Remove the"
            " reset interval."
        ) % {"price": name, "meter": meter}
    if meter.recurring and all(rate.match for rate in rates):
        yield _("%(price)s: %(meter)s carries a level over to the next period. Add a default rate for it.") % {
            "price": name,
            "meter": meter,
        }
    event_rates = [rate for rate in rates if rate.model in (ChargeModel.PERCENTAGE, ChargeModel.DYNAMIC)]
    if event_rates and metering_terms(meter).needs_aggregate_state:
        yield _(
            "%(price)s: a %(model)s charge applies to single events, but %(meter)s computes more than a sum of"
            " them. Use another charge model."
        ) % {"price": name, "model": event_rates[0].model, "meter": meter}
    dynamic_rates = [rate for rate in rates if rate.model == ChargeModel.DYNAMIC]
    if any(rate.cost_source == CostSource.EVENT for rate in dynamic_rates) and not meter.price_property:
        yield _(
            "%(price)s: a dynamic price charges the cost of each event, but %(meter)s reads no price from events."
            " Set its price property."
        ) % {"price": name, "meter": meter}
    for rate in dynamic_rates:
        if rate.cost_source == CostSource.UNIT_COST and not _has_cost(meter, price, rate):
            yield (
                _(
                    "%(price)s: “%(rate)s” charges the unit cost, but %(meter)s has no current unit cost in"
                    " %(currency)s for it. Record one under Unit costs."
                )
                % {"price": name, "rate": rate, "meter": meter, "currency": price.currency}
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
    periods'. Windows of hours are exempt: the period's end cuts the last one short.
    """
    version = price.plan_feature.version
    if not price.resets_unit:
        return
    reset_interval = Interval(price.resets_unit, price.resets_every)
    invoice_interval = Interval(version.interval_unit, version.interval_count)
    spans_periods = reset_interval.is_longer_than(invoice_interval)
    if reset_interval.hours and not spans_periods:
        return
    if not (
        reset_interval.is_multiple_of(invoice_interval)
        if spans_periods
        else invoice_interval.is_multiple_of(reset_interval)
    ):
        yield (
            _(
                "%(price)s: the reset interval of %(every)s %(unit)s doesn't fit the billing period of %(count)s"
                " %(period)s. Choose a divisor or a multiple."
            )
            % {
                "price": name,
                "every": price.resets_every,
                "unit": price.resets_unit,
                "count": version.interval_count,
                "period": version.interval_unit,
            }
        )
    if spans_periods and metering_terms(meter).needs_aggregate_state:
        yield _(
            "%(price)s: %(meter)s computes more than a sum, which can't continue over several invoices. Reset it"
            " with each billing period."
        ) % {"price": name, "meter": meter}
    event_rates = [rate for rate in rates if rate.model in (ChargeModel.PERCENTAGE, ChargeModel.DYNAMIC)]
    if spans_periods and event_rates:
        yield _(
            "%(price)s: a %(model)s charge applies to single events and can't continue over several invoices. Reset"
            " it with each billing period."
        ) % {"price": name, "model": event_rates[0].model}


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
                _("%(feature)s has no price in %(currency)s. Add one.")
                % {"feature": plan_feature.feature, "currency": currency}
            )
    # Without this check, a base fee in dollars only would make the plan free for subscriptions in euros.
    fees = list(version.fees.all())
    priced = {fee.code for fee in fees if fee.currency == currency}
    for label in sorted({fee.label for fee in fees if fee.code not in priced}):
        yield _("The fee “%(fee)s” has no amount in %(currency)s. Add one.") % {"fee": label, "currency": currency}
    committed_currencies = {commitment.currency for commitment in version.commitments.all()}
    if committed_currencies and currency not in committed_currencies:
        yield _("The commitment has no minimum in %(currency)s. Add one.") % {"currency": currency}
