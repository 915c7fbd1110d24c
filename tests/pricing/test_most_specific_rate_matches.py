"""Usage is charged by the most specific rate that matches its dimensions."""

from decimal import Decimal

import pytest

from plans.pricing.charge_models import PerUnit
from plans.pricing.rating import RateTerms, match_rate
from tests.pricing.worked_numbers import rows

FREE = PerUnit(Decimal(0))
DIMENSIONS = ("model", "token_type")


def named(row: dict[str, str]) -> dict[str, str]:
    return {name: row[name] for name in DIMENSIONS if row[name]}


RATES = [RateTerms(row["rate"], tuple(named(row).items()), FREE) for row in rows("rates-by-dimension")]


@pytest.mark.parametrize("row", rows("rates-by-dimension", table=1), ids=lambda row: row["why"] or row["rate"])
def test_the_most_specific_rate_matches_as_documented(row):
    assert match_rate(RATES, named(row)).key == row["rate"]


def test_dimensions_that_no_rate_names_are_ignored():
    assert match_rate(RATES, {"model": "gpt-4o", "region": "eu"}).key == "gpt-4o"


def test_the_first_listed_wins_among_equally_specific_rates():
    by_model, by_region = RateTerms(1, (("model", "a"),), FREE), RateTerms(2, (("region", "eu"),), FREE)
    use = {"model": "a", "region": "eu"}
    assert match_rate([by_model, by_region], use).key == 1
    assert match_rate([by_region, by_model], use).key == 2


def test_usage_that_no_rate_covers_matches_none():
    assert match_rate(RATES[1:], {"model": "mini", "token_type": "input"}) is None
    assert match_rate([], {}) is None
