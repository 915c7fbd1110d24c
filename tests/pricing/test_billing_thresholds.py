"""Thresholds that an amount has reached: docs/closing.md#progressive-billing."""

from decimal import Decimal

import pytest

from plans.pricing.billing_thresholds import SpendThreshold, count_reached

D = Decimal
ONCE, REPEATED = SpendThreshold(D(50)), SpendThreshold(D(60), repeats=True)

CASES = [
    # thresholds                                spent      reached
    ([], "1000", 0),
    ([ONCE], "49.99", 0),
    ([ONCE], "50", 1),
    ([ONCE], "1000", 1),
    ([ONCE, SpendThreshold(D(200))], "199.99", 1),
    ([ONCE, SpendThreshold(D(200))], "200", 2),
    ([REPEATED], "59.99", 0),
    ([REPEATED], "60", 1),
    ([REPEATED], "179.99", 2),
    ([ONCE, REPEATED], "109.99", 1),
    ([ONCE, REPEATED], "110", 2),
    ([REPEATED, ONCE], "245", 4),
    ([SpendThreshold(D(200)), ONCE, REPEATED], "259.99", 2),
    ([SpendThreshold(D(200)), ONCE, REPEATED], "260", 3),
    ([REPEATED], "-60", 0),
    ([ONCE, REPEATED], "-1000", 0),
]


@pytest.mark.parametrize(("thresholds", "spent", "reached"), CASES)
def test_each_threshold_and_each_repetition_counts_once(thresholds, spent, reached):
    assert count_reached(thresholds, D(spent)) == reached


def test_a_threshold_does_not_repeat_unless_it_says_so():
    assert SpendThreshold(D(50)) == SpendThreshold(D(50), repeats=False)
