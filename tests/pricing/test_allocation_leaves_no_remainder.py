"""An amount is split by weights without a remainder."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.money import allocate, minor_unit
from tests.pricing.strategies import CURRENCIES, LAW, decimals
from tests.pricing.worked_numbers import number, rows

D = Decimal
weights = st.lists(st.one_of(st.integers(0, 9), decimals(0, 9, 3), st.fractions(0, 1)), min_size=1, max_size=8)


@pytest.mark.parametrize("row", rows("allocation"), ids=lambda row: f"{row['total']} by {row['weights']}")
def test_allocation_is_as_documented(row):
    shares = allocate(D(row["total"]), [number(w) for w in row["weights"].split(", ")], minor_unit(row["currency"]))
    assert ", ".join(map(str, shares)) == row["shares"]


@LAW
@given(st.integers(-(10**9), 10**9), weights, CURRENCIES)
def test_shares_sum_to_the_total_and_each_is_less_than_a_unit_off(count, weights, currency):
    unit = minor_unit(currency)
    total = count * unit
    shares = allocate(total, weights, unit)
    assert sum(shares) == total
    parts = [Fraction(weight) for weight in weights] if any(weights) else [Fraction(1)] * len(weights)
    for share, part in zip(shares, parts, strict=True):
        assert abs(Fraction(share) - Fraction(total) * part / sum(parts)) < Fraction(unit)


@LAW
@given(st.integers(0, 10**6), weights)
def test_a_credit_splits_as_the_mirror_image_of_its_charge(count, weights):
    total = D(count).scaleb(-2)
    assert allocate(-total, weights, D("0.01")) == tuple(-share for share in allocate(total, weights, D("0.01")))


@LAW
@given(st.integers(-(10**6), 10**6), weights.filter(any))
def test_a_zero_weight_gets_nothing_if_another_is_positive(count, weights):
    shares = allocate(D(count), weights, D(1))
    assert [share for share, weight in zip(shares, weights, strict=True) if not weight and share] == []


@pytest.mark.parametrize(
    ("total", "weights", "message"),
    [
        ("0.005", [1], "not a whole number"),
        ("1", [], "without weights"),
        ("1", [2, -1], "negative"),
    ],
)
def test_an_inexact_split_is_rejected(total, weights, message):
    with pytest.raises(ValueError, match=message):
        allocate(D(total), weights, D("0.01"))


def test_zero_is_split_over_no_weights():
    assert allocate(D(0), [], D("0.01")) == ()
