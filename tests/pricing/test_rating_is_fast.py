"""Rating keeps pace with closing: 300,000 lines in a few seconds in one process."""

import time
from decimal import Decimal

from lib.money import round_money
from plans.pricing.charge_models import PerUnit
from plans.pricing.rating import PriceTerms, RateTerms, rate_usage

LINES = 30_000


def test_rating_a_line_costs_at_most_forty_exact_products():
    """Compared with the bare multiplication in the same run, so that a slow machine makes no difference."""
    price, quantities = Decimal("0.0000025"), [Decimal(n) for n in range(LINES)]
    terms = PriceTerms("USD", (RateTerms(1, (), PerUnit(price)),), included=Decimal(1000))

    def rate() -> None:
        for quantity in quantities:
            round_money(rate_usage(terms, {1: quantity}).amount, "USD")

    def multiply() -> None:
        for quantity in quantities:
            Decimal(str(quantity)) * price

    assert min(_seconds(rate) / _seconds(multiply) for _ in range(7)) <= 40, "in the round that was disturbed least"


def _seconds(work) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before
