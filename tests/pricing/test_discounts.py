"""Coupons stack on the remainder, and each line knows its share of them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.charges import InvalidCharge
from plans.pricing.discounts import Claim, Discount, take_off
from tests.pricing.strategies import LAW, decimals
from tests.pricing.worked import rows

D = Decimal
LINES = [Claim("a", D("60.00")), Claim("b", D("40.00"))]


def read(text: str) -> Discount:
    """Read a coupon as the page writes it: 25 %, 10 % of b, 50."""
    figure, _, scope = text.partition(" of ")
    only = frozenset({scope}) if scope else None
    percent = figure.endswith("%")
    value = D(figure.rstrip(" %"))
    return Discount(percent=value, scope=only) if percent else Discount(amount=value, scope=only)


def figures(text: str) -> list[Decimal]:
    return [D(one) for one in text.split(", ")]


@pytest.mark.parametrize("row", rows("discounts"), ids=lambda row: row["coupons"])
def test_coupons_are_taken_off_as_documented(row):
    taken = take_off([read(one) for one in row["coupons"].split(", ")], LINES, "USD")
    assert [one.total for one in taken] == figures(row["taken off"])
    assert [one.shares[0] for one in taken] == figures(row["of a"])
    assert [one.shares[1] for one in taken] == figures(row["of b"])


claims = st.lists(decimals(-50, 200, 2), min_size=1, max_size=5)
discounts = st.lists(
    st.one_of(
        decimals(0, 100, 1).map(lambda n: Discount(percent=n)),
        decimals(0, 300, 2).map(lambda n: Discount(amount=n)),
        st.builds(
            lambda n, keys: Discount(percent=n, scope=frozenset(keys)),
            decimals(0, 100, 1),
            st.sets(st.integers(0, 4)),
        ),
    ),
    max_size=4,
)


@LAW
@given(claims, discounts)
def test_no_line_falls_below_zero_and_every_cent_has_a_line(amounts, coupons):
    lines = [Claim(number, amount) for number, amount in enumerate(amounts)]
    taken = take_off(coupons, lines, "USD")
    for discount, one in zip(coupons, taken, strict=True):
        assert sum(one.shares) == one.total >= 0
        assert all(not share or discount.scope is None or n in discount.scope for n, share in enumerate(one.shares))
    for number, amount in enumerate(amounts):
        assert 0 <= sum(one.shares[number] for one in taken) <= max(amount, 0)


@pytest.mark.parametrize("fields", [{}, {"percent": D(1), "amount": D(1)}])
def test_it_is_a_percentage_or_an_amount(fields):
    with pytest.raises(InvalidCharge, match="either a percentage or an amount"):
        Discount(**fields)


@pytest.mark.parametrize("fields", [{"percent": D(-1)}, {"amount": D(-1)}])
def test_a_discount_below_zero_is_refused(fields):
    with pytest.raises(InvalidCharge, match="between 0"):
        Discount(**fields)
