"""Opening + movements = closing for any history of a customer, and each movement has the kind of its balances."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.metrics.movements import KINDS, movement, movements, sum_movements
from tests.pricing.strategies import LAW

amounts = st.one_of(st.just(Fraction(0)), st.fractions(min_value=0, max_value=10**6))
histories = st.lists(amounts, min_size=2, max_size=30)

CASES = [
    # opening closing before kind
    ("0", "5", False, "new"),
    ("0", "5", True, "reactivation"),
    ("5", "7", True, "expansion"),
    ("7", "5", True, "contraction"),
    ("5", "0", True, "churn"),
]


@pytest.mark.parametrize(("opening", "closing", "before", "kind"), CASES)
def test_a_movement_has_its_kind(opening, closing, before, kind):
    found = movement(Decimal(opening), Decimal(closing), had_revenue_before=before)
    assert found is not None
    assert (found.kind, found.amount) == (kind, Decimal(closing) - Decimal(opening))


def test_equal_balances_move_nothing():
    assert movement(Decimal("8.50"), Decimal("8.5"), had_revenue_before=True) is None


@LAW
@given(histories)
def test_opening_and_movements_are_closing(history):
    found = [move for move in movements(history) if move is not None]
    assert history[0] + sum(sum_movements(found).values()) == history[-1]
    assert sum_movements(found).keys() == {*KINDS}


@LAW
@given(histories)
def test_a_customer_is_new_once_and_churns_from_something_to_nothing(history):
    found = movements([Fraction(0), *history])
    assert [move.kind for move in found if move].count("new") == any(history)
    for before, after, move in zip([Fraction(0), *history], history, found, strict=False):
        assert (move is None) == (before == after)
        if move:
            assert (move.kind == "churn") == (after == 0)
            assert (move.kind in ("new", "reactivation")) == (before == 0)
