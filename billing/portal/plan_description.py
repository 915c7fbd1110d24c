"""A plan in plain words: its fees, allowances and prices."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from invoices.portal.formats import PortalFigures
from lib.decimals import EXACT
from lib.formats import pluralize
from plans.catalog.stored_terms import FeatureTerms, FeeTerms, VersionTerms
from plans.models.prices import AtZero, Consumption
from plans.pricing.calendar import Interval
from plans.pricing.charge_models import (
    Charge,
    Dynamic,
    Flat,
    Graduated,
    Package,
    Percentage,
    PerUnit,
    PriceTier,
    Volume,
)
from plans.pricing.rating import PriceTerms, RateTerms

ONE = Decimal(1)
AT_ZERO = {
    AtZero.BLOCK: "With nothing left, further use is refused.",
    AtZero.OVERAGE: "With nothing left, further use is invoiced.",
    AtZero.GRACE: "With nothing left, use may go on for a while, and is owed.",
}


def length(interval: Interval) -> str:
    """Return the length of a period as text: “month”, “3 months”."""
    return interval.unit if interval.count == 1 else f"{interval.count} {pluralize(interval.unit)}"


def describe_terms(terms: VersionTerms, held: dict[str, int], figures: PortalFigures) -> dict[str, Any]:
    """Return a plan's interval, fees and features as text. held: units of fees charged per unit."""
    return {
        "length": length(terms.interval),
        "fees": [_fee(fee, terms, held, figures) for fee in terms.fees],
        "features": [_feature(feature, terms, figures) for feature in terms.features],
    }


def _fee(fee: FeeTerms, terms: VersionTerms, held: dict[str, int], figures: PortalFigures) -> dict[str, str]:
    amount = figures.in_currency(fee.amount, terms.currency)
    frequency = f"every {fee.every} × {length(terms.interval)}" if fee.every > 1 else f"each {length(terms.interval)}"
    when = "once" if fee.kind == "one_time" else frequency
    each = " for each" if fee.is_per_unit else ""
    free = f", the first {fee.included} included" if fee.is_per_unit and fee.included else ""
    count = f"; you hold {held[fee.code]}" if fee.is_per_unit and fee.code in held else ""
    return {"label": fee.label, "amount": f"{amount}{each}", "when": f"{when}{free}{count}"}


def _feature(feature: FeatureTerms, terms: VersionTerms, figures: PortalFigures) -> dict[str, Any]:
    """Return a feature's allowance, prices and overage as text."""
    frequency = length(feature.resets) if feature.resets else length(terms.interval)
    return {
        "name": feature.name,
        "included": f"{figures.units(feature.included, feature.unit)} each {frequency}" if feature.included else "",
        "prices": list(_prices(feature, figures)) if feature.price else [],
        "beyond": _beyond(feature),
        "is_agreed": bool(feature.overridden),
    }


def _beyond(feature: FeatureTerms) -> str:
    if feature.wallet:
        return f"Paid from your wallet as it is used. {AT_ZERO.get(AtZero(feature.at_zero), '')}".strip()
    if feature.consumption == Consumption.HARD_CAP:
        return "No more than that can be used."
    if feature.price is None:
        return "It costs nothing."
    return "What goes beyond is on the invoice of its period." if feature.included else ""


def _prices(feature: FeatureTerms, figures: PortalFigures) -> Iterator[str]:
    price = feature.price
    if price is None or feature.consumption == Consumption.HARD_CAP:
        return
    # The same number of units for all prices, so that they can be compared.
    per = figures.legible_quantity(
        EXACT.multiply(part, rate.factor) for rate in price.rates for part in _unit_prices(rate.charge)
    )
    for rate in price.rates:
        yield from _rate(rate, price, feature.unit, figures, per=per)
    if price.minimum is not None:
        yield f"at least {figures.in_currency(price.minimum, price.currency)}"
    if price.maximum is not None:
        yield f"at most {figures.in_currency(price.maximum, price.currency)}"
    if price.discount:
        yield f"less {figures.percent(price.discount)} in return for your commitment"


def _unit_prices(charge: Charge) -> list[Decimal]:
    """Return the unit prices of a charge."""
    match charge:
        case PerUnit(unit_price):
            return [unit_price]
        case Graduated(tiers) | Volume(tiers):
            return [tier.unit_price for tier in tiers]
    return []


def _rate(rate: RateTerms, price: PriceTerms, unit: str, figures: PortalFigures, *, per: Decimal) -> Iterator[str]:
    name = rate.label or ", ".join(value for _, value in rate.match) or "all other use"
    for text in _charge(rate, price.currency, unit, figures, per=per):
        yield f"{name}: {text}" if len(price.rates) > 1 else text


PriceText = Callable[[Decimal], str]
"""Formats an amount, or a price per unit."""


def _charge(rate: RateTerms, currency: str, unit: str, figures: PortalFigures, *, per: Decimal) -> Iterator[str]:
    """Yield a charge as text; all its prices are multiplied by the factor of an override."""
    charge = rate.charge

    def money(amount: Decimal) -> str:
        return figures.in_currency(EXACT.multiply(amount, rate.factor), currency)

    def each(amount: Decimal) -> str:
        count = "" if per == ONE else f"{figures.quantity(per)} "
        return f"{money(EXACT.multiply(amount, per))} per {count}{pluralize(unit) if count else unit}"

    match charge:
        case PerUnit(unit_price):
            yield each(unit_price)
        case Flat(fee):
            yield f"{money(fee)}, however much is used"
        case Package():
            up = "each one begun" if charge.rounding == "up" else "full ones only"
            yield f"{money(charge.price)} per {figures.units(charge.size, unit)}, {up}"
        case Graduated(tiers):
            yield from _tiers(tiers, each, money, figures, unit, "{span}: {price}")
        case Volume(tiers):
            yield from _tiers(tiers, each, money, figures, unit, "all of it at {price} with {span}")
        case Percentage():
            yield _percentage(charge, money, figures)
        case Dynamic():
            markup = "" if charge.markup == ONE else f" × {figures.quantity(charge.markup)}"
            yield f"what it costs us{markup}"


def _tiers(
    tiers: Sequence[PriceTier], each: PriceText, money: PriceText, figures: PortalFigures, unit: str, form: str
) -> Iterator[str]:
    start = Decimal(0)
    for tier in tiers:
        if tier.up_to is None:
            span = f"above {figures.units(start, unit)}" if start else "any number"
        else:
            span = (
                f"from {figures.quantity(start)} to {figures.units(tier.up_to, unit)}"
                if start
                else (f"up to {figures.units(tier.up_to, unit)}")
            )
        flat = f" and {money(tier.flat_fee)}" if tier.flat_fee else ""
        yield form.format(span=span, price=f"{each(tier.unit_price)}{flat}")
        start = tier.up_to or start


def _percentage(charge: Percentage, money: PriceText, figures: PortalFigures) -> str:
    parts = [f"{figures.percent(charge.percent)} of the value"]
    parts += [f"and {money(charge.fixed_fee)} each"] if charge.fixed_fee else []
    parts += [f"at least {money(charge.minimum)}"] if charge.minimum is not None else []
    parts += [f"at most {money(charge.maximum)}"] if charge.maximum is not None else []
    parts += [f"the first {charge.free_events} free"] if charge.free_events else []
    parts += [f"the first {money(charge.free_value)} of value free"] if charge.free_value else []
    return ", ".join(parts).replace(", and", " and")
