"""Any sequence of what can be done to wallets does to them what it does to a model without a ledger."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.wallets.machine import Wallets, tally

SHORT = settings(deadline=None, max_examples=40, stateful_step_count=50, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@pytest.mark.django_db
def test_any_sequence_of_operations_agrees_with_the_model():
    tally.clear()

    run_state_machine_as_test(Wallets, settings=SHORT)

    steps = sum(tally.values()) - tally["refused"]
    assert tally["refused"] < 0.4 * steps, tally
