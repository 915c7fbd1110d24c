"""
A simulation is a job with a result for each subscription and version, and totals; drafts can be required to be
simulated.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import Job, SimulationResult
from billing.simulation.cohorts import Cohort
from billing.simulation.job import SimulationRefused, start_simulation
from billing.simulation.results import read_details
from billing.simulation.retention import delete_old_results
from billing.simulation.summaries import count_by_change, summarize_versions
from plans.models import Fee, PlanVersion, PublishingRule
from plans.publishing.publication import PublishingRefused, new_version
from plans.publishing.required_simulation import find_simulation
from tests.billing.metering.ingest.ingest_setup import call, calls, send
from tests.builders import fee, make_cost, make_customer, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db

D = Decimal
AT = datetime(2026, 2, 1, 1, tzinfo=UTC)


@pytest.fixture
def starter() -> PlanVersion:
    """Two customers; one of them calls three times in January, at a cost of 0.02 each."""
    offers = [offer(calls(), rates=[rate("0.50")])]
    version = publish(make_plan("starter", fees=[fee("10", billed="arrears")], offers=offers))
    make_cost(calls().meter, "0.02")
    for ref in ("acme", "idle"):
        subscribe(make_customer(ref), version)
    send(*(call(f"c{n}", timestamp=f"2026-01-1{n}T10:00:00Z") for n in range(3)))
    close_due(at=AT)
    return version


@pytest.fixture
def draft(starter: PlanVersion) -> PlanVersion:
    """More expensive calls and a lower fee."""
    draft = new_version(source=starter, by=None, at=AT)
    Fee.objects.filter(version=draft).update(amount=D(9))
    draft.features.get().prices.get().rates.update(unit_price=D("2.00"))
    return draft


def simulated(*versions: PlanVersion, **fields) -> Job:
    fields = {"cohort": Cohort(plan_id=versions[0].plan_id), "periods": 1, "by": None, "at": AT, **fields}
    job = start_simulation(versions=versions, **fields)
    work(kinds=KINDS, clock=lambda: AT, job_id=job.pk)
    job.refresh_from_db()
    return job


def test_it_has_a_result_for_each_subscription_and_version(draft, starter):
    job = simulated(draft, starter, shock_percent=D(30), shock_amount=D(1))
    assert (job.state, job.figures) == ("done", {"bills": 4, "problems": 0, "without_a_period": 0})
    by_draft = SimulationResult.objects.filter(version=draft).order_by("-change")
    rows = [(result.before, result.after, result.change, result.percent, result.is_shock) for result in by_draft]
    assert rows == [
        (D("11.5"), D(15), D("3.5"), D("30.4348"), True),
        (D(10), D(9), D(-1), D(-10), False),
    ]
    details = read_details(by_draft[0])
    lines = [(line.subject, line.used_before, line.before, line.used_after, line.after) for line in details.lines]
    assert lines == [("fee:base-fee", 1, 10, 1, 9), ("feature:calls", 3, D("1.5"), 3, 6)]
    assert details.cost == D("0.06")


def test_its_totals_and_bars_match_its_results(draft, starter):
    job = simulated(draft, starter)
    draft_summary, other = sorted(summarize_versions(job), key=lambda row: row.version_id == starter.pk)
    assert (
        draft_summary.before,
        draft_summary.after,
        draft_summary.less,
        draft_summary.more,
        draft_summary.same,
    ) == (D("21.5"), D(24), 1, 1, 0)
    assert (draft_summary.cost, draft_summary.cost_before, draft_summary.cost_after) == (D("0.06"), D("11.5"), D(15))
    assert (other.change, other.same) == (0, 2)
    assert count_by_change(job) == {(draft.pk, "USD"): {"3": 1, "8": 1}, (starter.pk, "USD"): {"same": 2}}


def test_a_draft_edited_meanwhile_is_not_simulated(draft):
    job = start_simulation(versions=[draft], cohort=Cohort(), periods=1, by=None, at=AT)
    Fee.objects.filter(version=draft).update(amount=D(8))
    work(kinds=KINDS, clock=lambda: AT, job_id=job.pk)
    assert "was edited after" in job.items.get().error
    assert not SimulationResult.objects.exists()


REFUSED = [
    ({"versions": []}, "Select 1 to 5 different versions"),
    ({"periods": 25}, "Enter a number of closed periods from 1 to 24"),
    ({"shock_percent": D("NaN")}, "NaN is not between 0 and 10,000"),
    ({"cohort": Cohort(customers=("nobody",))}, "The selection has no active subscription"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_an_invalid_simulation_is_rejected(draft, fields: dict, message: str):
    fields = {"versions": [draft], "cohort": Cohort(), "by": None, "at": AT, **fields}
    with pytest.raises(SimulationRefused, match=message):
        start_simulation(**fields)


def test_where_required_only_a_simulated_and_unedited_draft_is_published(draft):
    PublishingRule.objects.update(needs_simulation=True)
    with pytest.raises(PublishingRefused, match="must be simulated on past usage first"):
        publish(draft, at=AT)
    simulated(draft)
    Fee.objects.filter(version=draft).update(amount=D(8))
    with pytest.raises(PublishingRefused, match="was edited after its simulation"):
        publish(draft, at=AT)
    simulated(draft)
    assert find_simulation(draft).facts["USD"]["more"] == 1
    assert publish(draft, at=AT).is_published


def test_the_first_version_of_a_plan_needs_no_simulation():
    PublishingRule.objects.update(needs_simulation=True)
    assert publish(make_plan("new", fees=[fee("1")]), at=AT).is_published


def test_old_results_are_deleted(draft, settings):
    settings.SIMULATION_RETENTION_DAYS = 30
    simulated(draft)
    assert delete_old_results(at=AT + timedelta(days=30)) == 0
    assert delete_old_results(at=AT + timedelta(days=60)) == 2
    assert find_simulation(draft) is not None


def test_results_stay_permanently_without_a_retention(draft, settings):
    settings.SIMULATION_RETENTION_DAYS = 0
    simulated(draft)

    assert delete_old_results(at=AT + timedelta(days=10_000)) == 0
