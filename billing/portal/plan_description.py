"""A plan in words: its fees, allowances and prices."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from invoices.portal.formats import PortalFigures
from lib.decimals import EXACT
from lib.unit_words import plural_number
from plans.catalog.limit_text import describe_limit
from plans.catalog.stored_terms import FeatureTerms, FeeTerms, VersionTerms
from plans.models import IncludedCredits
from plans.models.included_credits import Every
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
from wallets.statements.formats import display_currency

ONE = Decimal(1)
AT_ZERO = {
    AtZero.BLOCK: gettext_lazy("When the wallet is empty, further requests are declined."),
    AtZero.OVERAGE: gettext_lazy("When the wallet is empty, further usage is invoiced."),
    AtZero.GRACE: gettext_lazy("When the wallet is empty, it may be overdrawn up to a limit."),
}
FREQUENCIES = {
    "hour": ngettext_lazy("each hour", "every %(count)s hours", "count"),
    "day": ngettext_lazy("each day", "every %(count)s days", "count"),
    "week": ngettext_lazy("each week", "every %(count)s weeks", "count"),
    "month": ngettext_lazy("each month", "every %(count)s months", "count"),
    "quarter": ngettext_lazy("each quarter", "every %(count)s quarters", "count"),
    "year": ngettext_lazy("each year", "every %(count)s years", "count"),
}
RENEWALS = {
    "day": ngettext_lazy("It renews each day.", "It renews every %(count)s days.", "count"),
    "week": ngettext_lazy("It renews each week.", "It renews every %(count)s weeks.", "count"),
    "month": ngettext_lazy("It renews each month.", "It renews every %(count)s months.", "count"),
    "quarter": ngettext_lazy("It renews each quarter.", "It renews every %(count)s quarters.", "count"),
    "year": ngettext_lazy("It renews each year.", "It renews every %(count)s years.", "count"),
}
"""Unit of an interval → text."""

CREDITS_EVERY = {
    Every.PERIOD: gettext_lazy("Includes %(amount)s each billing period."),
    Every.MONTH: gettext_lazy("Includes %(amount)s each month."),
    Every.ONCE: gettext_lazy("Includes %(amount)s once, at the start."),
}


def frequency(interval: Interval, times: int = 1) -> str:
    """Return how often something comes: “each month”, “every 3 months”. times: number of intervals between."""
    return str(FREQUENCIES[interval.unit] % {"count": interval.count * times})


def describe_terms(terms: VersionTerms, held: dict[str, int], figures: PortalFigures) -> dict[str, Any]:
    """Return a plan's renewal, fees and features as text. held: units of fees charged per unit."""
    return {
        "renewal": str(RENEWALS[terms.interval.unit] % {"count": terms.interval.count}),
        "fees": [_fee(fee, terms, held, figures) for fee in terms.fees],
        "features": [_feature(feature, terms, figures) for feature in terms.features],
    }


def describe_credits(part: IncludedCredits, figures: PortalFigures) -> str:
    """Return the credits or the money that a plan includes as text."""
    amount = figures.in_currency(part.amount, display_currency(part.unit))
    return str(CREDITS_EVERY[Every(part.every)]) % {"amount": amount}


def describe_commitment(terms: VersionTerms, figures: PortalFigures) -> str:
    """Return the committed amount or units as text, with the feature and the interval if any; empty without one."""
    commitment = terms.commitment
    if commitment is None:
        return ""
    amount = figures.in_currency(commitment.minimum, terms.currency)
    if not commitment.feature:
        return amount
    (feature,) = (feature for feature in terms.features if feature.code == commitment.feature)
    if commitment.units is None:
        text = _("%(amount)s for %(feature)s") % {"amount": amount, "feature": feature.name}
    else:
        units = figures.units(commitment.units, feature.unit)
        text = _("%(units)s of %(feature)s (%(amount)s)") % {
            "units": units,
            "feature": feature.name,
            "amount": amount,
        }
    if commitment.per_window and feature.resets is not None:
        return f"{text}, {frequency(feature.resets)}"
    return text


def _fee(fee: FeeTerms, terms: VersionTerms, held: dict[str, int], figures: PortalFigures) -> dict[str, str]:
    amount = figures.in_currency(fee.amount, terms.currency)
    notes = []
    if fee.is_per_unit and fee.included:
        notes.append(
            ngettext("the first %(count)s is included", "the first %(count)s are included", fee.included)
            % {"count": figures.quantity(Decimal(fee.included))}
        )
    if fee.is_per_unit and fee.code in held:
        notes.append(_("you have %(count)s") % {"count": figures.quantity(Decimal(held[fee.code]))})
    return {
        "label": fee.label,
        "amount": _("%(price)s each") % {"price": amount} if fee.is_per_unit else amount,
        "frequency": _("once") if fee.kind == "one_time" else frequency(terms.interval, fee.every),
        "notes": "; ".join(notes),
    }


def _feature(feature: FeatureTerms, terms: VersionTerms, figures: PortalFigures) -> dict[str, Any]:
    """Return a feature's allowance, prices and overage as text."""
    included = ""
    if feature.included:
        text = _("%(quantity)s included %(frequency)s.")
        if feature.included_per:
            text = _("%(quantity)s included %(frequency)s for each %(property)s.")
        included = text % {
            "quantity": figures.units(feature.included, feature.unit),
            "frequency": frequency(feature.resets or terms.interval),
            "property": feature.included_per,
        }
    return {
        "name": feature.name,
        "included": included,
        "prices": list(_prices(feature, figures)) if feature.price else [],
        "beyond": _beyond(feature, figures),
        "limits": [describe_limit(limit, unit=feature.unit, units=figures.units) for limit in feature.usage_limits],
        "is_agreed": bool(feature.overridden),
    }


def _beyond(feature: FeatureTerms, figures: PortalFigures) -> str:
    if feature.billed_each is not None:
        if not feature.billed_each:
            return _("Usage is billed as it occurs.")
        amount = figures.in_currency(feature.billed_each, feature.currency)
        return _("Usage is billed each time it has cost %(amount)s.") % {"amount": amount}
    if feature.wallet:
        return " ".join([_("Paid from your wallet."), str(AT_ZERO[AtZero(feature.at_zero)])])
    if feature.consumption == Consumption.HARD_CAP:
        return _("Further requests are declined.")
    if feature.price is None:
        return _("Free of charge.")
    return _("Further usage is billed at the end of the period.") if feature.included else ""


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
        yield _("at least %(amount)s") % {"amount": figures.in_currency(price.minimum, price.currency)}
    if price.maximum is not None:
        yield _("at most %(amount)s") % {"amount": figures.in_currency(price.maximum, price.currency)}
    if price.discount:
        yield _("less %(percent)s for your commitment") % {"percent": figures.percent(price.discount)}


def _unit_prices(charge: Charge) -> list[Decimal]:
    """Return the unit prices of a charge."""
    match charge:
        case PerUnit(unit_price):
            return [unit_price]
        case Graduated(tiers) | Volume(tiers):
            return [tier.unit_price for tier in tiers]
    return []


def _rate(rate: RateTerms, price: PriceTerms, unit: str, figures: PortalFigures, *, per: Decimal) -> Iterator[str]:
    name = rate.label or ", ".join(value for _dimension, value in rate.match) or _("all other usage")
    for text in _charge(rate, price.currency, unit, figures, per=per):
        yield _("%(span)s: %(price)s") % {"span": name, "price": text} if len(price.rates) > 1 else text


PriceText = Callable[[Decimal], str]
"""Formats an amount, or a price per unit."""


def _charge(rate: RateTerms, currency: str, unit: str, figures: PortalFigures, *, per: Decimal) -> Iterator[str]:
    """Yield a charge as text; all its prices are multiplied by the factor of an override."""
    charge = rate.charge

    def money(amount: Decimal) -> str:
        return figures.in_currency(EXACT.multiply(amount, rate.factor), currency)

    def each(amount: Decimal) -> str:
        units = unit if per == ONE else figures.units(per, unit)
        return _("%(price)s per %(units)s") % {"price": money(EXACT.multiply(amount, per)), "units": units}

    match charge:
        case PerUnit(unit_price):
            yield each(unit_price)
        case Flat(fee):
            yield _("%(price)s, regardless of usage") % {"price": money(fee)}
        case Package():
            names = {"price": money(charge.price), "units": figures.units(charge.size, unit)}
            if charge.rounding == "up":
                yield _("%(price)s for every %(units)s or part thereof") % names
            else:
                yield _("%(price)s for every full %(units)s") % names
        case Graduated(tiers):
            for span, price in _tiers(tiers, each, money, figures, unit):
                yield _("%(span)s: %(price)s") % {"span": span, "price": price}
        case Volume(tiers):
            for span, price in _tiers(tiers, each, money, figures, unit):
                yield _("%(span)s: all units at %(price)s") % {"span": span, "price": price}
        case Percentage():
            yield _percentage(charge, money, figures)
        case Dynamic() if charge.markup == ONE:
            yield _("at cost")
        case Dynamic():
            yield _("cost × %(factor)s") % {"factor": figures.quantity(charge.markup)}


def _tiers(
    tiers: Sequence[PriceTier], each: PriceText, money: PriceText, figures: PortalFigures, unit: str
) -> Iterator[tuple[str, str]]:
    """Yield each tier's range and price."""
    start = Decimal(0)
    for tier in tiers:
        price = each(tier.unit_price)
        if tier.flat_fee:
            price = _("%(price)s plus %(fee)s") % {"price": price, "fee": money(tier.flat_fee)}
        if tier.maximum is not None:
            price = _("%(price)s, at most %(amount)s") % {"price": price, "amount": money(tier.maximum)}
        yield _tier_range(start, tier.up_to, figures, unit), price
        start = tier.up_to or start


def _tier_range(start: Decimal, end: Decimal | None, figures: PortalFigures, unit: str) -> str:
    if end is None:
        return _("above %(units)s") % {"units": figures.units(start, unit)} if start else _("any quantity")
    if not start:
        return _("up to %(units)s") % {"units": figures.units(end, unit)}
    return _("above %(start)s up to %(units)s") % {
        "start": figures.quantity(start),
        "units": figures.units(end, unit),
    }


def _percentage(charge: Percentage, money: PriceText, figures: PortalFigures) -> str:
    names = {"percent": figures.percent(charge.percent), "fee": money(charge.fixed_fee)}
    if charge.fixed_fee:
        parts = [_("%(percent)s of the value plus %(fee)s each") % names]
    else:
        parts = [_("%(percent)s of the value") % names]
    if charge.minimum is not None:
        parts.append(_("at least %(amount)s") % {"amount": money(charge.minimum)})
    if charge.maximum is not None:
        parts.append(_("at most %(amount)s") % {"amount": money(charge.maximum)})
    if charge.free_events:
        count = Decimal(charge.free_events)
        text = ngettext(
            "the first %(count)s event is free", "the first %(count)s events are free", plural_number(count)
        )
        parts.append(text % {"count": figures.quantity(count)})
    if charge.free_value:
        parts.append(_("the first %(amount)s of value is free") % {"amount": money(charge.free_value)})
    return ", ".join(parts)
