"""
A version's terms with figures of a subscription's own in place of the published ones.

The one place where what was agreed with a customer meets the price list: whatever rates a subscription's usage takes
its terms from here. The rates keep their keys and matches, so usage is counted the same whatever was agreed.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from lib.decimals import EXACT, plain
from plans.catalog.stored_terms import Difference, FeatureTerms, Terms, by_use
from plans.models.versions import TrialUsage
from plans.pricing import charge_models
from plans.pricing.commitments import Commitment
from plans.pricing.proration import included_in_part
from plans.pricing.rates import Rate
from plans.pricing.rating import PriceTerms
from plans.pricing.trials import on_trial
from plans.pricing.validation import InvalidCharge, check_price

MOST_PERCENT_UP, MOST_PERCENT_OFF = Decimal(1000), Decimal(-100)


class Agreed(NamedTuple):
    """
    One figure of a subscription's own.

    what: included, minimum or maximum of the feature; percent, on all its prices (-20 is 20 % off); or price, of the
        rate that has exactly this match: (dimension, value) pairs in the order of names, none for the default rate.
        Or the commitment of the whole subscription, of no feature: its minimum, with the other figures as match.
    """

    feature_id: int
    what: str
    value: Decimal
    match: tuple[tuple[str, str], ...] = ()


COMMITMENT = "commitment"
MOST_KEPT = 10_000
Key = tuple[int, str, frozenset[Agreed] | Fraction | str]
_kept: dict[Key, tuple[Terms, Terms]] = {}


def agreed_terms(terms: Terms, agreed: frozenset[Agreed]) -> Terms:
    """
    Return the terms with these figures in place of the version's.

    A figure for a feature or a rate that the version does not have changes nothing: there is nothing to charge by it.

    :raises InvalidCharge: if a figure cannot be charged by, in finance's words.

    Source: docs/pricing.md#overrides.
    """
    key = (terms.version_id, terms.currency, agreed)
    published, found = _kept.get(key, (None, terms))
    if published is not terms:
        committed = next((_committed(terms, one) for one in agreed if one.what == COMMITMENT), terms)
        found = replace(committed, **by_use(tuple(_agreed(feature, agreed) for feature in committed.features)))
        _keep(key, terms, found)
    return found


def _committed(terms: Terms, one: Agreed) -> Terms:
    """Return the terms with a commitment of the subscription's own, and its discount, in place of the version's."""
    figures = dict(one.match)
    commitment = Commitment(
        minimum=one.value,
        overage_factor=Decimal(figures["overage_factor"]),
        discount=Decimal(figures["discount"]),
        trues_up=figures["trues_up"] == "1",
        periods=int(figures["periods"]),
    )
    features = tuple(
        feature
        if feature.price is None
        else replace(feature, price=replace(feature.price, discount=commitment.discount))
        for feature in terms.features
    )
    return replace(terms, features=features, commitment=commitment, committed_since=figures["since"])


def part_terms(terms: Terms, share: Fraction) -> Terms:
    """
    Return the terms of the last share of an interval, which a plan change has begun: with that much of the allowance.

    Source: docs/pricing.md#allowances-in-part.
    """
    key = (terms.version_id, terms.currency, share)
    whole, found = _kept.get(key, (None, terms))
    if whole is not terms:
        found = replace(terms, **by_use(tuple(_in_part(feature, share) for feature in terms.features)))
        _keep(key, terms, found)
    return found


def trial_terms(terms: Terms) -> Terms:
    """
    Return the terms of a trial: nothing is promised, and usage is free or billed.

    Source: docs/pricing.md#trials.
    """
    key = (terms.version_id, terms.currency, "trial")
    whole, found = _kept.get(key, (None, terms))
    if whole is not terms:
        is_free = terms.trial_usage == TrialUsage.FREE
        features = tuple(
            feature if feature.price is None else replace(feature, price=on_trial(feature.price, is_free=is_free))
            for feature in terms.features
        )
        found = replace(terms, **by_use(features), commitment=None, committed_since="", trial=terms.trial_usage)
        _keep(key, terms, found)
    return found


def _in_part(feature: FeatureTerms, share: Fraction) -> FeatureTerms:
    if not feature.included or feature.resets is not None:
        return feature
    included = included_in_part(feature.included, share)
    price = None if feature.price is None else replace(feature.price, included=included)
    return replace(feature, included=included, price=price)


def _keep(key: Key, before: Terms, after: Terms) -> None:
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept[key] = before, after


def _agreed(feature: FeatureTerms, agreed: frozenset[Agreed]) -> FeatureTerms:
    own = {(one.what, one.match): one.value for one in agreed if one.feature_id == feature.feature_id}
    if not own:
        return feature
    included = own.get(("included", ()), feature.included)
    price = None if feature.price is None else _price(feature.price, own, included)
    found = replace(feature, included=included, price=price)
    return replace(found, agreed=tuple(_differences(feature, found, own)))


Own = Mapping[tuple[str, tuple[tuple[str, str], ...]], Decimal]


def _price(price: PriceTerms, own: Own, included: Decimal) -> PriceTerms:
    return replace(
        price,
        included=included,
        minimum=own.get(("minimum", ()), price.minimum),
        maximum=own.get(("maximum", ()), price.maximum),
        rates=tuple(_rate(rate, own) for rate in price.rates),
    )


def _rate(rate: Rate, own: Own) -> Rate:
    """Return a rate at a price of its own; or, where it has none, with the percentage that is on all prices."""
    unit_price, percent = own.get(("price", tuple(sorted(rate.match)))), own.get(("percent", ()))
    if unit_price is not None:
        return replace(rate, charge=_at(rate, unit_price))
    if percent is not None:
        check_agreed_percent(percent)
        return replace(rate, factor=EXACT.scaleb(EXACT.add(percent, Decimal(100)), -2))
    return rate


def check_agreed_percent(percent: Decimal) -> None:
    """:raises InvalidCharge: if prices cannot go up or down by this."""
    if not MOST_PERCENT_OFF <= percent <= MOST_PERCENT_UP:
        raise InvalidCharge(f"Prices change by {MOST_PERCENT_OFF} to {MOST_PERCENT_UP} percent, not by {percent:f}.")


def _at(rate: Rate, unit_price: Decimal) -> charge_models.Charge:
    """Return the charge at another price: of a unit, whatever its tiers were, of a package, or of the flat fee."""
    charge = rate.charge
    check_price(unit_price, of="The price")
    if isinstance(charge, charge_models.Package):
        return replace(charge, price=unit_price)
    if isinstance(charge, charge_models.Flat):
        return charge_models.Flat(unit_price)
    if isinstance(charge, charge_models.Percentage | charge_models.Dynamic):
        raise InvalidCharge(f"{rate.label} charges by event and has no unit price: change it by percent.")
    return charge_models.PerUnit(unit_price)


def _differences(before: FeatureTerms, after: FeatureTerms, own: Own) -> list[Difference]:
    """Return what is not as published, in the order of a price list; only what the version has at all."""
    found = []
    if ("included", ()) in own:
        found.append(Difference("included", "", plain(after.included), plain(before.included)))
    if before.price is None or after.price is None:
        return found
    for was, now in zip(before.price.rates, after.price.rates, strict=True):
        if now.charge is not was.charge:
            found.append(Difference("price", was.label, plain(_unit_price(now)), _published(was)))
    if any(now.factor != was.factor for was, now in zip(before.price.rates, after.price.rates, strict=True)):
        found.append(Difference("percent", "", plain(own["percent", ()]), ""))
    for what in ("minimum", "maximum"):
        if (what, ()) in own:
            published = getattr(before.price, what)
            instead = "" if published is None else plain(published)
            found.append(Difference(what, "", plain(own[what, ()]), instead))
    return found


def _unit_price(rate: Rate) -> Decimal:
    charge = rate.charge
    if isinstance(charge, charge_models.Package):
        return charge.price
    return charge.fee if isinstance(charge, charge_models.Flat) else charge.unit_price  # type: ignore[union-attr]


def _published(rate: Rate) -> str:
    """Return the published price of a rate; empty where it is not one figure."""
    if isinstance(rate.charge, charge_models.Package | charge_models.Flat | charge_models.PerUnit):
        return plain(_unit_price(rate))
    return ""
