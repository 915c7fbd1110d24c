"""
The terms of stored versions, as input for rating.

A published version never changes, so its terms are read once per process and cached. Drafts are read every time.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from lib.currencies import CREDITS
from lib.decimals import ZERO
from plans.aggregation.aggregate_state import Aggregation
from plans.aggregation.held_values import HeldBy
from plans.aggregation.weighted_sum import Measures
from plans.models import Fee, Meter, PlanFeature, PlanVersion, Price, Rate, Tier, UsageLimit
from plans.models.prices import PREPAID, TIERED, AtZero, ChargeModel, Consumption, CostSource, StubAllowance
from plans.models.usage_limits import WindowStart
from plans.models.versions import TrialUsage, VersionState
from plans.pricing import charge_models, rating
from plans.pricing.billing_thresholds import SpendThreshold
from plans.pricing.calendar import Interval
from plans.pricing.commitments import SpendCommitment
from plans.pricing.committed_units import price_commitment
from plans.pricing.period_anchor import AnchorKind
from plans.pricing.price_splits import PriceSplit
from plans.pricing.proration import ProrationUnit
from plans.pricing.usage_limits import UsageLimitTerms, window_length
from plans.pricing.validation import InvalidCharge, check_percent

FREE = charge_models.PerUnit(ZERO)

FREE_RATE = 0
"""
The rate key for usage under a hard cap without a price: usage within the cap is free, and usage above it is refused.
"""


@dataclass(frozen=True, slots=True)
class MeteringTerms:
    """How a meter's events become a quantity."""

    aggregation: Aggregation = "sum"
    measures: Measures = "deltas"
    recurring: bool = False
    held_by: HeldBy = ""

    @property
    def needs_aggregate_state(self) -> bool:
        """Whether the quantity takes more than the sum that counters store."""
        return self.recurring or self.aggregation not in ("count", "sum")

    @property
    def is_held_over_time(self) -> bool:
        """Whether the quantity is a level weighted by its duration, which a split of the period divides exactly."""
        return self.aggregation == "weighted_sum" or bool(self.held_by)

    @property
    def continues_level(self) -> bool:
        """Whether a period that continues another one opens with its level, although later periods don't."""
        return self.is_held_over_time and not self.recurring


class TermDifference(NamedTuple):
    """
    One figure that differs from the published one. Its fields are stored in the explanations of invoice lines.

    figure: the overridden figure (billing.models.OverrideFigure). rate: label of the rate that has the price; empty
        otherwise.
        value: the overriding figure. instead: the published figure; empty if there was none.
    """

    figure: str
    rate: str
    value: str
    instead: str


@dataclass(frozen=True, slots=True)
class FeatureTerms:
    """
    The terms of one metered feature in a version: its allowance and its price.

    price: None if the version has no price for it in this currency and none is implied.
    metering: how the meter's events become a quantity.
    resets: interval after which allowance, tiers and bounds start again; None = the invoice period.
    spans_periods: whether that interval is longer than the invoice period, so that they continue from one period to
        the next.
    wallet: the unit that its usage draws down: `XCR` for credits, or a currency; empty if it is invoiced.
    at_zero, overdraft_limit: the rule for an empty wallet, and the limit of its negative balance.
    uncovered_charge: price of units that the wallet could not cover; None if they have no price. currency: its
        currency.
    tax_code: selects the tax rates for its usage; empty for the standard ones.
    overridden: figures of the subscription's own that replace the version's (plans/catalog/overrides.py); empty as
        published.
    usage_limits: its quotas and throttles.
    prorates_stubs: whether its allowance is prorated in a period that begins within its interval.
    billed_each: amount of usage that is invoiced as soon as it is reached, 0 for all usage at once; None for the end
    of the period.
    """

    plan_feature_id: int
    feature_id: int
    code: str
    name: str
    meter_id: int
    unit: str
    consumption: str
    included: Decimal
    price: rating.PriceTerms | None
    metering: MeteringTerms
    resets: Interval | None
    spans_periods: bool = False
    overridden: tuple[TermDifference, ...] = ()
    wallet: str = ""
    at_zero: str = AtZero.BLOCK
    overdraft_limit: Decimal = ZERO
    uncovered_charge: charge_models.QuantityCharge | None = None
    currency: str = ""
    tax_code: str = ""
    usage_limits: tuple[UsageLimitTerms, ...] = ()
    prorates_stubs: bool = False
    billed_each: Decimal | None = None

    @property
    def shared_included(self) -> Decimal:
        """The allowance of all usage together; zero where each value of a split price has its own."""
        split = self.price.split if self.price else None
        return ZERO if split and split.allowance_per_value else self.included

    @property
    def included_per(self) -> str:
        """The property of which each value has the allowance for itself; empty if all usage shares it."""
        split = self.price.split if self.price else None
        return split.path if split and split.allowance_per_value else ""

    @property
    def invoice_price(self) -> rating.PriceTerms | None:
        """
        The price of the usage that is invoiced; for a feature paid by a wallet, only the units that it could not
        cover.
        """
        if not self.wallet or self.price is None:
            return self.price
        return _uncovered_price(self.price, self.currency, self.uncovered_charge)


@lru_cache(maxsize=1_000)
def _uncovered_price(
    price: rating.PriceTerms, currency: str, uncovered_charge: charge_models.QuantityCharge | None
) -> rating.PriceTerms:
    rates = tuple(replace(rate, charge=FREE, factor=rating.LIST_PRICE) for rate in price.rates)
    return replace(
        price,
        currency=currency,
        rates=rates,
        minimum=None,
        maximum=None,
        discount=ZERO,
        uncovered_charge=uncovered_charge or FREE,
    )


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """
    A fee in one currency, due once in `every` periods.

    included, least, most: of the quantity, if the fee is due for each unit.
    """

    fee_id: int
    code: str
    kind: str
    label: str
    amount: Decimal
    billed: str
    basis: str = "fixed"
    included: int = 0
    least: int = 0
    most: int | None = None
    every: int = 1
    tax_code: str = ""

    @property
    def is_per_unit(self) -> bool:
        """Whether the fee is due for each unit of the subscription's quantity."""
        return self.basis != "fixed"


@dataclass(frozen=True, slots=True)
class VersionTerms:
    """
    All that a version charges in one currency.

    unit_fees: fees charged per unit of the subscription's quantity. multi_period_fees: fees that cover several
        periods.
    resets: the intervals after which some of its prices start again.
    stateful_features: features whose quantity is not a sum.
    value_priced_features: features priced by each event's value.
    spanning_features: features whose allowance and tiers continue over several periods.
    commitment: guaranteed spend, or guaranteed units with their worth. committed_since: when a subscription's own
        commitment began; empty for the version's.
    trial_usage: charge for usage in a trial. trial: the same within a trial; empty otherwise.
    tax_code: tax category of the version as a whole. includes_tax: whether its prices include tax.
    thresholds: amounts at which usage is billed before the period ends.
    prorates_stubs: whether an allowance is prorated in a period that begins within its interval.
    split_features: features whose price is split by a property.
    """

    version_id: int
    plan_code: str
    plan_name: str
    version_number: int
    currency: str
    interval: Interval
    anchor: AnchorKind
    proration: ProrationUnit
    features: tuple[FeatureTerms, ...]
    fees: tuple[FeeTerms, ...]
    unit_fees: tuple[FeeTerms, ...] = ()
    multi_period_fees: tuple[FeeTerms, ...] = ()
    by_meter: Mapping[int, tuple[FeatureTerms, ...]] = field(default_factory=dict)
    by_plan_feature: Mapping[int, FeatureTerms] = field(default_factory=dict)
    resets: tuple[Interval, ...] = ()
    stateful_features: tuple[FeatureTerms, ...] = ()
    value_priced_features: tuple[FeatureTerms, ...] = ()
    commitment: SpendCommitment | None = None
    spanning_features: tuple[FeatureTerms, ...] = ()
    committed_since: str = ""
    trial_usage: str = TrialUsage.FREE
    trial: str = ""
    tax_code: str = ""
    includes_tax: bool = False
    thresholds: tuple[SpendThreshold, ...] = ()
    prorates_stubs: bool = False
    split_features: tuple[FeatureTerms, ...] = ()


_terms_cache: dict[tuple[int, str, datetime | None], VersionTerms] = {}

_hypothetical: ContextVar[Mapping[tuple[int, str], VersionTerms]] = ContextVar(
    "supposed", default=MappingProxyType({})
)


@contextmanager
def hypothetical_terms(terms: Iterable[VersionTerms]) -> Iterator[None]:
    """
    Let `load_terms` return these hypothetical terms within the block; their version ids are negative.

    They stay the same within the block, even if their version is a draft that is edited meanwhile.
    """
    token = _hypothetical.set(
        {(version_terms.version_id, version_terms.currency): version_terms for version_terms in terms}
    )
    try:
        yield
    finally:
        _hypothetical.reset(token)


def load_terms(version_id: int, currency: str) -> VersionTerms:
    """
    Return the terms of a version in a currency.

    :raises PlanVersion.DoesNotExist: if the version does not exist.
    :raises ValueError: if one of its rates cannot charge, with the reason in words.
    """
    terms = _terms_cache.get((version_id, currency, None)) or _hypothetical.get().get((version_id, currency))
    if terms is None:
        version = PlanVersion.objects.select_related("plan").get(pk=version_id)
        # A scheduled version can be withdrawn, edited and published again, at another time.
        key = version_id, currency, version.published_at if version.state == VersionState.SCHEDULED else None
        terms = _terms_cache.get(key) or read_terms(version, currency)
        if version.is_frozen:
            _terms_cache[key] = terms
    return terms


def list_currencies(version: PlanVersion) -> list[str]:
    """Return the currencies that a version charges in, in order."""
    return currencies_by_version([version]).get(version.pk, [])


def currencies_by_version(versions: Iterable[PlanVersion]) -> dict[int, list[str]]:
    """Return version → the currencies that it charges in, sorted; a version that charges nothing is omitted."""
    ids = [version.pk for version in versions]
    version_currencies = set(Fee.objects.filter(version__in=ids).values_list("version", "currency"))
    prices = Price.objects.filter(plan_feature__version__in=ids)
    version_currencies |= set(prices.exclude(currency=CREDITS).values_list("plan_feature__version", "currency"))
    currencies: dict[int, list[str]] = {}
    for version_id, currency in sorted(version_currencies):
        currencies.setdefault(version_id, []).append(currency)
    return currencies


def clear_terms_cache() -> None:
    """Clear the cached terms, for a process that switches to another database."""
    _terms_cache.clear()


def read_terms(version: PlanVersion, currency: str) -> VersionTerms:
    """Return the terms of a version as it is stored now, in a fixed number of queries."""
    plan_features = (
        version.features.select_related("feature__meter")
        .prefetch_related("prices__rates__tiers", "usage_limits")
        .order_by("position", "id")
    )
    stored_commitment = version.commitments.filter(currency=currency).first()
    commitment = stored_commitment.terms if stored_commitment else None
    invoice_interval = Interval(version.interval_unit, version.interval_count)
    features = tuple(
        _feature_terms(
            plan_feature, plan_feature.feature.meter, currency, invoice_interval, commitment, version.tax_code
        )
        for plan_feature in plan_features
        if plan_feature.feature.meter is not None
    )
    fees = tuple(
        _fee_terms(fee, version.tax_code) for fee in version.fees.filter(currency=currency).order_by("position", "id")
    )
    return VersionTerms(
        version_id=version.pk,
        plan_code=version.plan.code,
        plan_name=version.plan.name,
        version_number=version.number,
        currency=currency,
        interval=invoice_interval,
        anchor=version.anchor,
        proration=version.proration,
        fees=fees,
        unit_fees=tuple(fee for fee in fees if fee.is_per_unit),
        multi_period_fees=tuple(fee for fee in fees if fee.every > 1),
        commitment=commitment and commitment_with_worth(commitment, features),
        trial_usage=version.trial_usage,
        tax_code=version.tax_code,
        includes_tax=version.prices_include_tax,
        thresholds=tuple(
            SpendThreshold(threshold.amount, threshold.repeats)
            for threshold in version.thresholds.filter(currency=currency).order_by("amount")
        ),
        **index_features(features),
    )


def commitment_with_worth(commitment: SpendCommitment, features: Iterable[FeatureTerms]) -> SpendCommitment | None:
    """Return a commitment as these features can settle it, in units with their worth; None if they can't."""
    try:
        return resolve_commitment(commitment, features)
    except InvalidCharge:
        return None


def resolve_commitment(commitment: SpendCommitment, features: Iterable[FeatureTerms]) -> SpendCommitment:
    """
    Return a commitment as these features settle it, in units with their worth.

    :raises InvalidCharge: if they lack its feature, a price that determines its worth, or usage windows within a
    billing period; the text says which.
    """
    code = commitment.feature
    if not code:
        return commitment
    feature = next((feature for feature in features if feature.code == code), None)
    if feature is None or feature.price is None:
        raise InvalidCharge(
            f"The plan version has no price for the code of the feature “{code}”: choose another one."
        )
    if commitment.units is not None and feature.wallet:
        raise InvalidCharge(f"A wallet pays for {feature.name}, so commit to an amount of money, not to units.")
    if commitment.per_window and (feature.resets is None or feature.spans_periods):
        raise InvalidCharge(
            f"The price of {feature.name} has no usage period within a billing period: let it reset, for example"
            " every day, or commit per billing period."
        )
    return price_commitment(commitment, feature.price)


def index_features(features: tuple[FeatureTerms, ...]) -> dict[str, Any]:
    """Return the fields of `VersionTerms` that list a version's features in different ways."""
    by_meter: dict[int, tuple[FeatureTerms, ...]] = {}
    for feature in features:
        by_meter[feature.meter_id] = (*by_meter.get(feature.meter_id, ()), feature)
    return {
        "features": features,
        "by_meter": by_meter,
        "by_plan_feature": {feature.plan_feature_id: feature for feature in features},
        "value_priced_features": tuple(
            feature for feature in features if feature.price is not None and feature.price.reads_values
        ),
        "spanning_features": tuple(feature for feature in features if feature.spans_periods),
        "stateful_features": tuple(feature for feature in features if feature.metering.needs_aggregate_state),
        "prorates_stubs": any(feature.prorates_stubs for feature in features),
        "split_features": tuple(feature for feature in features if feature.price is not None and feature.price.split),
        "resets": tuple(dict.fromkeys(feature.resets for feature in features if feature.resets is not None)),
    }


def _fee_terms(fee: Fee, tax_code: str) -> FeeTerms:
    return FeeTerms(
        fee_id=fee.pk,
        code=fee.code,
        kind=fee.kind,
        label=fee.label,
        amount=fee.amount.amount,
        billed=fee.billed,
        basis=fee.basis,
        included=fee.included,
        least=fee.least,
        most=fee.most,
        every=fee.every,
        tax_code=fee.tax_code or tax_code,
    )


def _feature_terms(
    plan_feature: PlanFeature,
    meter: Meter,
    currency: str,
    invoice_interval: Interval,
    commitment: SpendCommitment | None,
    tax_code: str,
) -> FeatureTerms:
    feature = plan_feature.feature
    prices = {price.currency: price for price in plan_feature.prices.all()}
    wallet = wallet_unit(plan_feature, currency)
    price = prices.get(wallet or currency)
    resets = Interval(price.resets_unit, price.resets_every) if price and price.resets_unit else None
    price_terms = build_price_terms(plan_feature, meter, price, wallet or currency)
    if price_terms is not None and not wallet and commitment is not None and commitment.covers(feature.code):
        price_terms = replace(price_terms, discount=commitment.discount)
    return FeatureTerms(
        plan_feature_id=plan_feature.pk,
        feature_id=feature.pk,
        code=feature.code,
        name=feature.name,
        meter_id=meter.pk,
        unit=meter.unit,
        consumption=plan_feature.consumption,
        included=plan_feature.included,
        price=price_terms,
        metering=metering_terms(meter),
        resets=resets,
        spans_periods=resets is not None and resets.is_longer_than(invoice_interval),
        wallet=wallet,
        at_zero=plan_feature.at_zero,
        overdraft_limit=plan_feature.grace,
        uncovered_charge=_uncovered_charge(wallet, currency, prices.get(currency)),
        currency=currency,
        tax_code=plan_feature.tax_code or tax_code,
        usage_limits=tuple(map(usage_limit_terms, plan_feature.usage_limits.all())),
        prorates_stubs=plan_feature.stub_allowance == StubAllowance.PRORATED,
        billed_each=price.billed_each if price else None,
    )


def usage_limit_terms(stored: UsageLimit) -> UsageLimitTerms:
    """Return the terms of a stored quota or throttle."""
    return UsageLimitTerms(
        stored.kind,
        stored.counts,
        stored.most,
        window_length(stored.window_unit, stored.window_count),
        stored.window_start == WindowStart.SLIDING,
        stored.after,
        stored.slow_to,
    )


def wallet_unit(plan_feature: PlanFeature, currency: str) -> str:
    """
    Return the unit of the wallet that pays for a feature: credits or the currency; empty if no wallet pays for it.
    """
    if plan_feature.consumption not in PREPAID:
        return ""
    return CREDITS if plan_feature.consumption == Consumption.CREDITS else currency


def _uncovered_charge(wallet: str, currency: str, price: Price | None) -> charge_models.QuantityCharge | None:
    """
    Return the charge for the units that the wallet could not cover: money at face value, credits at a price of their
    own.
    """
    if wallet != CREDITS:
        return charge_models.PerUnit(Decimal(1)) if wallet else None
    rate = price.rates.first() if price else None
    return None if rate is None else build_charge(rate, rate.tiers.all())  # type: ignore[return-value]  # of units


def metering_terms(meter: Meter) -> MeteringTerms:
    """Return how a stored meter's events become a quantity."""
    return MeteringTerms(meter.aggregation, meter.measures, meter.recurring, meter.held_by)


def build_price_terms(
    plan_feature: PlanFeature, meter: Meter, price: Price | None, currency: str
) -> rating.PriceTerms | None:
    """
    Return the price terms of a feature, or None if its usage has no price.

    A hard cap needs no price: units within it are included, and units above it are refused.
    """
    if price is not None:
        stored_rates = sorted(price.rates.all(), key=lambda rate: (rate.position, rate.pk))
        rates = [build_rate_terms(rate, rate.tiers.all()) for rate in stored_rates]
    elif plan_feature.consumption == Consumption.HARD_CAP:
        rates = [rating.RateTerms(FREE_RATE, (), charge_models.PerUnit(Decimal(0)), plan_feature.feature.name)]
    else:
        return None
    return combine_rates(plan_feature, meter, rates, currency, price=price)


def combine_rates(
    plan_feature: PlanFeature,
    meter: Meter,
    rates: Iterable[rating.RateTerms],
    currency: str,
    *,
    price: Price | None = None,
) -> rating.PriceTerms:
    """
    Return the price terms of a feature with these rates, within the bounds of its price.

    :raises ValueError: if the rates contradict each other.
    """
    rounding = None
    if meter.rounding != "none":
        rounding = rating.Rounding(meter.rounding, meter.rounding_places)
    return rating.PriceTerms(
        currency=currency,
        rates=tuple(rates),
        included=plan_feature.included,
        model="hard_cap" if plan_feature.consumption == Consumption.HARD_CAP else "overage",
        rounding=rounding,
        minimum=price.minimum if price else None,
        maximum=price.maximum if price else None,
        split=_price_split(price) if price and price.split_by else None,
    )


def _price_split(price: Price) -> PriceSplit:
    return PriceSplit(price.split_by, price.split_bound, price.allowance_per_value)


def build_rate_terms(rate: Rate, tiers: Iterable[Tier]) -> rating.RateTerms:
    """
    Return the terms of one rate; rate and tiers may be unsaved, as in a form's live example.

    :raises ValueError: if its figures cannot charge, in finance's words.
    """
    key = rate.pk or rate.position
    return rating.RateTerms(key, tuple(sorted(rate.match.items())), build_charge(rate, tiers), str(rate))


def build_charge(rate: Rate, tiers: Iterable[Tier]) -> charge_models.Charge:
    """
    Return the charge of a rate with these tiers, in any order.

    :raises ValueError: if a price or size is missing, or the tiers leave a gap.
    """
    if rate.model in TIERED:
        # The open tier has no bound and comes last.
        ordered = sorted(tiers, key=lambda tier: (tier.up_to is None, tier.up_to or 0))
        price_tiers = tuple(
            charge_models.PriceTier(tier.up_to, _tier_unit_price(rate, tier), tier.flat_fee, tier.maximum)
            for tier in ordered
        )
        return (
            charge_models.Volume(price_tiers)
            if rate.model == ChargeModel.VOLUME
            else charge_models.Graduated(price_tiers)
        )
    if rate.model == ChargeModel.PERCENTAGE:
        return _build_percentage(rate)
    if rate.model == ChargeModel.DYNAMIC:
        return charge_models.Dynamic(
            rate.markup, "unit_cost" if rate.cost_source == CostSource.UNIT_COST else "event"
        )
    if rate.unit_price is None:
        raise charge_models.InvalidCharge(f"{rate}: enter a price.")
    if rate.model == ChargeModel.PACKAGE:
        if rate.package_size is None:
            raise charge_models.InvalidCharge(f"{rate}: enter the package's size.")
        return charge_models.Package(rate.package_size, rate.unit_price, rate.package_rounding)
    if rate.model == ChargeModel.FLAT:
        return charge_models.Flat(rate.unit_price)
    return charge_models.PerUnit(rate.unit_price)


def _tier_unit_price(rate: Rate, tier: Tier) -> Decimal:
    """Return a tier's price per unit; for a graduated percentage, the price per unit of value."""
    if rate.model != ChargeModel.GRADUATED_PERCENTAGE:
        return tier.unit_price
    if tier.percent is None:
        raise charge_models.InvalidCharge(f"{rate}: enter the percentage of each tier.")
    check_percent(tier.percent, subject="A tier's percentage")
    return tier.percent.scaleb(-2)


def _build_percentage(rate: Rate) -> charge_models.Percentage:
    if rate.percent is None:
        raise charge_models.InvalidCharge(f"{rate}: enter a percentage.")
    return charge_models.Percentage(
        percent=rate.percent,
        fixed_fee=rate.fixed_fee,
        free_events=rate.free_events,
        free_value=rate.free_value,
        minimum=rate.least_per_event,
        maximum=rate.most_per_event,
    )
