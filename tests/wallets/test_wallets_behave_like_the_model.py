"""Any sequence of operations has the same effect on wallets as on a model without a ledger."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.wallets.machine import Wallets, attempted

SHORT = settings(deadline=None, max_examples=15, stateful_step_count=50, suppress_health_check=list(HealthCheck))
"""750 steps; `make prove ARGS=wallets` walks 20,000."""


@pytest.mark.slow
@pytest.mark.django_db
def test_any_sequence_of_operations_agrees_with_the_model():
    attempted.clear()

    run_state_machine_as_test(Wallets, settings=SHORT)

    steps = sum(attempted.values()) - attempted["refused"]
    assert attempted["refused"] < 0.4 * steps, attempted
