"""In a trial usage is counted as ever, and costs what its version says: nothing, or its price without any dues."""

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
from tests.pricing.test_figures_as_agreed import terms_of
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
def test_calls_come_to_what_the_page_says(row):
    price = terms(charge_models.PerUnit(D("0.10")), included=D(100), minimum=D(20))
    rated = rate_usage(trial_price_terms(price, is_free=row["usage in the trial"] == "free"), {1: D(row["calls"])})
    assert (rated.invoiced_amount, rated.quantity) == (D(row["amount"]), D(row["calls"])), row["why"]


@given(charge=st.sampled_from(CHARGES), quantity=st.integers(0, 500))
def test_free_usage_is_divided_as_ever_and_worth_nothing(charge, quantity):
    used = {1: RateUsage(D(quantity), 2, (D(quantity), D(20)), D(quantity))}
    (line,) = rate_usage(trial_price_terms(terms(charge), is_free=True), used).lines
    (ever,) = rate_usage(terms(charge), used).lines
    assert line.amount == 0
    assert all(part.unit_price == part.flat_fee == part.amount == 0 for part in line.parts)
    assert (line.quantity, line.billable, len(line.parts)) == (ever.quantity, ever.billable, len(ever.parts))


@given(charge=st.sampled_from(CHARGES[1:]), quantity=st.integers(0, 500))
def test_billed_usage_costs_what_it_ever_does(charge, quantity):
    used = {1: RateUsage(D(quantity), 2, (D(quantity), D(20)), D(quantity))}
    assert rate_usage(trial_price_terms(terms(charge), is_free=False), used) == rate_usage(terms(charge), used)


def test_a_flat_price_is_waived_whatever_usage_costs():
    assert rate_usage(trial_price_terms(terms(charge_models.Flat(D(29))), is_free=False), {}).amount == 0


def test_there_is_no_minimum_and_no_discount_but_a_maximum():
    bounded = trial_price_terms(
        terms(charge_models.PerUnit(D(1)), minimum=D(20), maximum=D(50), discount=D(10)), is_free=False
    )
    assert [rate_usage(bounded, {1: D(units)}).invoiced_amount for units in (5, 70)] == [5, 50]


def version(usage="free", **fields):
    """Return the terms of a version that a trial begins, which promises something."""
    whole = terms_of(charge_models.PerUnit(D("0.10")), included=D(100), minimum=D(20))
    return replace(
        whole, trial_usage=usage, commitment=SpendCommitment(D(50)), committed_since="2026-01-01", **fields
    )


@pytest.mark.parametrize(("usage", "amount"), [("free", 0), ("billed", 5)])
def test_a_version_is_rated_in_a_trial_by_what_it_says_of_trials(usage, amount):
    whole = version(usage)
    trial = trial_terms(whole)
    (feature,) = trial.features
    assert rate_usage(feature.price, {1: D(150)}).invoiced_amount == amount
    assert (trial.by_meter[1], trial.by_plan_feature[feature.plan_feature_id]) == ((feature,), feature)
    assert (trial.trial, trial.commitment, trial.committed_since) == (usage, None, "")
    assert replace(feature, price=whole.features[0].price) == whole.features[0]
    assert rate_usage(whole.features[0].price, {1: D(150)}).invoiced_amount == 20


def test_what_has_no_price_has_none_in_a_trial():
    whole = version()
    capped = replace(whole, features=(replace(whole.features[0], price=None),))
    assert trial_terms(capped).features == capped.features


def test_the_terms_of_a_trial_are_made_once_for_terms_that_stay_the_same():
    first, second = version(), version("billed")
    assert trial_terms(first) is trial_terms(first)
    assert [trial_terms(one).trial for one in (first, second, first)] == ["free", "billed", "free"]
