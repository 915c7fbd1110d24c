"""Recurring amounts by the month are exact fractions; they are rounded once, as rows and as sums."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.metrics.monthly_amounts import (
    MONTHS,
    PermanentDiscount,
    RecurringFee,
    annual,
    gross_fees,
    interval_months,
    net_fees,
    round_row,
    round_sum,
)
from tests.docs_tables import rows
from tests.pricing.strategies import LAW

D, F = Decimal, Fraction

fees = st.lists(
    st.builds(
        RecurringFee,
        st.decimals(0, 10**6, places=4),
        st.builds(interval_months, st.sampled_from([*MONTHS]), st.integers(1, 120)),
        st.sampled_from(["base", "seats"]),
        st.integers(1, 3),
    ),
    max_size=6,
)
scopes = st.sampled_from([None, frozenset({"seats"})])
percents = st.builds(PermanentDiscount, percent=st.decimals("0.01", 100, places=2), fees=scopes)
sums = st.builds(PermanentDiscount, amount=st.decimals("0.01", 10**6, places=2), fees=scopes)


@pytest.mark.parametrize("row", rows("metrics.md", "intervals"), ids=lambda row: row["interval"])
def test_the_documented_fee_counts_by_the_month(row):
    count, _, unit = row["interval"].rpartition(" ")
    monthly = RecurringFee(D(row["fee"]), interval_months(unit.removesuffix("s"), int(count))).monthly
    assert (str(monthly), str(round_sum(monthly, "USD"))) == (row["exact"], row["MRR"])


@pytest.mark.parametrize("row", rows("metrics.md", "discounts"), ids=lambda row: row["coupons"])
def test_the_documented_coupons_are_deducted(row):
    monthly = [
        RecurringFee(D(amount), F(1), code)
        for code, amount in zip(("base", "seats"), row["fees"].split(" + "), strict=True)
    ]
    assert round_sum(net_fees(monthly, [_discount(text) for text in row["coupons"].split(", ")]), "USD") == D(
        row["net"]
    )
    assert round_sum(gross_fees(monthly), "USD") == D(row["gross"])


def _discount(text: str) -> PermanentDiscount:
    figure, _, scope = text.partition(" off ")
    fees = None if scope == "all" else frozenset({scope})
    if figure.endswith("%"):
        return PermanentDiscount(percent=D(figure.removesuffix("%")), fees=fees)
    return PermanentDiscount(amount=D(figure), fees=fees)


@pytest.mark.parametrize("row", rows("metrics.md", "rounding"), ids=lambda row: row["fees"])
def test_the_documented_sum_is_rounded_once(row):
    count, amount = row["fees"].split(" × ")
    stored = round_row(RecurringFee(D(amount.removesuffix(" a year")), F(12)).monthly)
    assert str(stored) == row["row"]
    assert str(round_sum(stored * int(count), "USD")) == row["sum"]


@LAW
@given(fees, st.lists(st.one_of(percents, sums), max_size=4))
def test_discounts_leave_something_between_nothing_and_everything(monthly, discounts):
    assert 0 <= net_fees(monthly, discounts) <= gross_fees(monthly)
    assert net_fees(monthly, []) == gross_fees(monthly)


@LAW
@given(st.fractions(min_value=0, max_value=10**9))
def test_a_row_is_off_by_half_a_unit_of_its_last_place_at_most(amount):
    assert abs(F(round_row(amount)) - amount) <= F(1, 2 * 10**20)


@LAW
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=40), st.sampled_from([1, 3, 12, 36]))
def test_the_sum_of_rows_rounds_like_the_exact_sum(cents, months):
    exact = [F(count, 100 * months) for count in cents]
    assert round_sum(sum(map(round_row, exact), D(0)), "USD") == round_sum(sum(exact, F(0)), "USD")


def test_a_year_of_months_is_annual():
    assert annual(F("572.90")) == F("6874.80")


@pytest.mark.parametrize(("unit", "count", "words"), [("century", 1, "century"), ("month", 0, "not 0")])
def test_an_unknown_interval_is_refused(unit, count, words):
    with pytest.raises(ValueError, match=words):
        interval_months(unit, count)
