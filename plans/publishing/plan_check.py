"""
The plan check: warnings about a version before it is published, each with its amounts and a remedy.

Advice never blocks publication; the problems of `plans.publishing.readiness` do. Source:
docs/publishing.md#plan-check.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from babel.numbers import get_currency_symbol
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from lib.currencies import CREDITS
from lib.formats import LOCALE, currency_name, format_money, format_number, format_units
from lib.money import round_money
from plans.catalog.comparison import compare
from plans.catalog.price_sheet import read_sheet
from plans.catalog.stored_terms import FeatureTerms, list_currencies, read_terms
from plans.catalog.version_snapshot import read_contents
from plans.costs.price_margins import compute_margins, find_missing_costs
from plans.models import PlanFeature, PlanVersion, PublishingRule, UnitCost
from plans.models.catalog import FeatureKind
from plans.models.prices import PREPAID, Consumption
from plans.models.versions import TrialUsage
from plans.pricing.charge_models import Charge, Graduated, PerUnit, PriceTier, Volume
from plans.pricing.rating import RateTerms
from plans.pricing.rating_parts import total

HUGE_PERCENT = 50
"""Changes of a figure above this percentage are reported as possible typos."""


AMOUNT = re.compile(r"([$€£¥])\s?(\d+(?:,\d{3})*(?:\.\d+)?)")
"""An amount in a text: its symbol and its number."""


def check_plan(version: PlanVersion, *, at: datetime) -> list[str]:
    """Return one sentence for each piece of advice; none for a version that cannot be rated yet."""
    plan_features = list(
        version.features.filter(feature__kind=FeatureKind.METERED)
        .select_related("feature__meter")
        .order_by("position", "pk")
    )
    try:
        terms = [
            feature for currency in list_currencies(version) for feature in read_terms(version, currency).features
        ]
    except ValueError:
        return []  # `readiness` reports the problems to solve first
    return list(
        dict.fromkeys(
            [
                *_check_models(plan_features),
                *(advice for feature in terms for advice in _check_price(feature)),
                *_check_margins(version, at),
                *_check_caps(version, plan_features, at),
                *_check_trial(version, plan_features, at),
                *_check_changes(version, at),
                *_check_description(version),
            ]
        )
    )


def _check_models(plan_features: Sequence[PlanFeature]) -> Iterator[str]:
    prepaid = [str(feature) for feature in plan_features if feature.consumption in PREPAID]
    postpaid = [str(feature) for feature in plan_features if feature.consumption not in PREPAID]
    if prepaid and postpaid:
        text = _(
            "The version mixes prepaid features (%(prepaid)s) and postpaid features (%(postpaid)s), so customers pay"
            " in two ways. Use one of them unless this is intended."
        )
        yield text % {"prepaid": ", ".join(prepaid), "postpaid": ", ".join(postpaid)}
    models = {
        feature.consumption: Consumption(feature.consumption).label.partition(":")[0] for feature in plan_features
    }
    if len(models) > 1 and PublishingRule.objects.get().one_model_per_plan:
        text = _(
            "The version uses %(count)s consumption models (%(models)s), but the publishing rule allows one per plan."
            " Use the same model for all metered features."
        )
        yield text % {"count": len(models), "models": ", ".join(sorted(models.values()))}


def _check_price(feature: FeatureTerms) -> Iterator[str]:
    price = feature.price
    if price is None or feature.consumption == Consumption.HARD_CAP:
        return
    name = _("%(feature)s in %(currency)s") % {"feature": feature.name, "currency": currency_name(price.currency)}
    if price.rates and all(rate.match for rate in price.rates):
        text = ngettext(
            "%(price)s: usage that doesn't match its only rate would be unmatched. Add a default rate.",
            "%(price)s: usage that matches none of its %(count)s rates would be unmatched. Add a default rate.",
            len(price.rates),
        )
        yield text % {"price": name, "count": format_number(len(price.rates))}
    if feature.included and not feature.usage_limits and all(_is_free(rate.charge) for rate in price.rates):
        text = _("%(price)s: usage above the included %(included)s is free. Set a price, a throttle or a hard cap.")
        yield text % {"price": name, "included": format_units(feature.included, feature.unit)}
    for rate in price.rates:
        yield from _check_tiers(f"{name}, {rate.label}" if len(price.rates) > 1 else name, rate, price.currency)


def _is_free(charge: Charge) -> bool:
    if isinstance(charge, Volume | Graduated):
        return not any(tier.unit_price or tier.flat_fee for tier in charge.tiers)
    return isinstance(charge, PerUnit) and not charge.unit_price


def _check_tiers(name: str, rate: RateTerms, currency: str) -> Iterator[str]:
    charge = rate.charge
    if not isinstance(charge, Volume | Graduated):
        return
    for lower, upper in zip(charge.tiers, charge.tiers[1:], strict=False):
        if upper.unit_price > lower.unit_price:
            text = _("%(price)s: the unit price rises from %(lower)s to %(upper)s above %(bound)s. Check the prices.")
            yield text % {
                "price": name,
                "lower": format_money(lower.unit_price, currency),
                "upper": format_money(upper.unit_price, currency),
                "bound": format_number(_bound(lower)),
            }
    if isinstance(charge, Volume):
        # A volume price may fall where all units move to a cheaper tier: compare the bill at the bound and one unit
        # above it.
        for tier in charge.tiers[:-1]:
            bound, next_unit = _bound(tier), _bound(tier) + 1
            bill_at_bound, bill_above = (
                round_money(total(charge.rate(quantity)), currency) for quantity in (bound, next_unit)
            )
            if bill_above < bill_at_bound:
                text = _(
                    "%(price)s: the bill falls from %(before)s to %(after)s between %(bound)s and %(next)s units. Use"
                    " graduated tiers, or add a flat fee to the upper tier."
                )
                yield text % {
                    "price": name,
                    "before": format_money(bill_at_bound, currency),
                    "after": format_money(bill_above, currency),
                    "bound": format_number(bound),
                    "next": format_number(next_unit),
                }


def _bound(tier: PriceTier) -> Decimal:
    return tier.up_to or Decimal(0)


def _check_margins(version: PlanVersion, at: datetime) -> Iterator[str]:
    for margin in compute_margins(version, at=at):
        if margin.cost > margin.price:
            price = Decimal(margin.price.numerator) / Decimal(margin.price.denominator)
            text = _(
                "%(feature)s, %(rate)s: the unit cost of %(cost)s is above the price of %(price)s. Raise the price"
                " or check the unit cost."
            )
            yield text % {
                "feature": margin.feature,
                "rate": margin.rate,
                "cost": format_money(margin.cost, margin.currency),
                "price": format_money(price.quantize(Decimal("1e-12")).normalize(), margin.currency),
            }
    yield from (str(missing_cost) for missing_cost in find_missing_costs([version], at=at))


def _check_caps(version: PlanVersion, plan_features: Sequence[PlanFeature], at: datetime) -> Iterator[str]:
    """Yield a sentence for each hard cap on a feature that has unit costs if no other plan offers more of it."""
    capped = [plan_feature for plan_feature in plan_features if plan_feature.consumption == Consumption.HARD_CAP]
    costly_meters = set(UnitCost.objects.in_force(at).values_list("meter", flat=True)) if capped else set()
    other_versions = PlanVersion.objects.in_force(at).exclude(plan=version.plan_id)
    offered = PlanFeature.objects.filter(
        version__in=other_versions, feature__in=[plan_feature.feature_id for plan_feature in capped]
    )
    larger = list(offered.values_list("feature", "consumption", "included")) if costly_meters else []
    for capped_feature in capped:
        meter = capped_feature.feature.meter
        has_larger_plan = any(
            feature == capped_feature.feature_id
            and (consumption != Consumption.HARD_CAP or included > capped_feature.included)
            for feature, consumption, included in larger
        )
        if meter is not None and meter.pk in costly_meters and not has_larger_plan:
            text = _(
                "%(feature)s has a hard cap of %(included)s, and no other plan offers more. Publish a larger plan, or"
                " bill overage."
            )
            included = format_units(capped_feature.included, meter.unit)
            yield text % {"feature": capped_feature, "included": included}


def _check_trial(version: PlanVersion, plan_features: Sequence[PlanFeature], at: datetime) -> Iterator[str]:
    """Yield a sentence if features with unit costs can be used without limit in a free trial."""
    if not version.trial_days or version.trial_usage != TrialUsage.FREE:
        return
    costly_meters = set(UnitCost.objects.in_force(at).values_list("meter", flat=True))
    uncapped = [plan_feature for plan_feature in plan_features if plan_feature.consumption != Consumption.HARD_CAP]
    if names := [str(plan_feature) for plan_feature in uncapped if plan_feature.feature.meter_id in costly_meters]:
        text = ngettext(
            "The free trial of %(days)s day doesn't limit %(features)s, which has a unit cost. Bill usage in the"
            " trial, or set a hard cap.",
            "The free trial of %(days)s days doesn't limit %(features)s, which has a unit cost. Bill usage in the"
            " trial, or set a hard cap.",
            version.trial_days,
        )
        yield text % {"days": format_number(version.trial_days), "features": ", ".join(names)}


def _check_changes(version: PlanVersion, at: datetime) -> Iterator[str]:
    in_force = version.plan.versions.in_force(at).exclude(pk=version.pk).first()
    if in_force is None:
        return
    for difference in compare(*read_contents(in_force, version)):
        if difference.percent is not None and abs(difference.percent) > HUGE_PERCENT:
            text = _("%(difference)s: a change of more than %(percent)s%% from %(version)s. Check for typing errors.")
            yield text % {"difference": difference.text, "percent": HUGE_PERCENT, "version": in_force}


def _check_description(version: PlanVersion) -> Iterator[str]:
    """Yield a sentence for each amount in the plan's description that is no price of the version."""
    amounts = dict.fromkeys(AMOUNT.findall(version.plan.description))
    if not amounts:
        return
    figures = {
        (get_currency_symbol(cell.currency, LOCALE), cell.value * factor)
        for cell in read_sheet(version).cells.values()
        if cell.is_money and cell.value is not None and cell.currency != CREDITS
        for factor in (1, 1_000, 1_000_000)
    }
    for symbol, number in amounts:
        if (symbol, Decimal(number.replace(",", ""))) not in figures:
            text = _(
                "The description of %(plan)s says %(amount)s, which is no price of this version. Customers read it in"
                " the portal: change it when the version is published."
            )
            yield text % {"plan": version.plan, "amount": f"{symbol}{number}"}
