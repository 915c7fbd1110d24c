"""What a subscription has of its own takes the place of what was published, and of nothing else."""

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
        RateTerms(key, (("model", f"m{key}"),) if len(charged) > 1 else (), one, f"rate {key}")
        for key, one in enumerate(charged, start=1)
    ]
    price = PriceTerms("USD", tuple(rates), **fields)
    feature = FeatureTerms(
        1, CALLS, "calls", "Calls", 1, "call", price.model, price.included, price, MeteringTerms(), resets=None
    )
    interval = Interval("month", 1)
    return VersionTerms(1, "p", "P", 1, "USD", interval, "calendar", "second", fees=(), **index_features((feature,)))


def own(what: str, value: object, **match: str) -> TermOverride:
    return TermOverride(CALLS, what, D(str(value)), tuple(sorted(match.items())))


def feature_of(terms: VersionTerms, *agreed: TermOverride) -> FeatureTerms:
    return apply_overrides(terms, frozenset(agreed)).features[0]


@pytest.mark.parametrize("case", rows("overrides"), ids=lambda case: case["overridden"] or "published")
def test_600_units_come_to_what_the_page_says(case):
    agreed = [own(*one.split()) for one in filter(None, case["overridden"].split(", "))]
    feature = feature_of(terms_of(charge_models.PerUnit(D("0.05")), included=D(200)), *agreed)
    assert rate_usage(feature.price, {1: D(600)}).invoiced_amount == D(case["amount"]), case["why"]
    assert len(feature.overridden) == (1 if "stands as it is" in case["why"] else len(agreed))


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
def test_a_percentage_scales_whatever_is_charged_exactly(charge, percent, quantity):
    usage = {1: RateUsage(D(quantity), 2, (D(quantity), D(20)), D(quantity))}
    terms = terms_of(charge)
    before = rate_usage(terms.features[0].price, usage).amount
    after = rate_usage(feature_of(terms, own("percent", percent)).price, usage)
    assert after.amount == before * (100 + percent) / 100
    parts = after.lines[0].parts
    assert after.amount == sum(
        Fraction(part.units) * Fraction(part.unit_price) + Fraction(part.flat_fee) for part in parts
    )


OWN_PRICES = [
    # charge                               what 600 units come to at 0.02
    (charge_models.PerUnit(D("0.05")),           "12.00"),
    (charge_models.Graduated(LADDER),            "12.00"),
    (charge_models.Volume(LADDER),               "12.00"),
    (charge_models.Package(D(100), D(1)),        "0.12"),
    (charge_models.Flat(D(29)),                  "0.02"),
]  # fmt: skip


@pytest.mark.parametrize(("charge", "amount"), OWN_PRICES)
def test_a_price_of_its_own_takes_the_place_of_a_published_one(charge, amount):
    feature = feature_of(terms_of(charge), own("price", "0.02"))
    assert rate_usage(feature.price, {1: D(600)}).amount == D(amount)


def test_a_price_of_its_own_is_of_one_rate():
    both = terms_of(charge_models.PerUnit(D(1)), charge_models.PerUnit(D(1)))
    feature = feature_of(both, own("price", 5, model="m2"))
    assert rate_usage(feature.price, {1: D(1), 2: D(1)}).amount == 6
    assert feature.overridden[0]._asdict() == {"figure": "price", "rate": "rate 2", "value": "5", "instead": "1"}


def test_what_the_version_does_not_have_changes_nothing():
    terms = terms_of(charge_models.PerUnit(D(1)))
    for one in (own("price", 5, model="m2"), own("minimum", 5)._replace(feature_id=8)):
        assert feature_of(terms, one) == terms.features[0]


REFUSED = [
    # charge                     figures                                    words
    (charge_models.PerUnit(D(1)),      [own("percent", -101)],                    "-100 to 1000 percent"),
    (charge_models.PerUnit(D(1)),      [own("price", -1)],                        "The price must be between"),
    (charge_models.PerUnit(D(1)),      [own("included", -1)],                     "must be above 0"),
    (charge_models.PerUnit(D(1)),      [own("minimum", 5), own("maximum", 4)],    "above its maximum"),
    (charge_models.Dynamic(),          [own("price", 1)],                         "change it by percent"),
    (charge_models.Dynamic(),          [own("included", 1)],                      "no units are included"),
]  # fmt: skip


@pytest.mark.parametrize(("charge", "figures", "words"), REFUSED)
def test_what_cannot_be_charged_by_is_refused_in_words(charge, figures, words):
    with pytest.raises(InvalidCharge, match=words):
        feature_of(terms_of(charge), *figures)


def test_keys_and_matches_stay_so_that_usage_is_counted_the_same():
    terms = terms_of(charge_models.PerUnit(D(1)), charge_models.Graduated(LADDER))
    feature = feature_of(terms, own("price", 5, model="m1"), own("percent", -5), own("included", 9))
    before = terms.features[0].price.rates
    assert [(rate.key, rate.match, rate.label) for rate in feature.price.rates] == [
        (rate.key, rate.match, rate.label) for rate in before
    ]
    assert replace(feature, price=None, included=D(0), overridden=()) == replace(terms.features[0], price=None)


TOLD = [
    # charge                       figures                                    what is told of them
    (charge_models.Package(D(10), D(1)), [own("price", "0.50")], [("price", "rate 1", "0.5", "1")]),
    (charge_models.Flat(D(29)),          [own("price", 30)], [("price", "rate 1", "30", "29")]),
    (charge_models.Graduated(LADDER),    [own("price", 2)], [("price", "rate 1", "2", "")]),
    (charge_models.PerUnit(D(1)),        [own("percent", "-12.50")], [("percent", "", "-12.5", "")]),
    (charge_models.PerUnit(D(1)),        [own("included", 10), own("maximum", 9)], [("included", "", "10", "0"),
                                                                               ("maximum", "", "9", "")]),
    (charge_models.PerUnit(D(1)),        [own("minimum", 5)], [("minimum", "", "5", "")]),
    (charge_models.PerUnit(D(1)),        [own("percent", 0)],                       []),
]  # fmt: skip


@pytest.mark.parametrize(("charge", "figures", "told"), TOLD)
def test_what_is_not_as_published_is_told(charge, figures, told):
    assert [tuple(one) for one in feature_of(terms_of(charge), *figures).overridden] == told


def test_published_bounds_are_told_beside_the_agreed_ones():
    terms = terms_of(charge_models.PerUnit(D(1)), minimum=D("1.50"), maximum=D(9))
    for figure, told, bounds in (
        (own("minimum", 2), ("minimum", "", "2", "1.5"), (2, 9)),
        (own("maximum", 8), ("maximum", "", "8", "9"), (D("1.5"), 8)),
    ):
        feature = feature_of(terms, figure)
        assert [tuple(one) for one in feature.overridden] == [told]
        assert (feature.price.minimum, feature.price.maximum) == bounds


def test_the_ends_of_what_a_percentage_may_be():
    for percent, amount in ((-100, 0), (1000, 11)):
        feature = feature_of(terms_of(charge_models.PerUnit(D(1))), own("percent", percent))
        assert rate_usage(feature.price, {1: D(1)}).amount == amount


def unpriced(terms: VersionTerms, **fields: object) -> VersionTerms:
    """Return the terms with a second feature that has no price: a hard cap."""
    (first,) = terms.features
    capped = replace(first, plan_feature_id=2, feature_id=8, consumption="hard_cap", price=None, **fields)
    return replace(terms, **index_features((first, capped)))


def test_a_feature_without_a_price_has_its_own_allowance():
    capped = apply_overrides(
        unpriced(terms_of(charge_models.PerUnit(D(1))), included=D(5)),
        frozenset([own("included", 7)._replace(feature_id=8)]),
    ).features[1]
    assert (capped.included, capped.price) == (7, None)
    assert [tuple(one) for one in capped.overridden] == [("included", "", "7", "5")]


def committed(**figures: str) -> TermOverride:
    match = {"periods": "12", "overage_factor": "1.5", "discount": "10", "trues_up": "1", "since": "2026-01-01"}
    return TermOverride(0, "commitment", D(500), tuple(sorted((match | figures).items())))


def test_a_commitment_of_its_own_takes_the_place_of_the_versions_with_its_discount():
    published = replace(unpriced(terms_of(charge_models.PerUnit(D(1)))), commitment=SpendCommitment(D(9)))
    terms = apply_overrides(published, frozenset([committed()]))
    assert terms.commitment == SpendCommitment(
        D(500), overage_factor=D("1.5"), discount=D(10), trues_up=True, periods=12
    )
    assert terms.committed_since == "2026-01-01"
    assert [feature.price and feature.price.discount for feature in terms.features] == [10, None]
    assert rate_usage(terms.by_plan_feature[1].price, {1: D(10)}).amount == 9


def test_a_commitment_of_its_own_may_be_without_a_true_up():
    terms = apply_overrides(terms_of(charge_models.PerUnit(D(1))), frozenset([committed(trues_up="0")]))
    assert not terms.commitment.trues_up


def test_a_part_of_an_interval_has_its_part_of_every_allowance():
    terms = unpriced(terms_of(charge_models.PerUnit(D(1)), included=D(200)), included=D(10))
    part = prorate_terms(terms, Fraction(1, 4))
    assert [feature.included for feature in part.features] == [50, 3]
    assert [feature.price and feature.price.included for feature in part.features] == [50, None]
    assert part.by_plan_feature[1] is part.features[0]


def test_an_allowance_of_an_interval_of_its_own_stays_whole_in_a_part():
    (feature,) = terms_of(charge_models.PerUnit(D(1)), included=D(200)).features
    terms = replace(
        terms_of(charge_models.PerUnit(D(1))), **index_features((replace(feature, resets=Interval("day", 1)),))
    )
    assert prorate_terms(terms, Fraction(1, 4)).features == terms.features


@pytest.mark.parametrize("made", [lambda terms: apply_overrides(terms, frozenset([own("minimum", 5)])),
                                  lambda terms: prorate_terms(terms, Fraction(1, 2))])  # fmt: skip
def test_they_are_made_once_for_the_same_terms_and_anew_for_others(made):
    terms = terms_of(charge_models.PerUnit(D(1)), included=D(4))
    drafted = terms_of(charge_models.PerUnit(D(2)), included=D(4))
    assert made(terms) is made(terms)
    assert prorate_terms(terms, Fraction(1, 4)).features[0].included == 1
    assert feature_of(terms, own("minimum", 7)).price.minimum == 7
    assert rate_usage(made(drafted).features[0].price, {1: D(10)}).amount >= 12
