"""The independent rater, written from the prose in fractions, returns the same amounts for random catalogs."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.rating import rate_usage
from tests.pricing import independent_rater
from tests.pricing.strategies import LAW, catalogs


@LAW
@given(catalogs(), st.fractions(0, 1))
def test_independent_rater_agrees(catalog, share):
    terms, used = catalog
    rating = rate_usage(terms, used, share=share)
    amounts, refused = independent_rater.bill(terms, used)
    assert sum((Fraction(line.refused) for line in rating.lines), Fraction(0)) == refused
    assert {line.rate_key: Fraction(line.amount) for line in rating.lines} == {
        key: amount for key, amount in amounts.items() if key in {line.rate_key for line in rating.lines}
    }
    assert Fraction(rating.amount) == sum(amounts.values(), Fraction(0))
    assert Fraction(rating.invoiced_amount) == independent_rater.invoiced_amount(terms, amounts.values(), share)
