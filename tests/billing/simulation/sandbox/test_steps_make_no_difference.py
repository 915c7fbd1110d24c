"""A clock that advances in one step or in many leaves the same books; `bin/prove clocks` takes 1,000 histories."""

import os

import psycopg
import pytest

from config.postgres import OWNER
from tests.billing.simulation.sandbox.clock_law import differences, make_catalog

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("seed", range(12))
def test_a_history_has_the_same_books_in_any_steps(seed):
    make_catalog()
    assert differences(seed) == []


@pytest.mark.parametrize("seed", [21, 56, 482])
def test_other_transactions_of_the_server_make_no_difference_either(seed):
    """
    While another transaction runs, changed customers are looked at again and again. So whatever an act changes must
    be noticed at once: here a plan change, a payment that resumes a subscription, and one that grants a purchase.
    """
    with psycopg.connect(os.environ[OWNER]) as other:
        other.execute("SELECT pg_current_xact_id()")
        make_catalog()
        assert differences(seed) == []
