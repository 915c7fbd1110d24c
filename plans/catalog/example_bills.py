"""What some usage would come to by a version: an example, typed by whoever asks, rated by the function that bills."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from lib.decimals import EXACT, ZERO
from lib.formats import number
from lib.money import round_money
from plans.catalog.stored_terms import FeatureTerms, Terms
from plans.models.prices import FeeKind
from plans.pricing.rating import Usage, match_rate, rate_usage

FEW, MANY = Decimal(1_000), Decimal(1_000_000)

Match = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Use:
    """Some usage of a feature, with the dimensions that a rate matches: what a typical period holds."""

    feature: str
    match: Match
    label: str
    unit: str


@dataclass(frozen=True, slots=True)
class Bill:
    """
    What a period comes to: label → amount, each rounded as its invoice line is, and their sum.

    drawn: (feature, currency or credits) → what its use takes from a wallet instead; it is on no invoice.
    unpriced: usage that no rate matches, in words; it is on no bill.
    """

    currency: str
    lines: Mapping[str, Decimal]
    unpriced: tuple[str, ...]
    drawn: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)

    @property
    def total(self) -> Decimal:
        total = ZERO
        for amount in self.lines.values():
            total = EXACT.add(total, amount)
        return total


def uses_of(*terms: Terms) -> dict[Use, Decimal]:
    """Return all the kinds of usage that some versions price, each once, with a quantity that tells something."""
    found: dict[tuple[str, Match], tuple[Use, Decimal]] = {}
    for feature in (feature for one in terms for feature in one.features if feature.price is not None):
        rates = feature.price.rates if feature.price else ()
        for rate in rates:
            # What a rate is called would repeat the feature where it is the only one.
            label = f"{feature.name}, {rate.label}" if len(rates) > 1 else feature.name
            use = Use(feature.code, rate.match, label, feature.unit)
            found.setdefault((feature.code, rate.match), (use, _telling(feature, use)))
    return dict(found.values())


def _telling(feature: FeatureTerms, use: Use) -> Decimal:
    """Return a quantity that comes to something: a thousand beyond what is included, a million of what is cheap."""
    quantity = EXACT.add(feature.included, FEW)
    amount, _ = _amount(feature, {use: quantity})
    return quantity if amount >= 1 else MANY


def bill(terms: Terms, used: Mapping[Use, Decimal]) -> Bill:
    """
    Return what a whole period with this usage comes to: base fees and usage, before tax.

    Of a fee for several periods that is the part of one.

    :raises ValueError: if a quantity cannot be rated.
    """
    lines: dict[str, Decimal] = {}
    for fee in terms.fees:
        if fee.kind == FeeKind.BASE:
            label = fee.label if fee.every == 1 else f"{fee.label} (1/{fee.every})"
            lines[label] = round_money(Fraction(fee.amount) / fee.every, terms.currency)
    unpriced = []
    drawn: dict[tuple[str, str], Decimal] = {}
    features = {feature.code: feature for feature in terms.features}
    for code in dict.fromkeys(use.feature for use in used):
        of_feature = {use: quantity for use, quantity in used.items() if use.feature == code and quantity}
        feature = features.get(code)
        if feature is None or feature.price is None:
            unpriced += [f"{number(quantity)} of {use.label}" for use, quantity in of_feature.items()]
            continue
        amount, left_out = _amount(feature, of_feature)
        if feature.wallet:
            drawn[feature.name, feature.wallet] = amount
        else:
            lines[feature.name] = amount
        unpriced += left_out
    return Bill(terms.currency, lines, tuple(unpriced), drawn)


def _amount(feature: FeatureTerms, used: Mapping[Use, Decimal]) -> tuple[Decimal, list[str]]:
    assert feature.price is not None  # noqa: S101, the caller has looked
    by_rate: dict[int | str, Decimal] = {}
    unpriced = []
    for use, quantity in used.items():
        rate = match_rate(feature.price.rates, dict(use.match))
        if rate is None:
            unpriced.append(f"{number(quantity)} of {use.label}")
        else:
            by_rate[rate.key] = EXACT.add(by_rate.get(rate.key, ZERO), quantity)
    rated = rate_usage(feature.price, {key: Usage.of_one_event(one) for key, one in by_rate.items()})
    return rated.invoiced, unpriced


def labels_of(bills: Iterable[Bill]) -> list[str]:
    """Return what stands on any of these bills, in order."""
    return list(dict.fromkeys(label for one in bills for label in one.lines))
