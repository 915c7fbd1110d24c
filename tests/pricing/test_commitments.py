"""A commitment's missing part is billed as a true-up, and usage above it costs its overage factor."""

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
