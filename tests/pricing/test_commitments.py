"""What was promised is made up where it was not spent, and parts what is beyond it."""

from decimal import Decimal
from fractions import Fraction as F

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.charge_models import Graduated, InvalidCharge, PerUnit, PriceTier
from plans.pricing.commitments import SpendCommitment, settle_commitment
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
def test_nothing_is_lost_or_claimed_twice(minimum, before, spent, factor, is_final):
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
def test_a_contract_of_several_periods_comes_to_its_minimum_or_what_was_spent(minimum, spent):
    claimed, before = D(0), D(0)
    for number, one in enumerate(spent, start=1):
        is_final = number == len(spent)
        settled = settle_commitment(
            SpendCommitment(minimum), spent=one, spent_before=before, currency="USD", is_final=is_final
        )
        claimed += settled.total
        before += one
    assert claimed == max(minimum, sum(spent))


@pytest.mark.parametrize("row", rows("commitments", table=1), ids=lambda row: row["discount"])
def test_a_discount_lowers_the_unit_price_of_every_part(row):
    terms = PriceTerms("USD", (RateTerms("all", (), PerUnit(D("0.05"))),), discount=D(row["discount"]))
    (line,) = rate_usage(terms, {"all": D(1000)}).lines
    assert (line.parts[0].unit_price, line.amount) == (D(row["unit price"]), D(row["1000 units"]))


def test_a_discount_leaves_flat_fees_and_bounds_alone():
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
        ({"minimum": D(1), "discount": D(101)}, "at most 100 %"),
        ({"minimum": D(1), "periods": 0}, "1 to 120 invoice periods"),
        ({"minimum": D(1), "discount": D(-1)}, "The committed discount must be between 0"),
    ],
)
def test_a_promise_that_cannot_be_kept_is_refused(fields, message):
    with pytest.raises(InvalidCharge, match=message):
        SpendCommitment(**fields)
