"""A clock that advances in one step or in many leaves the same books; `bin/prove clocks` takes 1,000 histories."""

import pytest

from tests.billing.simulation.sandbox.clock_law import differences, make_catalog

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("seed", range(12))
def test_a_history_has_the_same_books_in_any_steps(seed):
    make_catalog()
    assert differences(seed) == []
