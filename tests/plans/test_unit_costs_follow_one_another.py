"""Unit costs of the same usage follow one another without overlap, in any order of recording."""

from decimal import Decimal

import pytest

from plans.costs.unit_costs import CostRefused, check_cost, record_cost, remove_cost
from plans.models import UnitCost
from tests.builders import APR, FEB, JAN, MAR, make_cost, make_meter

pytestmark = pytest.mark.django_db


@pytest.fixture
def tokens():
    return make_meter("tokens", dimensions=["model"])


def intervals():
    stored = UnitCost.objects.order_by("valid_from").values_list("cost", "valid_from", "valid_to")
    return [(str(cost.normalize()), since.month, until and until.month) for cost, since, until in stored]


def test_a_new_cost_ends_the_previous_one(tokens):
    make_cost(tokens, 1)
    make_cost(tokens, 2, since=MAR)
    assert intervals() == [("1", 1, 3), ("2", 3, None)]


def test_a_cost_between_two_others_ends_where_the_later_one_starts(tokens):
    make_cost(tokens, 1)
    make_cost(tokens, 3, since=MAR)
    make_cost(tokens, 2, since=FEB, valid_to=APR)
    assert intervals() == [("1", 1, 2), ("2", 2, 3), ("3", 3, None)]


def test_a_cost_from_the_same_time_replaces_the_earlier_one(tokens):
    first = make_cost(tokens, 1)
    assert make_cost(tokens, 2, note="a slip").pk == first.pk
    assert intervals() == [("2", 1, None)]


def test_a_cost_recorded_twice_is_stored_once(tokens):
    make_cost(tokens, 1)
    make_cost(tokens, 1)
    assert UnitCost.pgh_event_models["insert"].objects.count() == 1


def test_costs_of_other_usage_are_independent(tokens):
    make_cost(tokens, 1)
    make_cost(tokens, 2, match={"model": "a"}, since=FEB)
    make_cost(tokens, 3, currency="EUR", since=MAR)
    assert intervals() == [("1", 1, None), ("2", 2, None), ("3", 3, None)]


def test_a_removed_cost_leaves_the_others_unchanged(tokens):
    make_cost(tokens, 1)
    remove_cost(cost=make_cost(tokens, 2, since=MAR), by=None, at=MAR)
    assert intervals() == [("1", 1, 3)]


WRONG = [
    ({"match": {"modle": "a"}}, "no dimension “modle”.*Its dimensions are model"),
    ({"valid_to": JAN}, "The end must be after the start"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG)
def test_an_invalid_cost_is_rejected(tokens, fields, message):
    with pytest.raises(CostRefused, match=message):
        make_cost(tokens, 1, **fields)


def test_a_check_stores_nothing(tokens):
    make_cost(tokens, 1)
    arguments = {"meter": tokens, "match": {}, "currency": "USD", "cost": Decimal(2), "valid_from": FEB}
    check_cost(**arguments)
    assert intervals() == [("1", 1, None)]
    record_cost(**arguments, by=None, at=FEB)
    assert intervals() == [("1", 1, 2), ("2", 2, None)]
