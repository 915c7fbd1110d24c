"""Margins are computed for every pair of a rate and a unit cost that apply to the same usage."""

from decimal import Decimal

import pytest

from plans.costs.price_margins import compute_live_margins, compute_margins, find_missing_costs
from plans.publishing.plan_check import check_plan
from tests.builders import FEB, JAN, make_cost, make_meter, make_plan, offer, publish, rate, tier

pytestmark = pytest.mark.django_db


@pytest.fixture
def tokens():
    return make_meter("tokens", dimensions=["model", "token"], unit="token")


def margin_rows(margins):
    return [(margin.rate, margin.dimensions, str(margin.cost.normalize()), str(margin.percent)) for margin in margins]


def priced(*rates):
    return make_plan(offers=[offer("tokens", rates=rates)])


def test_for_usage_that_both_apply_to(tokens):
    make_cost(tokens, 2)
    make_cost(tokens, 8, match={"model": "big"})
    version = priced(rate(10, match={"model": "big"}, label="Big"), rate(4, label="Other"))
    assert margin_rows(compute_margins(version, at=JAN)) == [
        ("Big", {"model": "big"}, "8", "20.0"),
        ("Other", {}, "2", "50.0"),
    ]


def test_tier_by_tier(tokens):
    make_cost(tokens, 2)
    version = priced(rate(tiers=[tier(10, 4), tier(None, 1)]))
    assert [(str(margin.above), str(margin.percent)) for margin in compute_margins(version, at=JAN)] == [
        ("0", "50.0"),
        ("10", "-100.0"),
    ]


def test_by_the_unit_costs_in_force(tokens):
    make_cost(tokens, 2)
    make_cost(tokens, 3, since=FEB)
    version = priced(rate(4))
    assert [str(margin.percent) for at in (JAN, FEB) for margin in compute_margins(version, at=at)] == [
        "50.0",
        "25.0",
    ]


def test_only_in_a_currency_of_both(tokens):
    make_cost(tokens, 2, currency="EUR")
    assert compute_margins(priced(rate(4)), at=JAN) == []


def test_of_versions_in_force(tokens, django_assert_max_num_queries):
    make_cost(tokens, 2)
    live, _ = publish(priced(rate(4))), priced(rate(1))
    with django_assert_max_num_queries(14):
        (only,), _ = compute_live_margins(at=FEB)
    assert only.version == live
    assert [only.is_at_least(Decimal(least)) for least in (50, 51)] == [True, False]


def test_a_currency_without_unit_costs_is_reported(tokens):
    make_cost(tokens, 2)
    version = make_plan(offers=[offer("tokens", prices={"USD": [rate(4)], "JPY": [rate(600)]})])
    assert [(margin.currency, str(margin.percent)) for margin in compute_margins(version, at=JAN)] == [
        ("USD", "50.0")
    ]
    message = (
        "The margin of tokens in JPY is unknown: its unit cost is recorded in USD only. Record it in JPY as well."
    )
    assert [str(missing_cost) for missing_cost in find_missing_costs([version], at=JAN)] == [message]
    assert message in check_plan(version, at=JAN)
    assert [str(missing_cost) for missing_cost in compute_live_margins(at=JAN)[1]] == []
    publish(version)
    assert [str(missing_cost) for missing_cost in compute_live_margins(at=JAN)[1]] == [message]


def test_usage_without_any_unit_cost_is_not_reported(tokens):
    assert find_missing_costs([priced(rate(4))], at=JAN) == []
