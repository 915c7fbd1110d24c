"""Units that a wallet could not cover have a line and a price of their own."""

from decimal import Decimal

import pytest

from plans.pricing.charge_models import PerUnit
from plans.pricing.rating import UNCOVERED, PriceTerms, RateTerms, RateUsage, Rounding, UnknownRate, rate_usage

D = Decimal
RATES = (RateTerms(1, (), PerUnit(D("0.10")), label="calls"),)
TERMS = PriceTerms("USD", RATES, included=D(100), rounding=Rounding("up"), uncovered_charge=PerUnit(D("0.25")))


@pytest.mark.parametrize("usage", [D("7.5"), RateUsage(D("7.5"), 3, (), D(0))])
def test_they_are_rated_without_allowance_and_rounding(usage):
    rating = rate_usage(TERMS, {1: D(130), UNCOVERED: usage})

    calls, uncovered = rating.lines
    assert (calls.rate_key, calls.amount) == (1, D("3.00"))
    assert (uncovered.rate_key, uncovered.label) == (UNCOVERED, "beyond the wallet")
    assert (uncovered.quantity, uncovered.included, uncovered.billable, uncovered.refused) == (
        D("7.5"),
        0,
        D("7.5"),
        0,
    )
    assert [part.amount for part in uncovered.parts] == [D("1.875")] == [uncovered.amount]
    assert rating.amount == D("4.875")
    assert rating.quantity == D(130), "the wallet's line counts no units a second time"


def test_they_may_be_all_usage_of_a_period():
    assert rate_usage(TERMS, {UNCOVERED: D(4)}).amount == 1


def test_without_a_price_for_them_they_are_an_unknown_rate():
    with pytest.raises(UnknownRate):
        rate_usage(PriceTerms("USD", RATES), {1: D(1), UNCOVERED: D(4)})


def test_another_unknown_rate_is_reported_all_the_same():
    with pytest.raises(UnknownRate, match="No rate has the key"):
        rate_usage(TERMS, {1: D(1), UNCOVERED: D(4), 9: D(1)})


def test_no_line_is_added_where_all_is_covered():
    assert [line.rate_key for line in rate_usage(TERMS, {1: D(130)}).lines] == [1]
