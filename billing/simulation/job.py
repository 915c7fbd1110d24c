"""
Simulations as jobs: an item is a chunk of subscriptions, and yields one result per subscription and version.

An item's results and its completion are one transaction, so a worker that is killed leaves no result missing or
duplicated.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby

import msgspec
from django.contrib.auth.models import User
from django.utils.translation import gettext

from billing.jobs import start
from billing.jobs.definitions import ItemOutcome, JobDefinition
from billing.models import Job, JobItem
from billing.models.jobs import JobKind
from billing.simulation.cohorts import Cohort, read_period_ids
from billing.simulation.history.usage_costs import read_costs
from billing.simulation.results import ResultRow, ShockThreshold, build_result, compare_bills, store_results
from billing.simulation.simulation_run import simulate
from billing.simulation.summaries import summary_payload
from lib.garbage_collection import rare_collection
from plans.catalog.version_snapshot import compute_fingerprint
from plans.models import PlanVersion
from plans.publishing.required_simulation import record_simulation

SUBSCRIPTIONS_PER_ITEM = 200
"""The usage of an item's subscriptions is in memory while the item runs."""

# Every version rates every period of every customer, so the product bounds the work of a job.
MAX_VERSIONS = 5
MAX_PERIODS = 24
MAX_SHOCK_PERCENT, MAX_SHOCK_AMOUNT = 10_000, 10**9
MAX_CUSTOMERS = 50_000


class SimulationRefused(ValueError):
    """A simulation can't be started as requested; the text says why. field: the request's field at fault."""

    def __init__(self, text: str, *, field: str) -> None:
        super().__init__(text)
        self.field = field


class CandidateVersion(msgspec.Struct, frozen=True):
    """A version to simulate. content: its fingerprint at the time of the request."""

    version_id: int
    content: str


class SimulationRequest(msgspec.Struct, frozen=True):
    """
    The parameters of a simulation job.

    periods: the last closed periods to rate, 1 to 24; 0 rates the current period. shock_percent, shock_amount: an
    increase above both counts as a bill shock.
    """

    versions: tuple[CandidateVersion, ...]
    cohort: Cohort
    periods: int = 3
    keeps_overrides: bool = True
    shock_percent: Decimal = Decimal(20)
    shock_amount: Decimal = Decimal(0)

    @property
    def threshold(self) -> ShockThreshold:
        return ShockThreshold(self.shock_percent, self.shock_amount)


def start_simulation(
    *,
    versions: Sequence[PlanVersion],
    cohort: Cohort,
    by: User | None,
    at: datetime,
    periods: int = 3,
    keeps_overrides: bool = True,
    shock_percent: Decimal = Decimal(20),
    shock_amount: Decimal = Decimal(0),
) -> Job:
    """
    Store a simulation as a job for the workers: docs/simulation.md.

    :raises SimulationRefused: if no version or no subscription is selected, or a figure is out of bounds.
    """
    _validate(versions, cohort, periods, shock_percent, shock_amount)
    request = SimulationRequest(
        versions=tuple(CandidateVersion(version.pk, compute_fingerprint(version)) for version in versions),
        cohort=cohort,
        periods=periods,
        keeps_overrides=keeps_overrides,
        shock_percent=shock_percent,
        shock_amount=shock_amount,
    )
    return start.start(
        kind=JobKind.SIMULATION,
        title=f"{', '.join(map(str, versions))} on {_describe_periods(periods)}",
        parameters={**msgspec.to_builtins(request), "sandbox": cohort.sandbox},
        dry_run=False,
        by=by,
        at=at,
    )


def read_request(job: Job) -> SimulationRequest:
    """Return the request of a simulation job."""
    return msgspec.convert(job.parameters, SimulationRequest, strict=False)


def _validate(
    versions: Sequence[PlanVersion], cohort: Cohort, periods: int, percent: Decimal, amount: Decimal
) -> None:
    if not 1 <= len(set(versions)) == len(versions) <= MAX_VERSIONS:
        text = gettext("Select 1 to %(most)s different versions; %(count)s were selected.") % {
            "most": MAX_VERSIONS,
            "count": len(versions),
        }
        raise SimulationRefused(text, field="versions")
    if not 0 <= periods <= MAX_PERIODS:
        text = gettext(
            "Enter a number of closed periods from 1 to %(most)s, or 0 for the current period; not %(periods)s."
        ) % {"most": MAX_PERIODS, "periods": periods}
        raise SimulationRefused(text, field="periods")
    for field, figure, maximum in (
        ("shock_percent", percent, MAX_SHOCK_PERCENT),
        ("shock_amount", amount, MAX_SHOCK_AMOUNT),
    ):
        if not figure.is_finite() or not 0 <= figure <= maximum:
            raise SimulationRefused(
                gettext("%(value)s is not between 0 and %(most)s.") % {"value": figure, "most": f"{maximum:,}"},
                field=field,
            )
    if len(cohort.customers) > MAX_CUSTOMERS:
        text = gettext(
            "The selection has %(count)s customers, and a simulation at most %(most)s. Run several simulations."
        ) % {"count": f"{len(cohort.customers):,}", "most": f"{MAX_CUSTOMERS:,}"}
        raise SimulationRefused(text, field="customers")
    if not cohort.subscriptions().exists():
        raise SimulationRefused(gettext("The selection has no active subscription. Select others."), field="cohort")


def _describe_periods(periods: int) -> str:
    if not periods:
        return "current periods"
    return "the last period" if periods == 1 else f"the last {periods} periods"


def _create_items(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    subscriptions = read_request(job).cohort.subscriptions().order_by("pk").values_list("pk", flat=True)
    item_number, last_id = (after.number, after.parameters["subscriptions"][-1]) if after else (0, 0)
    while subscription_ids := list(subscriptions.filter(pk__gt=last_id)[:SUBSCRIPTIONS_PER_ITEM]):
        item_number, last_id = item_number + 1, subscription_ids[-1]
        yield JobItem(job=job, number=item_number, parameters={"subscriptions": subscription_ids})


@rare_collection()
def _simulate_item(item: JobItem, at: datetime) -> ItemOutcome:
    request = read_request(item.job)
    versions = _read_versions(request)
    running_at = item.job.created_at
    period_ids = read_period_ids(item.parameters["subscriptions"], count=request.periods, running_at=running_at)
    simulated = simulate(
        period_ids=period_ids, versions=versions, at=running_at, keeps_overrides=request.keeps_overrides
    )
    costs = read_costs({period.period_id: period.currency for period in simulated})
    simulated.sort(key=lambda period: (period.subscription_id, period.starts_at))
    rows: list[ResultRow] = []
    problems = 0
    for subscription_id, periods in groupby(simulated, key=lambda period: period.subscription_id):
        own_periods = list(periods)
        for version_index, version in enumerate(versions):
            details = compare_bills(own_periods, version_index, costs=costs, threshold=request.threshold)
            keys = {"job_id": item.job_id, "version_id": version.pk, "subscription_id": subscription_id}
            rows.append(build_result(details, **keys))
            problems += bool(details.problems)
    store_results(rows)
    without_a_period = len(item.parameters["subscriptions"]) - len({row.subscription_id for row in rows})
    return ItemOutcome({"bills": len(rows), "problems": problems, "without_a_period": without_a_period})


def _read_versions(request: SimulationRequest) -> list[PlanVersion]:
    """
    Return the versions to simulate.

    :raises SimulationRefused: if a version was edited after the simulation was started.
    """
    stored = PlanVersion.objects.select_related("plan").in_bulk(
        [candidate.version_id for candidate in request.versions]
    )
    versions = [stored[candidate.version_id] for candidate in request.versions]
    for candidate, version in zip(request.versions, versions, strict=True):
        if compute_fingerprint(version) != candidate.content:
            text = f"{version} was edited after the simulation started; start a new simulation."
            raise SimulationRefused(text, field="versions")
    return versions


def _record_required_simulations(job: Job, at: datetime) -> None:
    """Record with each version that its current content was simulated, and the summary."""
    for candidate in read_request(job).versions:
        version = PlanVersion.objects.get(pk=candidate.version_id)
        if compute_fingerprint(version) == candidate.content:
            summary = summary_payload(job, version_id=candidate.version_id)
            record_simulation(
                version=version, content=candidate.content, reference=f"simulation:{job.pk}", facts=summary, at=at
            )


SIMULATION = JobDefinition(
    permission="billing.simulate_price",
    split=_create_items,
    process=_simulate_item,
    reads_snapshot=True,
    complete=_record_required_simulations,
)
"""Kind of job that rates past usage with other versions."""
