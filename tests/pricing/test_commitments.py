"""A commitment's missing part is billed as a true-up, and usage above it costs its overage factor."""

from decimal import Decimal
from fractions import Fraction as F

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.money import round_money
from plans.pricing.charge_models import (
    Flat,
    Graduated,
    InvalidCharge,
    Package,
    Percentage,
    PerUnit,
    PriceTier,
    Volume,
)
from plans.pricing.commitments import NOTHING_SETTLED, SpendCommitment, parts_within, settle_commitment
from plans.pricing.committed_units import price_commitment
from plans.pricing.rating import PriceTerms, RateTerms, rate_usage
from plans.pricing.rating_parts import RatingPart
from tests.pricing.strategies import LAW, decimals
from tests.pricing.worked_numbers import rows

D = Decimal
money = decimals(0, 500, 2)


@pytest.mark.parametrize(
    "row", rows("commitments"), ids=lambda row: f"{row['spent']} of {row['minimum']}, {row['why']}"
)
def test_a_commitment_is_settled_as_documented(row):
    settled = settle_commitment(
        SpendCommitment(D(row["minimum"]), overage_factor=D(row["factor"])),
        spent=D(row["spent"]),
        spent_before=D(row["spent before"]),
        share=F(row["share"]),
        is_final=row["final"] == "yes",
        currency="USD",
    )
    ours = (settled.within, settled.excess, settled.surcharge, settled.true_up, settled.total)
    assert ours == tuple(D(row[name]) for name in ("within", "beyond", "surcharge", "true-up", "total"))


@LAW
@given(money, money, money, decimals(0, 3, 2), st.booleans())
def test_nothing_is_lost_or_billed_twice(minimum, before, spent, factor, is_final):
    settled = settle_commitment(
        SpendCommitment(minimum, overage_factor=factor),
        spent=spent,
        spent_before=before,
        currency="USD",
        is_final=is_final,
    )
    assert settled.within + settled.excess == spent
    assert settled.within <= settled.limit
    assert not (settled.excess and settled.true_up)
    if is_final:
        assert settled.total >= min(minimum - before, minimum)


@LAW
@given(money, st.lists(money, min_size=1, max_size=5))
def test_a_contract_of_several_periods_bills_its_minimum_or_the_greater_spend(minimum, spent):
    invoiced, before = D(0), D(0)
    for number, period_spent in enumerate(spent, start=1):
        is_final = number == len(spent)
        settled = settle_commitment(
            SpendCommitment(minimum), spent=period_spent, spent_before=before, currency="USD", is_final=is_final
        )
        invoiced += settled.total
        before += period_spent
    assert invoiced == max(minimum, sum(spent))


@pytest.mark.parametrize("row", rows("commitments", table=1), ids=lambda row: row["discount"])
def test_a_discount_lowers_the_unit_price_of_every_part(row):
    terms = PriceTerms("USD", (RateTerms("all", (), PerUnit(D("0.05"))),), discount=D(row["discount"]))
    (line,) = rate_usage(terms, {"all": D(1000)}).lines
    assert (line.parts[0].unit_price, line.amount) == (D(row["unit price"]), D(row["1000 units"]))


def test_a_discount_does_not_change_flat_fees_and_bounds():
    ladder = Graduated((PriceTier(D(10), D(2), D(5)), PriceTier(None, D(1))))
    (line,) = rate_usage(PriceTerms("USD", (RateTerms("all", (), ladder),), discount=D(50)), {"all": D(20)}).lines
    assert line.parts == (
        RatingPart(D(0), D(10), D(10), D(1), D(5), D(15)),
        RatingPart(D(10), None, D(10), D("0.5"), D(0), D(5)),
    )
    assert line.amount == 20


def test_a_discount_is_exact():
    assert SpendCommitment(D(100), discount=D("12.5")).discounted(D("0.000000000001")) == D("0.000000000000875")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"minimum": D(-1)}, "The minimum commitment must be between 0"),
        ({"minimum": D(1), "overage_factor": D(101)}, "0 to 100 times"),
        ({"minimum": D(1), "overage_factor": D("NaN")}, "0 to 100 times"),
        ({"minimum": D(1), "discount": D(101)}, "at most 100%"),
        ({"minimum": D(1), "periods": 0}, "1 to 120 invoice periods"),
        ({"minimum": D(1), "discount": D(-1)}, "The committed discount must be between 0"),
    ],
)
def test_an_invalid_commitment_is_rejected_with_its_bound(fields, message):
    with pytest.raises(InvalidCharge, match=message):
        SpendCommitment(**fields)


@LAW
@given(money, money, st.lists(decimals(-50, 200, 2), max_size=6))
def test_the_parts_of_the_lines_sum_to_the_part_within(minimum, before, amounts):
    parts = list(parts_within(amounts, limit=minimum, spent_before=before))
    settled = settle_commitment(SpendCommitment(minimum), spent=before + sum(amounts), currency="USD")
    assert sum(parts) == settled.within - min(before, minimum)
    assert all(0 <= part <= amount for part, amount in zip(parts, amounts, strict=True) if amount >= 0)


@LAW
@given(st.lists(st.tuples(money, money), max_size=5), decimals(0, 3, 2))
def test_windows_that_reach_their_minimum_pay_it_once_and_the_rest_by_the_factor(windows, factor):
    settlements = [
        settle_commitment(SpendCommitment(minimum, overage_factor=factor), spent=spent, currency="USD")
        for minimum, spent in windows
    ]
    due = sum(
        minimum + round_money((spent - minimum) * factor, "USD") if spent >= minimum else minimum
        for minimum, spent in windows
    )
    assert abs(sum(settlements, NOTHING_SETTLED).total - due) <= D("0.01") * len(windows)


UNIT_CHARGES = [
    PerUnit(D("0.05")),
    Package(D(30), D(2)),
    Graduated((PriceTier(D(100), D(1)), PriceTier(None, D("0.5")))),
    Volume((PriceTier(D(100), D(1), D(7)), PriceTier(None, D("0.5")))),
]


@LAW
@given(st.sampled_from(UNIT_CHARGES), decimals(1, 500, 1), decimals(0, 50, 0), decimals(0, 100, 2))
def test_using_exactly_the_committed_units_owes_nothing_more(charge, units, included, discount):
    price = PriceTerms("USD", (RateTerms(1, (), charge),), included=included, discount=discount)
    commitment = price_commitment(SpendCommitment(D(0), feature="calls", units=units, discount=discount), price)
    spent = rate_usage(price, {1: units}).invoiced_amount
    settled = settle_commitment(commitment, spent=spent, currency="USD")
    assert (settled.true_up, settled.excess, settled.within) == (0, 0, spent)


UNPRICED = [
    # rates                                          words
    ((PerUnit(D(1)), PerUnit(D(2))),                 "one rate, not 2"),
    ((Flat(D(5)),),                                  "depends on more than the units"),
    ((Percentage(D(2)),),                            "depends on more than the units"),
]  # fmt: skip


@pytest.mark.parametrize(("charges", "words"), UNPRICED)
def test_units_without_one_price_by_quantity_have_no_worth(charges, words):
    rates = tuple(RateTerms(key, (("model", str(key)),), charge) for key, charge in enumerate(charges, start=1))
    with pytest.raises(InvalidCharge, match=words):
        price_commitment(SpendCommitment(D(0), feature="calls", units=D(5)), PriceTerms("USD", rates))


WRONG_SCOPES = [
    ({"units": D(0), "feature": "calls"}, "above zero"),
    ({"units": D("NaN"), "feature": "calls"}, "above zero"),
    ({"units": D(5)}, "code of the feature that they are units of"),
    ({"per_window": True}, "code of the feature whose windows count"),
    ({"per_window": True, "feature": "calls", "periods": 2}, "not 2"),
]


@pytest.mark.parametrize(("fields", "words"), WRONG_SCOPES)
def test_a_commitment_without_its_feature_is_refused(fields, words):
    with pytest.raises(InvalidCharge, match=words):
        SpendCommitment(D(100), **fields)
