"""The costs of the same usage follow one another without overlap, however they are recorded."""

from decimal import Decimal

import pytest

from plans.costs.unit_costs import CostRefused, check_cost, record_cost, remove_cost
from plans.models import UnitCost
from tests.builders import APR, FEB, JAN, MAR, make_cost, make_meter

pytestmark = pytest.mark.django_db


@pytest.fixture
def tokens():
    return make_meter("tokens", dimensions=["model"])


def spans():
    stored = UnitCost.objects.order_by("valid_from").values_list("cost", "valid_from", "valid_to")
    return [(str(cost.normalize()), since.month, until and until.month) for cost, since, until in stored]


def test_a_new_one_ends_the_one_before_it(tokens):
    make_cost(tokens, 1)
    make_cost(tokens, 2, since=MAR)
    assert spans() == [("1", 1, 3), ("2", 3, None)]


def test_one_between_two_others_ends_where_the_later_one_begins(tokens):
    make_cost(tokens, 1)
    make_cost(tokens, 3, since=MAR)
    make_cost(tokens, 2, since=FEB, valid_to=APR)
    assert spans() == [("1", 1, 2), ("2", 2, 3), ("3", 3, None)]


def test_one_from_the_same_moment_puts_it_right(tokens):
    first = make_cost(tokens, 1)
    assert make_cost(tokens, 2, note="a slip").pk == first.pk
    assert spans() == [("2", 1, None)]


def test_one_recorded_twice_leaves_no_trace(tokens):
    make_cost(tokens, 1)
    make_cost(tokens, 1)
    assert UnitCost.pgh_event_models["insert"].objects.count() == 1


def test_costs_of_other_usage_stand_beside_it(tokens):
    make_cost(tokens, 1)
    make_cost(tokens, 2, match={"model": "a"}, since=FEB)
    make_cost(tokens, 3, currency="EUR", since=MAR)
    assert spans() == [("1", 1, None), ("2", 2, None), ("3", 3, None)]


def test_one_that_is_removed_leaves_the_others(tokens):
    make_cost(tokens, 1)
    remove_cost(cost=make_cost(tokens, 2, since=MAR), by=None, at=MAR)
    assert spans() == [("1", 1, 3)]


WRONG = [
    ({"match": {"modle": "a"}}, "no dimension “modle”.*It has: model"),
    ({"valid_to": JAN}, "ends before it begins"),
]


@pytest.mark.parametrize(("asked", "said"), WRONG)
def test_what_makes_no_sense_is_refused(tokens, asked, said):
    with pytest.raises(CostRefused, match=said):
        make_cost(tokens, 1, **asked)


def test_trying_leaves_everything_as_it_is(tokens):
    make_cost(tokens, 1)
    arguments = {"meter": tokens, "match": {}, "currency": "USD", "cost": Decimal(2), "valid_from": FEB}
    check_cost(**arguments)
    assert spans() == [("1", 1, None)]
    record_cost(**arguments, by=None, at=FEB)
    assert spans() == [("1", 1, 2), ("2", 2, None)]
