"""Sums lose no digit."""

from decimal import Decimal

import pytest

from lib.decimals import LEAST_UNIT, MAX_QUANTITY, exact_sum

D = Decimal


@pytest.mark.parametrize(
    ("amounts", "total"),
    [
        ([], D(0)),
        ([D("0.1")] * 3, D("0.3")),
        ([MAX_QUANTITY, LEAST_UNIT, -MAX_QUANTITY], LEAST_UNIT),
    ],
)
def test_a_sum_is_exact(amounts, total):
    assert exact_sum(amounts) == total
