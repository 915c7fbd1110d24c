"""Each step bills the price of all usage so far, less the billed amount; tests/billing/closing tests the law."""

from decimal import Decimal

import pytest

from plans.pricing.charge_models import Package, PerUnit
from plans.pricing.rating import PriceTerms, RateTerms, rate_usage
from tests.pricing.worked_numbers import rows

D = Decimal


@pytest.mark.parametrize(("table", "charge"), [(0, Package(D(10), D(15))), (1, PerUnit(D("0.001")))])
def test_steps_are_billed_as_documented(table, charge):
    billed = D(0)
    for row in rows("cumulative-minus-billed", table=table):
        price = rate_usage(PriceTerms("USD", (RateTerms(1, (), charge),)), {1: D(row["used so far"])}).invoiced_amount
        assert (price, billed, price - billed) == tuple(
            D(row[column]) for column in ("price of all", "billed before", "to bill now")
        )
        billed = price
