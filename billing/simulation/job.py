"""
Simulations as bulk work: a job whose items are some subscriptions each, and a result for each of them and version.

An item's results and its end are one transaction: killed anywhere, nothing is there twice and nothing missing.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby

import msgspec
from django.contrib.auth.models import AbstractBaseUser

from billing.jobs import start
from billing.jobs.kinds import Kind, Outcome
from billing.models import Job, JobItem, SimulationResult
from billing.models.jobs import JobKind
from billing.simulation.cohorts import Cohort, periods_of
from billing.simulation.history.usage_costs import read_costs
from billing.simulation.results import ShockThreshold, found_of, result
from billing.simulation.simulation_run import simulate
from billing.simulation.summaries import facts_of
from plans.catalog.version_snapshot import fingerprint_of
from plans.models import PlanVersion
from plans.publishing.required_simulation import rehearsed

SUBSCRIPTIONS = 200
"""Those of one item; its usage is in memory while it is done."""

MOST_VERSIONS = 5
MOST_PERIODS = 24
MOST_CUSTOMERS = 50_000


class SimulationRefused(ValueError):
    """A simulation cannot be started as asked; the text says why. field: what is wrong."""

    def __init__(self, text: str, *, field: str) -> None:
        super().__init__(text)
        self.field = field


class Tried(msgspec.Struct, frozen=True):
    """A version to try, and the fingerprint of what it said when that was asked for."""

    version_id: int
    content: str


class Asked(msgspec.Struct, frozen=True):
    """
    What a simulation is asked for: the parameters of its job.

    periods: the last so many closed ones, 1 to 24; 0 = the one that runs. shock_percent, shock_amount: what a bill
    must rise by, both, to be a shock.
    """

    versions: tuple[Tried, ...]
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
    by: AbstractBaseUser | None,
    at: datetime,
    periods: int = 3,
    keeps_overrides: bool = True,
    shock_percent: Decimal = Decimal(20),
    shock_amount: Decimal = Decimal(0),
) -> Job:
    """
    Store a simulation, which workers take up: docs/simulation.md.

    :raises SimulationRefused: if there is nothing to try, nobody to try it on, or a figure is out of bounds.
    """
    _check(versions, cohort, periods, shock_percent, shock_amount)
    asked = Asked(
        versions=tuple(Tried(one.pk, fingerprint_of(one)) for one in versions),
        cohort=cohort,
        periods=periods,
        keeps_overrides=keeps_overrides,
        shock_percent=shock_percent,
        shock_amount=shock_amount,
    )
    return start.start(
        kind=JobKind.SIMULATION,
        title=f"{', '.join(map(str, versions))} on {_span(periods)}",
        parameters={**msgspec.to_builtins(asked), "sandbox": cohort.sandbox},
        dry_run=False,
        by=by,
        at=at,
    )


def asked_of(job: Job) -> Asked:
    """Return what a simulation was asked for."""
    return msgspec.convert(job.parameters, Asked, strict=False)


def _check(versions: Sequence[PlanVersion], cohort: Cohort, periods: int, percent: Decimal, amount: Decimal) -> None:
    if not 1 <= len(set(versions)) == len(versions) <= MOST_VERSIONS:
        text = f"Choose 1 to {MOST_VERSIONS} versions, each once; {len(versions)} were chosen."
        raise SimulationRefused(text, field="versions")
    if not 0 <= periods <= MOST_PERIODS:
        text = f"{periods} is not a number of closed periods from 1 to {MOST_PERIODS}, or 0 for the one that runs."
        raise SimulationRefused(text, field="periods")
    for field, figure, most in (("shock_percent", percent, 10_000), ("shock_amount", amount, 10**9)):
        if not figure.is_finite() or not 0 <= figure <= most:
            raise SimulationRefused(f"{figure} is not between 0 and {most:,}.", field=field)
    if len(cohort.customers) > MOST_CUSTOMERS:
        text = f"{len(cohort.customers):,} customers are more than {MOST_CUSTOMERS:,}: simulate them in parts."
        raise SimulationRefused(text, field="customers")
    if not cohort.subscriptions().exists():
        raise SimulationRefused("Nobody has a running subscription of that kind: choose others.", field="cohort")


def _span(periods: int) -> str:
    if not periods:
        return "running periods"
    return "the last period" if periods == 1 else f"the last {periods} periods"


def _cut(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    subscriptions = asked_of(job).cohort.subscriptions().order_by("pk").values_list("pk", flat=True)
    number, last = (after.number, after.parameters["subscriptions"][-1]) if after else (0, 0)
    while ids := list(subscriptions.filter(pk__gt=last)[:SUBSCRIPTIONS]):
        number, last = number + 1, ids[-1]
        yield JobItem(job=job, number=number, parameters={"subscriptions": ids})


def _do(item: JobItem, at: datetime) -> Outcome:
    asked = asked_of(item.job)
    versions = _versions(asked)
    running_at = item.job.created_at
    period_ids = periods_of(item.parameters["subscriptions"], last=asked.periods, running_at=running_at)
    simulated = simulate(
        period_ids=period_ids, versions=versions, at=running_at, keeps_overrides=asked.keeps_overrides
    )
    costs = read_costs({one.period_id: one.currency for one in simulated})
    simulated.sort(key=lambda one: (one.subscription_id, one.starts_at))
    rows = []
    for subscription_id, periods in groupby(simulated, key=lambda one: one.subscription_id):
        own = list(periods)
        for number, version in enumerate(versions):
            found = found_of(own, number, costs=costs, threshold=asked.threshold)
            of = {"job_id": item.job_id, "version_id": version.pk, "subscription_id": subscription_id}
            rows.append(result(found, **of))
    SimulationResult.objects.bulk_create(rows, batch_size=1_000)
    idle = len(item.parameters["subscriptions"]) - len({row.subscription_id for row in rows})
    problems = sum(bool(row.found["problems"]) for row in rows)
    return Outcome({"bills": len(rows), "problems": problems, "without_a_period": idle})


def _versions(asked: Asked) -> list[PlanVersion]:
    """
    Return the versions to try.

    :raises SimulationRefused: if one does not say any more what it said when the simulation was started.
    """
    stored = PlanVersion.objects.select_related("plan").in_bulk([one.version_id for one in asked.versions])
    versions = [stored[one.version_id] for one in asked.versions]
    for one, version in zip(asked.versions, versions, strict=True):
        if fingerprint_of(version) != one.content:
            text = f"{version} was edited since the simulation was started: start another one."
            raise SimulationRefused(text, field="versions")
    return versions


def _end(job: Job, at: datetime) -> None:
    """Note with each version that it was tried as it is, and what came of it."""
    for one in asked_of(job).versions:
        version = PlanVersion.objects.get(pk=one.version_id)
        if fingerprint_of(version) == one.content:
            facts = facts_of(job, version_id=one.version_id)
            rehearsed(version=version, content=one.content, reference=f"simulation:{job.pk}", facts=facts, at=at)


SIMULATION = Kind(permission="billing.simulate_price", cut=_cut, do=_do, at_one_moment=True, end=_end)
"""Past usage rated by other versions, as bulk work."""
