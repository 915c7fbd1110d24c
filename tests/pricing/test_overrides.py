"""Overrides of a subscription replace the published terms that they name, and no others."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.catalog.overrides import TermOverride, apply_overrides, prorate_terms
from plans.catalog.stored_terms import FeatureTerms, MeteringTerms, VersionTerms, index_features
from plans.pricing import charge_models
from plans.pricing.commitments import SpendCommitment
from plans.pricing.period_anchor import Interval
from plans.pricing.rating import PriceTerms, RateTerms, RateUsage, rate_usage
from plans.pricing.validation import InvalidCharge
from tests.pricing.worked_numbers import rows

D = Decimal
CALLS = 7
LADDER = (
    charge_models.PriceTier(D(10), D("1.50")),
    charge_models.PriceTier(D(100), D("0.50"), D(2)),
    charge_models.PriceTier(None, D("0.10"), D(5)),
)


def terms_of(*charged: charge_models.Charge, **fields: object) -> VersionTerms:
    """Return the terms of a version with one feature; several charges are rates by model."""
    rates = [
        RateTerms(key, (("model", f"m{key}"),) if len(charged) > 1 else (), charge, f"rate {key}")
        for key, charge in enumerate(charged, start=1)
    ]
    price = PriceTerms("USD", tuple(rates), **fields)
    feature = FeatureTerms(
        1, CALLS, "calls", "Calls", 1, "call", price.model, price.included, price, MeteringTerms(), resets=None
    )
    interval = Interval("month", 1)
    return VersionTerms(1, "p", "P", 1, "USD", interval, "calendar", "second", fees=(), **index_features((feature,)))


def override(kind: str, value: object, **match: str) -> TermOverride:
    return TermOverride(CALLS, kind, D(str(value)), tuple(sorted(match.items())))


def feature_of(terms: VersionTerms, *overrides: TermOverride) -> FeatureTerms:
    return apply_overrides(terms, frozenset(overrides)).features[0]


@pytest.mark.parametrize("case", rows("overrides"), ids=lambda case: case["overridden"] or "published")
def test_600_units_cost_the_documented_amount(case):
    overrides = [override(*text.split()) for text in filter(None, case["overridden"].split(", "))]
    feature = feature_of(terms_of(charge_models.PerUnit(D("0.05")), included=D(200)), *overrides)
    assert rate_usage(feature.price, {1: D(600)}).invoiced_amount == D(case["amount"]), case["why"]
    assert len(feature.overridden) == (1 if "stands as it is" in case["why"] else len(overrides))


CHARGES = [
    charge_models.Flat(D(29)),
    charge_models.PerUnit(D("0.0000025")),
    charge_models.Package(D(10), D(15)),
    charge_models.Graduated(LADDER),
    charge_models.Volume(LADDER),
    charge_models.Percentage(D("2.9"), D("0.30"), minimum=D(1), maximum=D(9)),
    charge_models.Percentage(D("2.9"), D("0.30")),
    charge_models.Dynamic(D("1.2")),
]


@given(
    charge=st.sampled_from(CHARGES),
    percent=st.decimals(-100, 1000, places=10),
    quantity=st.integers(0, 500),
)
def test_a_percentage_scales_every_charge_exactly(charge, percent, quantity):
    usage = {1: RateUsage(D(quantity), 2, (D(quantity), D(20)), D(quantity))}
    terms = terms_of(charge)
    before = rate_usage(terms.features[0].price, usage).amount
    after = rate_usage(feature_of(terms, override("percent", percent)).price, usage)
    assert after.amount == before * (100 + percent) / 100
    parts = after.lines[0].parts
    assert after.amount == sum(
        Fraction(part.units) * Fraction(part.unit_price) + Fraction(part.flat_fee) for part in parts
    )


OWN_PRICES = [
    # charge                               price of 600 units at 0.02
    (charge_models.PerUnit(D("0.05")),           "12.00"),
    (charge_models.Graduated(LADDER),            "12.00"),
    (charge_models.Volume(LADDER),               "12.00"),
    (charge_models.Package(D(100), D(1)),        "0.12"),
    (charge_models.Flat(D(29)),                  "0.02"),
]  # fmt: skip


@pytest.mark.parametrize(("charge", "amount"), OWN_PRICES)
def test_an_overridden_price_replaces_the_published_one(charge, amount):
    feature = feature_of(terms_of(charge), override("price", "0.02"))
    assert rate_usage(feature.price, {1: D(600)}).amount == D(amount)


def test_an_overridden_price_is_of_one_rate():
    both = terms_of(charge_models.PerUnit(D(1)), charge_models.PerUnit(D(1)))
    feature = feature_of(both, override("price", 5, model="m2"))
    assert rate_usage(feature.price, {1: D(1), 2: D(1)}).amount == 6
    assert feature.overridden[0]._asdict() == {"figure": "price", "rate": "rate 2", "value": "5", "instead": "1"}


def test_an_override_of_a_missing_feature_or_rate_changes_nothing():
    terms = terms_of(charge_models.PerUnit(D(1)))
    for override_ in (override("price", 5, model="m2"), override("minimum", 5)._replace(feature_id=8)):
        assert feature_of(terms, override_) == terms.features[0]


REFUSED = [
    # charge                     overrides                                  words
    (charge_models.PerUnit(D(1)),      [override("percent", -101)],                    "from -100 to 1000"),
    (charge_models.PerUnit(D(1)),      [override("price", -1)],                        "The price must be between"),
    (charge_models.PerUnit(D(1)),      [override("included", -1)],                     "must be above 0"),
    (charge_models.PerUnit(D(1)),      [override("minimum", 5), override("maximum", 4)],    "above its maximum"),
    (charge_models.Dynamic(),          [override("price", 1)],                         "Change it by a percentage"),
    (charge_models.Dynamic(),          [override("included", 1)],                      "can't have an allowance"),
]  # fmt: skip


@pytest.mark.parametrize(("charge", "overrides", "words"), REFUSED)
def test_an_override_that_can_not_be_charged_is_rejected(charge, overrides, words):
    with pytest.raises(InvalidCharge, match=words):
        feature_of(terms_of(charge), *overrides)


def test_keys_and_matches_are_kept_so_that_usage_counts_the_same():
    terms = terms_of(charge_models.PerUnit(D(1)), charge_models.Graduated(LADDER))
    feature = feature_of(terms, override("price", 5, model="m1"), override("percent", -5), override("included", 9))
    before = terms.features[0].price.rates
    assert [(rate.key, rate.match, rate.label) for rate in feature.price.rates] == [
        (rate.key, rate.match, rate.label) for rate in before
    ]
    assert replace(feature, price=None, included=D(0), overridden=()) == replace(terms.features[0], price=None)


DESCRIPTIONS = [
    # charge                       overrides                                  described
    (charge_models.Package(D(10), D(1)), [override("price", "0.50")], [("price", "rate 1", "0.5", "1")]),
    (charge_models.Flat(D(29)),          [override("price", 30)], [("price", "rate 1", "30", "29")]),
    (charge_models.Graduated(LADDER),    [override("price", 2)], [("price", "rate 1", "2", "")]),
    (charge_models.PerUnit(D(1)),        [override("percent", "-12.50")], [("percent", "", "-12.5", "")]),
    (charge_models.PerUnit(D(1)),        [override("included", 10), override("maximum", 9)],
                                         [("included", "", "10", "0"), ("maximum", "", "9", "")]),
    (charge_models.PerUnit(D(1)),        [override("minimum", 5)], [("minimum", "", "5", "")]),
    (charge_models.PerUnit(D(1)),        [override("percent", 0)], []),
]  # fmt: skip


@pytest.mark.parametrize(("charge", "overrides", "described"), DESCRIPTIONS)
def test_overridden_terms_are_listed(charge, overrides, described):
    assert [tuple(overridden) for overridden in feature_of(terms_of(charge), *overrides).overridden] == described


def test_published_bounds_are_listed_with_the_overridden_ones():
    terms = terms_of(charge_models.PerUnit(D(1)), minimum=D("1.50"), maximum=D(9))
    for agreed_override, described, bounds in (
        (override("minimum", 2), ("minimum", "", "2", "1.5"), (2, 9)),
        (override("maximum", 8), ("maximum", "", "8", "9"), (D("1.5"), 8)),
    ):
        feature = feature_of(terms, agreed_override)
        assert [tuple(overridden) for overridden in feature.overridden] == [described]
        assert (feature.price.minimum, feature.price.maximum) == bounds


def test_the_bounds_of_a_percentage():
    for percent, amount in ((-100, 0), (1000, 11)):
        feature = feature_of(terms_of(charge_models.PerUnit(D(1))), override("percent", percent))
        assert rate_usage(feature.price, {1: D(1)}).amount == amount


def unpriced(terms: VersionTerms, **fields: object) -> VersionTerms:
    """Return the terms with a second feature that has no price: a hard cap."""
    (first,) = terms.features
    capped = replace(first, plan_feature_id=2, feature_id=8, consumption="hard_cap", price=None, **fields)
    return replace(terms, **index_features((first, capped)))


def test_the_allowance_of_a_feature_without_a_price_can_be_overridden():
    capped = apply_overrides(
        unpriced(terms_of(charge_models.PerUnit(D(1))), included=D(5)),
        frozenset([override("included", 7)._replace(feature_id=8)]),
    ).features[1]
    assert (capped.included, capped.price) == (7, None)
    assert [tuple(overridden) for overridden in capped.overridden] == [("included", "", "7", "5")]


def committed(**changes: str) -> TermOverride:
    match = {"periods": "12", "overage_factor": "1.5", "discount": "10", "trues_up": "1", "since": "2026-01-01"}
    match |= {"feature": "", "units": "", "per_window": "0"}
    return TermOverride(0, "commitment", D(500), tuple(sorted((match | changes).items())))


def test_a_subscriptions_commitment_replaces_the_versions_with_its_discount():
    published = replace(unpriced(terms_of(charge_models.PerUnit(D(1)))), commitment=SpendCommitment(D(9)))
    terms = apply_overrides(published, frozenset([committed()]))
    assert terms.commitment == SpendCommitment(
        D(500), overage_factor=D("1.5"), discount=D(10), trues_up=True, periods=12
    )
    assert terms.committed_since == "2026-01-01"
    assert [feature.price and feature.price.discount for feature in terms.features] == [10, None]
    assert rate_usage(terms.by_plan_feature[1].price, {1: D(10)}).amount == 9


def test_a_subscriptions_commitment_can_be_without_a_true_up():
    terms = apply_overrides(terms_of(charge_models.PerUnit(D(1))), frozenset([committed(trues_up="0")]))
    assert not terms.commitment.trues_up


def test_a_partial_interval_has_prorated_allowances():
    terms = unpriced(terms_of(charge_models.PerUnit(D(1)), included=D(200)), included=D(10))
    part = prorate_terms(terms, Fraction(1, 4))
    assert [feature.included for feature in part.features] == [50, 3]
    assert [feature.price and feature.price.included for feature in part.features] == [50, None]
    assert part.by_plan_feature[1] is part.features[0]


def test_an_allowance_with_its_own_interval_is_not_prorated():
    (feature,) = terms_of(charge_models.PerUnit(D(1)), included=D(200)).features
    terms = replace(
        terms_of(charge_models.PerUnit(D(1))), **index_features((replace(feature, resets=Interval("day", 1)),))
    )
    assert prorate_terms(terms, Fraction(1, 4)).features == terms.features


@pytest.mark.parametrize("compute", [lambda terms: apply_overrides(terms, frozenset([override("minimum", 5)])),
                                  lambda terms: prorate_terms(terms, Fraction(1, 2))])  # fmt: skip
def test_they_are_computed_once_for_the_same_terms(compute):
    terms = terms_of(charge_models.PerUnit(D(1)), included=D(4))
    drafted = terms_of(charge_models.PerUnit(D(2)), included=D(4))
    assert compute(terms) is compute(terms)
    assert prorate_terms(terms, Fraction(1, 4)).features[0].included == 1
    assert feature_of(terms, override("minimum", 7)).price.minimum == 7
    assert rate_usage(compute(drafted).features[0].price, {1: D(10)}).amount >= 12
