"""A price's minimum and maximum bound the sum of its invoice lines."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction as F

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.decimals import to_plain_string
from plans.pricing.charge_models import InvalidCharge, PerUnit
from plans.pricing.rating import PriceTerms, RateTerms, rate_usage
from tests.pricing.strategies import LAW, catalogs, decimals
from tests.pricing.worked_numbers import rows

D = Decimal


@pytest.mark.parametrize("row", rows("minimum-and-maximum"), ids=lambda row: f"{row['used']} for {row['due']}")
def test_bounds_are_billed_as_documented(row):
    terms = PriceTerms(
        "USD",
        (RateTerms(1, (), PerUnit(D("0.05"))),),
        minimum=D(row["minimum"]) if row["minimum"] else None,
        maximum=D(row["maximum"]) if row["maximum"] else None,
    )
    rating = rate_usage(terms, {1: D(row["used"])}, share=F(row["share"]), is_final=row["final"] == "yes")
    assert (rating.amount, rating.invoiced_amount) == (D(row["lines"]), D(row["due"]))
    bound = D(row["bound"])
    label = f"{'minimum' if bound > 0 else 'maximum'} of {to_plain_string(D(row['due']))}"
    assert [(line.label, line.amount) for line in rating.invoice_lines[1:]] == ([(label, bound)] if bound else [])


@LAW
@given(catalogs(), decimals(0, 200, 2), decimals(0, 200, 2), st.fractions(0, 1))
def test_the_amount_due_is_within_the_bounds_and_lines_do_not_change(catalog, first, second, share):
    terms, used = catalog
    terms = replace(terms, minimum=None, maximum=None)
    least, most = sorted((first, second))
    fields = {name: getattr(terms, name) for name in ("currency", "rates", "included", "model", "rounding")}
    bounded = rate_usage(PriceTerms(**fields, minimum=least, maximum=most), used, share=share)
    plain = rate_usage(terms, used)
    assert bounded.lines == plain.lines
    if bounded.bound is None:
        assert bounded.invoiced_amount == plain.invoiced_amount
    else:
        assert bounded.invoiced_amount == bounded.bound.limit


def test_a_minimum_above_the_maximum_is_refused():
    with pytest.raises(InvalidCharge, match="above its maximum"):
        PriceTerms("USD", (), minimum=D(2), maximum=D(1))


@pytest.mark.parametrize("name", ["minimum", "maximum"])
def test_a_bound_below_zero_is_refused(name):
    with pytest.raises(InvalidCharge, match=f"^The price's {name} must be between 0"):
        PriceTerms("USD", (), **{name: D(-1)})
