"""
The plan check: what is worth a second look before a version is published, in words, with figures and a way out.

Nothing here keeps it from being published; that does `plans.publishing.readiness`. Source:
docs/publishing.md#plan-check.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from lib.formats import currency_name, format_money, format_number, format_units
from lib.money import round_money
from plans.catalog.comparison import compare
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


def advice_on(version: PlanVersion, *, at: datetime) -> list[str]:
    """Return a sentence for each thing worth a second look; none of a version that cannot be rated yet."""
    granted = list(
        version.features.filter(feature__kind=FeatureKind.METERED)
        .select_related("feature__meter")
        .order_by("position", "pk")
    )
    try:
        terms = [
            feature for currency in list_currencies(version) for feature in read_terms(version, currency).features
        ]
    except ValueError:
        return []  # readiness says what must change first
    return list(
        dict.fromkeys(
            [
                *_of_models(granted),
                *(told for feature in terms for told in _of_price(feature)),
                *_of_margins(version, at),
                *_of_caps(version, granted, at),
                *_of_trial(version, granted, at),
                *_of_changes(version, at),
            ]
        )
    )


def _of_models(granted: Sequence[PlanFeature]) -> Iterator[str]:
    prepaid = [str(one) for one in granted if one.consumption in PREPAID]
    postpaid = [str(one) for one in granted if one.consumption not in PREPAID]
    if prepaid and postpaid:
        yield (
            f"It mixes prepaid ({', '.join(prepaid)}) and postpaid features ({', '.join(postpaid)}): customers pay in"
            " two ways. Choose one of them, if that is not meant."
        )
    models = {one.consumption: Consumption(one.consumption).label.partition(":")[0] for one in granted}
    if len(models) > 1 and PublishingRule.objects.get().one_model_per_plan:
        yield (
            f"It uses {len(models)} consumption models ({', '.join(sorted(models.values()))}), and the rule is one"
            " per plan: give all metered features the same one."
        )


def _of_price(feature: FeatureTerms) -> Iterator[str]:
    price = feature.price
    if price is None or feature.consumption == Consumption.HARD_CAP:
        return
    name = f"{feature.name} in {currency_name(price.currency)}"
    if price.rates and all(rate.match for rate in price.rates):
        yield (
            f"{name}: usage that matches none of its {format_number(len(price.rates))} rates would be unmatched:"
            " add a default rate."
        )
    if feature.included and all(_is_free(rate.charge) for rate in price.rates):
        yield (
            f"{name}: beyond the {format_units(feature.included, feature.unit)} included it costs nothing:"
            " set a price, or a hard cap, if use shall end there."
        )
    for rate in price.rates:
        yield from _of_ladder(f"{name}, {rate.label}" if len(price.rates) > 1 else name, rate, price.currency)


def _is_free(charge: Charge) -> bool:
    if isinstance(charge, Volume | Graduated):
        return not any(tier.unit_price or tier.flat_fee for tier in charge.tiers)
    return isinstance(charge, PerUnit) and not charge.unit_price


def _of_ladder(name: str, rate: RateTerms, currency: str) -> Iterator[str]:
    charge = rate.charge
    if not isinstance(charge, Volume | Graduated):
        return
    for lower, upper in zip(charge.tiers, charge.tiers[1:], strict=False):
        if upper.unit_price > lower.unit_price:
            yield (
                f"{name}: a unit costs more above {format_number(_bound(lower))} ({format_money(upper.unit_price, currency)}) than"
                f" below ({format_money(lower.unit_price, currency)}): heavy use is dearer. Check the tiers' prices."
            )
    if isinstance(charge, Volume):
        for tier in charge.tiers[:-1]:
            at, beyond = _bound(tier), _bound(tier) + 1
            before, after = (round_money(total(charge.rate(quantity)), currency) for quantity in (at, beyond))
            if after < before:
                yield (
                    f"{name}: from {format_number(at)} to {format_number(beyond)} the bill falls from {format_money(before, currency)} to"
                    f" {format_money(after, currency)}: charge graduated, or let the step's flat fee make up for it."
                )


def _bound(tier: PriceTier) -> Decimal:
    return tier.up_to or Decimal(0)


def _of_margins(version: PlanVersion, at: datetime) -> Iterator[str]:
    for one in compute_margins(version, at=at):
        if one.cost > one.price:
            price = Decimal(one.price.numerator) / Decimal(one.price.denominator)
            yield (
                f"{one.feature}, {one.rate}: a {one.unit or 'unit'} costs us {format_money(one.cost, one.currency)} and is"
                f" sold at {format_money(price.quantize(Decimal('1e-12')).normalize(), one.currency)}: raise the price, or"
                " check the unit cost."
            )
    yield from (str(one) for one in find_missing_costs([version], at=at))


def _of_caps(version: PlanVersion, granted: Sequence[PlanFeature], at: datetime) -> Iterator[str]:
    """Tell of caps on what costs us something, without a plan that gives more of it."""
    capped = [one for one in granted if one.consumption == Consumption.HARD_CAP]
    costly = set(UnitCost.objects.in_force(at).values_list("meter", flat=True)) if capped else set()
    others = PlanVersion.objects.in_force(at).exclude(plan=version.plan_id)
    offered = PlanFeature.objects.filter(version__in=others, feature__in=[one.feature_id for one in capped])
    larger = list(offered.values_list("feature", "consumption", "included")) if costly else []
    for one in capped:
        meter = one.feature.meter
        goes_on = any(
            feature == one.feature_id and (consumption != Consumption.HARD_CAP or included > one.included)
            for feature, consumption, included in larger
        )
        if meter is not None and meter.pk in costly and not goes_on:
            yield (
                f"{one} ends at {format_units(one.included, meter.unit)}, and no other plan has more: whoever reaches the"
                " cap has nowhere to go. Publish a larger plan, or charge overage."
            )


def _of_trial(version: PlanVersion, granted: Sequence[PlanFeature], at: datetime) -> Iterator[str]:
    """Tell of what costs us something, and may be used without end in a free trial."""
    if not version.trial_days or version.trial_usage != TrialUsage.FREE:
        return
    costly = set(UnitCost.objects.in_force(at).values_list("meter", flat=True))
    endless = [one for one in granted if one.consumption != Consumption.HARD_CAP]
    if found := [str(one) for one in endless if one.feature.meter_id in costly]:
        yield (
            f"In the free trial of {format_number(version.trial_days)} days nothing ends the use of {', '.join(found)},"
            " which costs us something: bill usage in the trial, or set a hard cap."
        )


def _of_changes(version: PlanVersion, at: datetime) -> Iterator[str]:
    in_force = version.plan.versions.in_force(at).exclude(pk=version.pk).first()
    if in_force is None:
        return
    for one in compare(*read_contents(in_force, version)):
        if one.percent is not None and abs(one.percent) > HUGE_PERCENT:
            yield f"{one.text}: more than {HUGE_PERCENT} % against {in_force}. Check that no digit is lost."
