"""Usage in a trial is counted as always, and costs nothing or its price without fees, as its version says."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.catalog.overrides import trial_terms
from plans.pricing import charge_models
from plans.pricing.commitments import SpendCommitment
from plans.pricing.rating import PriceTerms, RateTerms, RateUsage, rate_usage
from plans.pricing.trials import trial_price_terms
from tests.pricing.test_overrides import terms_of
from tests.pricing.worked_numbers import rows

D = Decimal
LADDER = (charge_models.PriceTier(D(10), D("1.50")), charge_models.PriceTier(None, D("0.10"), D(5)))
CHARGES = [
    charge_models.Flat(D(29)),
    charge_models.PerUnit(D("0.0000025")),
    charge_models.Package(D(10), D(15)),
    charge_models.Graduated(LADDER),
    charge_models.Volume(LADDER),
    charge_models.Percentage(D("2.9"), D("0.30"), minimum=D(1), maximum=D(9)),
    charge_models.Dynamic(D("1.2")),
]


def terms(charge, **fields):
    return PriceTerms("USD", (RateTerms(1, (), charge),), **fields)


@pytest.mark.parametrize("row", rows("trials"), ids=lambda row: row["why"])
def test_calls_cost_the_documented_amount(row):
    price = terms(charge_models.PerUnit(D("0.10")), included=D(100), minimum=D(20))
    rated = rate_usage(trial_price_terms(price, is_free=row["usage in the trial"] == "free"), {1: D(row["calls"])})
    assert (rated.invoiced_amount, rated.quantity) == (D(row["amount"]), D(row["calls"])), row["why"]


@given(charge=st.sampled_from(CHARGES), quantity=st.integers(0, 500))
def test_free_usage_has_the_regular_parts_at_zero(charge, quantity):
    used = {1: RateUsage(D(quantity), 2, (D(quantity), D(20)), D(quantity))}
    (line,) = rate_usage(trial_price_terms(terms(charge), is_free=True), used).lines
    (regular,) = rate_usage(terms(charge), used).lines
    assert line.amount == 0
    assert all(part.unit_price == part.flat_fee == part.amount == 0 for part in line.parts)
    assert (line.quantity, line.billable, len(line.parts)) == (regular.quantity, regular.billable, len(regular.parts))


@given(charge=st.sampled_from(CHARGES[1:]), quantity=st.integers(0, 500))
def test_billed_usage_costs_the_regular_price(charge, quantity):
    used = {1: RateUsage(D(quantity), 2, (D(quantity), D(20)), D(quantity))}
    assert rate_usage(trial_price_terms(terms(charge), is_free=False), used) == rate_usage(terms(charge), used)


def test_a_flat_price_is_waived_in_any_trial():
    assert rate_usage(trial_price_terms(terms(charge_models.Flat(D(29))), is_free=False), {}).amount == 0


def test_only_the_maximum_applies_in_a_trial():
    bounded = trial_price_terms(
        terms(charge_models.PerUnit(D(1)), minimum=D(20), maximum=D(50), discount=D(10)), is_free=False
    )
    assert [rate_usage(bounded, {1: D(units)}).invoiced_amount for units in (5, 70)] == [5, 50]


def version(usage="free", **fields):
    """Return the terms of a version with a trial and a commitment."""
    whole = terms_of(charge_models.PerUnit(D("0.10")), included=D(100), minimum=D(20))
    return replace(
        whole, trial_usage=usage, commitment=SpendCommitment(D(50)), committed_since="2026-01-01", **fields
    )


@pytest.mark.parametrize(("usage", "amount"), [("free", 0), ("billed", 5)])
def test_a_version_is_rated_in_a_trial_by_its_trial_terms(usage, amount):
    whole = version(usage)
    trial = trial_terms(whole)
    (feature,) = trial.features
    assert rate_usage(feature.price, {1: D(150)}).invoiced_amount == amount
    assert (trial.by_meter[1], trial.by_plan_feature[feature.plan_feature_id]) == ((feature,), feature)
    assert (trial.trial, trial.commitment, trial.committed_since) == (usage, None, "")
    assert replace(feature, price=whole.features[0].price) == whole.features[0]
    assert rate_usage(whole.features[0].price, {1: D(150)}).invoiced_amount == 20


def test_a_feature_without_a_price_has_none_in_a_trial():
    whole = version()
    capped = replace(whole, features=(replace(whole.features[0], price=None),))
    assert trial_terms(capped).features == capped.features


def test_the_terms_of_a_trial_are_computed_once_for_the_same_terms():
    first, second = version(), version("billed")
    assert trial_terms(first) is trial_terms(first)
    assert [trial_terms(version_terms).trial for version_terms in (first, second, first)] == [
        "free",
        "billed",
        "free",
    ]
