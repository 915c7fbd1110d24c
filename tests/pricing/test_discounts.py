"""Coupons stack on the remainder, and each line knows its share of them."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from invoices.amounts.totals import Tax, total_up
from plans.pricing.charge_models import InvalidCharge
from plans.pricing.discounts import AmountsCheck, DiscountableLine, DiscountTerms, apply_discounts
from tests.pricing.strategies import LAW, decimals
from tests.pricing.worked_numbers import rows

D = Decimal
LINES = [DiscountableLine("a", D("60.00")), DiscountableLine("b", D("40.00"))]


def read(text: str) -> DiscountTerms:
    """Read a coupon as the page writes it: 25 %, 10 % of b, 50."""
    figure, _, scope = text.partition(" of ")
    only = frozenset({scope}) if scope else None
    percent = figure.endswith("%")
    value = D(figure.rstrip(" %"))
    return DiscountTerms(percent=value, scope=only) if percent else DiscountTerms(amount=value, scope=only)


def figures(text: str) -> list[Decimal]:
    return [D(one) for one in text.split(", ")]


@pytest.mark.parametrize("row", rows("discounts"), ids=lambda row: row["coupons"])
def test_coupons_are_taken_off_as_documented(row):
    taken = apply_discounts([read(one) for one in row["coupons"].split(", ")], LINES, "USD")
    assert [one.total for one in taken] == figures(row["taken off"])
    assert [one.shares[0] for one in taken] == figures(row["of a"])
    assert [one.shares[1] for one in taken] == figures(row["of b"])


claims = st.lists(decimals(-50, 200, 2), min_size=1, max_size=5)
discounts = st.lists(
    st.one_of(
        decimals(0, 100, 1).map(lambda n: DiscountTerms(percent=n)),
        decimals(0, 300, 2).map(lambda n: DiscountTerms(amount=n)),
        st.builds(
            lambda n, keys: DiscountTerms(percent=n, scope=frozenset(keys)),
            decimals(0, 100, 1),
            st.sets(st.integers(0, 4)),
        ),
        st.builds(
            lambda n, keys: DiscountTerms(amount=n, scope=frozenset(keys)),
            decimals(0, 300, 2),
            st.sets(st.integers(0, 4)),
        ),
    ),
    max_size=4,
)


def is_for(discount: DiscountTerms, line: DiscountableLine) -> bool:
    return discount.scope is None or line.key in discount.scope


@LAW
@given(claims, discounts)
def test_no_line_falls_below_zero_and_every_cent_has_a_line(amounts, coupons):
    lines = [DiscountableLine(number, amount) for number, amount in enumerate(amounts)]
    taken, left = apply_discounts(coupons, lines, "USD"), amounts
    for discount, one in zip(coupons, taken, strict=True):
        assert one.base == sum(max(n, 0) for line, n in zip(lines, left, strict=True) if is_for(discount, line))
        left = [amount - share for amount, share in zip(left, one.shares, strict=True)]
        assert sum(one.shares) == one.total >= 0
        assert all(not share or is_for(discount, line) for line, share in zip(lines, one.shares, strict=True))
    for number, amount in enumerate(amounts):
        assert 0 <= sum(one.shares[number] for one in taken) <= max(amount, 0)


def fits_at(rates: list[Decimal], currency: str) -> AmountsCheck:
    """Return the question that a close asks: is the total, with its taxes, zero or more?"""
    taxes = [Tax("Tax", rate) for rate in rates]
    return lambda amounts: total_up(list(zip(amounts, taxes, strict=True)), currency).total >= 0


@pytest.mark.parametrize("row", rows("discounts", table=1), ids=lambda row: row["why"])
def test_a_coupon_beside_what_is_given_back_is_cut_to_where_the_total_fits(row):
    amounts, rates = [D(row["claimed"]), -D(row["given back"])], [D(row["its tax"]), D(row["its tax then"])]
    lines = [DiscountableLine("claimed", amounts[0]), DiscountableLine("back", amounts[1])]
    (taken,) = apply_discounts([DiscountTerms(amount=D(50))], lines, "USD", is_allowed=fits_at(rates, "USD"))
    assert taken.total == D(row["taken off"])
    left = [amount - share for amount, share in zip(amounts, taken.shares, strict=True)]
    taxes = [Tax("Tax", rate) for rate in rates]
    assert total_up(list(zip(left, taxes, strict=True)), "USD").total == D(row["total"])


@LAW
@given(
    st.lists(
        st.tuples(decimals(-200, 200, 2), st.sampled_from([D(0), D(7), D("8.875"), D(20)])), min_size=1, max_size=6
    ),
    discounts,
)
def test_coupons_never_turn_a_total_below_zero_whatever_the_taxes(taxed, coupons):
    amounts, rates = [amount for amount, _ in taxed], [rate for _, rate in taxed]
    fits, lines = fits_at(rates, "USD"), [DiscountableLine(number, amount) for number, amount in enumerate(amounts)]
    assume(fits(amounts))
    taken = apply_discounts(coupons, lines, "USD", is_allowed=fits)
    left = [amount - sum(one.shares[number] for one in taken) for number, amount in enumerate(amounts)]
    assert fits(left)
    for number, amount in enumerate(amounts):
        assert 0 <= sum(one.shares[number] for one in taken) <= max(amount, 0)


@LAW
@given(decimals(1, 40, 2), decimals(0, 40, 2), st.sampled_from([D(0), D("8.875")]), st.sampled_from([D(7), D(20)]))
def test_a_coupon_is_cut_by_no_cent_more_than_it_must_be(claimed, back, rate, rate_then):
    fits = fits_at([rate, rate_then], "USD")
    assume(fits([claimed, -back]))
    (apply_discount,) = apply_discounts(
        [DiscountTerms(amount=D(50))],
        [DiscountableLine("claimed", claimed), DiscountableLine("back", -back)],
        "USD",
        is_allowed=fits,
    )
    assert apply_discount.total == max(claimed - back, 0) or not fits([claimed - apply_discount.total - D("0.01"), -back])


@LAW
@given(st.lists(decimals(0, 200, 2), min_size=1, max_size=5), discounts)
def test_where_nothing_is_given_back_nothing_is_cut(amounts, coupons):
    lines = [DiscountableLine(number, amount) for number, amount in enumerate(amounts)]
    assert apply_discounts(coupons, lines, "USD", is_allowed=lambda _: False) == apply_discounts(
        coupons, lines, "USD"
    )


@pytest.mark.parametrize("fields", [{}, {"percent": D(1), "amount": D(1)}])
def test_it_is_a_percentage_or_an_amount(fields):
    with pytest.raises(InvalidCharge, match=r"^A discount is either a percentage or an amount\.$"):
        DiscountTerms(**fields)


@pytest.mark.parametrize(("figure", "name"), [("percent", "percentage"), ("amount", "amount")])
def test_a_discount_below_zero_is_refused(figure, name):
    with pytest.raises(InvalidCharge, match=f"^A discount's {name} must be between 0"):
        DiscountTerms(**{figure: D(-1)})
