"""Each constraint of simulation results, violated by raw SQL, is reported by its name."""

from datetime import UTC, datetime

import pytest

from billing.closing import close_due
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.simulation.cohorts import Cohort
from billing.simulation.job import start_simulation
from tests.builders import fee, make_customer, make_plan, publish, subscribe
from tests.db_refusals import refused_by

pytestmark = pytest.mark.django_db

AT = datetime(2026, 2, 1, 1, tzinfo=UTC)


def change_result(**changes: str) -> str:
    """Return the statement that changes these entries of a result."""
    figures = ", ".join(f"'{name}', '{value}'" for name, value in changes.items())
    return f"UPDATE billing_simulationresult SET figures = figures || jsonb_build_object({figures})"  # noqa: S608


AGAIN = """
INSERT INTO billing_simulationresult (job_id, version_id, subscription_id, figures, digest)
SELECT job_id, version_id, subscription_id, figures, digest FROM billing_simulationresult
"""

CASES = [
    ("subscription_is_simulated_once_by_a_version", AGAIN),
    ("simulated_bill_has_a_digest", "UPDATE billing_simulationresult SET digest = 'x'"),
    ("simulated_change_adds_up", change_result(change="1")),
    ("simulated_before_is_finite", change_result(before="-2e12", change="2e12")),
    ("simulated_after_is_finite", change_result(after="NaN", change="NaN")),
    ("simulated_change_is_finite", change_result(before="-9e11", after="9e11", change="18e11")),
    ("simulated_percent_is_finite", change_result(percent="2e12")),
]


@pytest.fixture(scope="module", autouse=True)
def simulation_rows(shared_transaction: None) -> None:
    """Create a finished simulation."""
    version = publish(make_plan(fees=[fee("10")]))
    subscribe(make_customer(), version)
    close_due(at=AT)
    job = start_simulation(versions=[version], cohort=Cohort(), by=None, at=AT)
    work(kinds=KINDS, clock=lambda: AT, job_id=job.pk)


@pytest.mark.parametrize(("name", "statement"), CASES, ids=[name for name, _ in CASES])
def test_a_violated_constraint_is_rejected(name: str, statement: str):
    assert refused_by(statement) == name
