"""Example bills: the price of usage that a user enters, under a version, rated by the function that bills."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from lib.decimals import EXACT, ZERO, exact_sum
from lib.formats import format_number
from lib.money import round_money
from plans.catalog.stored_terms import FeatureTerms, VersionTerms
from plans.models.prices import FeeKind
from plans.pricing.rating import RateUsage, match_rate, rate_usage

FEW, MANY = Decimal(1_000), Decimal(1_000_000)

Match = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ExampleUsage:
    """A kind of usage of a feature, by the dimensions that one rate matches."""

    feature: str
    match: Match
    label: str
    unit: str


@dataclass(frozen=True, slots=True)
class ExampleBill:
    """
    The bill for one period: label → amount, each rounded as its invoice line is, and their total.

    drawdowns: (feature, currency or credits) → amount that a wallet pays instead; it is not part of the invoice.
    unpriced: usage that no rate matches, in words; it is not part of any bill.
    """

    currency: str
    lines: Mapping[str, Decimal]
    unpriced: tuple[str, ...]
    drawdowns: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)

    @property
    def total(self) -> Decimal:
        return exact_sum(self.lines.values())


def list_usages(*terms: VersionTerms) -> dict[ExampleUsage, Decimal]:
    """Return every kind of usage that some versions price, each once, with a quantity for a meaningful example."""
    usages: dict[tuple[str, Match], tuple[ExampleUsage, Decimal]] = {}
    for feature in (
        feature for version_terms in terms for feature in version_terms.features if feature.price is not None
    ):
        rates = feature.price.rates if feature.price else ()
        for rate in rates:
            # If the feature has a single rate, the rate's label would repeat the feature's name.
            label = f"{feature.name}, {rate.label}" if len(rates) > 1 else feature.name
            usage = ExampleUsage(feature.code, rate.match, label, feature.unit)
            usages.setdefault((feature.code, rate.match), (usage, _example_quantity(feature, usage)))
    return dict(usages.values())


def _example_quantity(feature: FeatureTerms, usage: ExampleUsage) -> Decimal:
    """
    Return a quantity that costs something: a thousand above the allowance, or a million if units are cheap.

    It is above the allowance for each rate, so that no rate hides behind the allowance that it shares with others.
    """
    quantity = EXACT.add(feature.included, FEW)
    amount, _ = _rate_feature(feature, {usage: quantity})
    return quantity if amount >= 1 else EXACT.add(feature.included, MANY)


def compute_bill(terms: VersionTerms, quantities: Mapping[ExampleUsage, Decimal]) -> ExampleBill:
    """
    Return the bill for a full period with this usage: base fees and usage, before tax.

    A fee for several periods counts with one period's part.

    :raises ValueError: if a quantity cannot be rated.
    """
    lines: dict[str, Decimal] = {}
    for fee in terms.fees:
        if fee.kind == FeeKind.BASE:
            label = fee.label if fee.every == 1 else f"{fee.label} (1/{fee.every})"
            lines[label] = round_money(Fraction(fee.amount) / fee.every, terms.currency)
    unpriced = []
    drawdowns: dict[tuple[str, str], Decimal] = {}
    features = {feature.code: feature for feature in terms.features}
    for code in dict.fromkeys(usage.feature for usage in quantities):
        feature_quantities = {
            usage: quantity for usage, quantity in quantities.items() if usage.feature == code and quantity
        }
        feature = features.get(code)
        if feature is None or feature.price is None:
            unpriced += [
                f"{format_number(quantity)} of {usage.label}" for usage, quantity in feature_quantities.items()
            ]
            continue
        amount, unmatched = _rate_feature(feature, feature_quantities)
        if feature.wallet:
            drawdowns[feature.name, feature.wallet] = amount
        else:
            lines[feature.name] = amount
        unpriced += unmatched
    return ExampleBill(terms.currency, lines, tuple(unpriced), drawdowns)


def _rate_feature(feature: FeatureTerms, quantities: Mapping[ExampleUsage, Decimal]) -> tuple[Decimal, list[str]]:
    assert feature.price is not None  # noqa: S101, the caller has checked it
    quantity_by_rate: dict[int | str, Decimal] = {}
    unpriced = []
    for usage, quantity in quantities.items():
        rate = match_rate(feature.price.rates, dict(usage.match))
        if rate is None:
            unpriced.append(f"{format_number(quantity)} of {usage.label}")
        else:
            quantity_by_rate[rate.key] = EXACT.add(quantity_by_rate.get(rate.key, ZERO), quantity)
    rating = rate_usage(
        feature.price, {key: RateUsage.from_one_event(quantity) for key, quantity in quantity_by_rate.items()}
    )
    return rating.invoiced_amount, unpriced


def list_labels(bills: Iterable[ExampleBill]) -> list[str]:
    """Return the labels of all lines on these bills, in order."""
    return list(dict.fromkeys(label for bill in bills for label in bill.lines))
