"""Each constraint of the reservations' table, violated by raw SQL, is reported by its name."""

import pytest

from billing.limits.reservations import commit
from tests.billing.limits.reservations.reservation_setup import NOW, capped_customer, hold
from tests.db_refusals import named_constraints, refused_by

pytestmark = pytest.mark.django_db


def edit(change: str, where: str = "state = 'open'") -> str:
    return f"UPDATE billing_reservation SET {change} WHERE {where}"  # noqa: S608


CASES = [
    ("reservation_state_is_known", edit("state = 'lost', ended_at = now()")),
    ("nothing_is_reserved_twice", edit("reference = 'run-1'")),
    ("reserved_quantity_is_finite", edit("quantity = 'NaN'")),
    ("reserved_quantity_is_finite", edit("quantity = -1")),
    ("reserved_cost_is_finite", edit("cost = 'NaN'")),
    ("committed_quantity_is_finite", edit("used = 'Infinity'", "state = 'committed'")),
    ("reservation_ends_after_it_begins", edit("until = at")),
    ("reservation_is_open_or_has_ended", edit("ended_at = now()")),
    ("reservation_is_open_or_has_ended", edit("ended_at = NULL", "state = 'committed'")),
    ("only_a_committed_reservation_was_used", edit("used = 1")),
]


@pytest.fixture(scope="module", autouse=True)
def reservation_rows(shared_transaction: None) -> None:
    """Create a committed and an open reservation."""
    capped_customer()
    commit(reservation_id=hold("run-1").pk, at=NOW)
    hold("run-2")


@pytest.mark.parametrize(("name", "statement"), CASES)
def test_a_violated_constraint_is_reported_by_name(name, statement):
    assert refused_by(statement) == name


def test_each_constraint_is_tested():
    assert named_constraints("billing_reservation") <= {name for name, _ in CASES}
