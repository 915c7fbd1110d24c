"""Coupons stack on the remainder, and each line has its share of them."""

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
    """Read a coupon in the page's notation: 25%, 10% of b, 50."""
    value_text, _, scope = text.partition(" of ")
    only = frozenset({scope}) if scope else None
    percent = value_text.endswith("%")
    value = D(value_text.rstrip("%"))
    return DiscountTerms(percent=value, scope=only) if percent else DiscountTerms(amount=value, scope=only)


def amounts_of(text: str) -> list[Decimal]:
    return [D(amount_text) for amount_text in text.split(", ")]


@pytest.mark.parametrize("row", rows("discounts"), ids=lambda row: row["coupons"])
def test_coupons_are_deducted_as_documented(row):
    taken = apply_discounts([read(text) for text in row["coupons"].split(", ")], LINES, "USD")
    assert [discount_result.total for discount_result in taken] == amounts_of(row["discount"])
    assert [discount_result.shares[0] for discount_result in taken] == amounts_of(row["of a"])
    assert [discount_result.shares[1] for discount_result in taken] == amounts_of(row["of b"])


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
def test_no_line_falls_below_zero_and_every_cent_belongs_to_a_line(amounts, coupons):
    lines = [DiscountableLine(number, amount) for number, amount in enumerate(amounts)]
    taken, left = apply_discounts(coupons, lines, "USD"), amounts
    for discount, discount_result in zip(coupons, taken, strict=True):
        assert discount_result.base == sum(
            max(n, 0) for line, n in zip(lines, left, strict=True) if is_for(discount, line)
        )
        left = [amount - share for amount, share in zip(left, discount_result.shares, strict=True)]
        assert sum(discount_result.shares) == discount_result.total >= 0
        assert all(
            not share or is_for(discount, line) for line, share in zip(lines, discount_result.shares, strict=True)
        )
    for number, amount in enumerate(amounts):
        assert 0 <= sum(discount_result.shares[number] for discount_result in taken) <= max(amount, 0)


def fits_at(rates: list[Decimal], currency: str) -> AmountsCheck:
    """Return the check that a close makes: is the total, with its taxes, zero or more?"""
    taxes = [Tax("Tax", rate) for rate in rates]
    return lambda amounts: total_up(list(zip(amounts, taxes, strict=True)), currency).total >= 0


@pytest.mark.parametrize("row", rows("discounts", table=1), ids=lambda row: row["why"])
def test_a_coupon_with_credit_lines_is_reduced_until_the_total_fits(row):
    amounts, rates = [D(row["charge"]), -D(row["credit"])], [D(row["tax rate"]), D(row["credit tax rate"])]
    lines = [DiscountableLine("claimed", amounts[0]), DiscountableLine("back", amounts[1])]
    (taken,) = apply_discounts([DiscountTerms(amount=D(50))], lines, "USD", is_allowed=fits_at(rates, "USD"))
    assert taken.total == D(row["discount"])
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
    left = [
        amount - sum(discount_result.shares[number] for discount_result in taken)
        for number, amount in enumerate(amounts)
    ]
    assert fits(left)
    for number, amount in enumerate(amounts):
        assert 0 <= sum(discount_result.shares[number] for discount_result in taken) <= max(amount, 0)


@LAW
@given(decimals(1, 40, 2), decimals(0, 40, 2), st.sampled_from([D(0), D("8.875")]), st.sampled_from([D(7), D(20)]))
def test_a_coupon_is_reduced_by_no_cent_more_than_necessary(claimed, back, rate, rate_then):
    fits = fits_at([rate, rate_then], "USD")
    assume(fits([claimed, -back]))
    (apply_discount,) = apply_discounts(
        [DiscountTerms(amount=D(50))],
        [DiscountableLine("claimed", claimed), DiscountableLine("back", -back)],
        "USD",
        is_allowed=fits,
    )
    assert apply_discount.total == max(claimed - back, 0) or not fits(
        [claimed - apply_discount.total - D("0.01"), -back]
    )


@LAW
@given(st.lists(decimals(0, 200, 2), min_size=1, max_size=5), discounts)
def test_without_credit_lines_no_coupon_is_reduced(amounts, coupons):
    lines = [DiscountableLine(number, amount) for number, amount in enumerate(amounts)]
    assert apply_discounts(coupons, lines, "USD", is_allowed=lambda _: False) == apply_discounts(
        coupons, lines, "USD"
    )


@pytest.mark.parametrize("fields", [{}, {"percent": D(1), "amount": D(1)}])
def test_a_discount_is_a_percentage_or_an_amount(fields):
    with pytest.raises(InvalidCharge, match=r"^A discount is either a percentage or an amount\.$"):
        DiscountTerms(**fields)


@pytest.mark.parametrize(("figure", "name"), [("percent", "percentage"), ("amount", "amount")])
def test_a_discount_below_zero_is_refused(figure, name):
    with pytest.raises(InvalidCharge, match=f"^A discount's {name} must be between 0"):
        DiscountTerms(**{figure: D(-1)})
