"""POST /api/v1/simulations and the results: past usage rated by other versions. docs/simulation.md."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import Job, SimulationResult
from billing.models.jobs import JobKind
from billing.simulation.cohorts import Cohort
from billing.simulation.exports import RESULT_COLUMNS, format_cell, result_rows
from billing.simulation.job import (
    MAX_PERIODS,
    MAX_SHOCK_AMOUNT,
    MAX_SHOCK_PERCENT,
    MAX_VERSIONS,
    SimulationRefused,
    read_request,
    start_simulation,
)
from billing.simulation.summaries import summarize_versions
from lib.api.fields import StrictFields
from lib.api.number_fields import NumberField
from lib.api.operations import get, list_rows, post
from lib.api.problems import Problem, invalid_field
from lib.api.views import ApiView
from lib.csv_export import csv_download
from lib.decimals import to_plain_string
from plans.models import PlanVersion

# Ids that one request may list; a cohort by plan or filter may hold more.
MAX_CUSTOMERS = 1_000


class VersionField(StrictFields, serializers.Serializer[dict[str, Any]]):
    """A plan version; drafts are allowed."""

    plan = serializers.CharField(max_length=64)
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class NewSimulationSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The versions to simulate, and the subscriptions and periods to use."""

    versions = VersionField(many=True, allow_empty=False, max_length=MAX_VERSIONS)  # type: ignore[call-arg]  # of a list
    plan = serializers.CharField(
        max_length=64, required=False, help_text="Limit to subscriptions of this plan; default: all."
    )
    customers = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        max_length=MAX_CUSTOMERS,
        help_text="Limit to these external IDs; default: all.",
    )
    periods = serializers.IntegerField(
        min_value=0,
        max_value=MAX_PERIODS,
        required=False,
        help_text="Number of closed periods to use; default: 3. With 0, the current period.",
    )
    keeps_overrides = serializers.BooleanField(
        required=False, help_text="Whether custom pricing is kept; default: yes."
    )
    shock_percent = NumberField(
        most=MAX_SHOCK_PERCENT,
        required=False,
        help_text="A bill shock is an increase of more than this percentage; default: 20.",
    )
    shock_amount = NumberField(
        most=MAX_SHOCK_AMOUNT, required=False, help_text="And of more than this amount per period; default: 0."
    )


class TotalsSerializer(serializers.Serializer[dict[str, Any]]):
    """The totals of a version in one currency, net of tax."""

    plan = serializers.CharField()
    version = serializers.IntegerField()
    currency = serializers.CharField()
    subscriptions = serializers.IntegerField()
    not_comparable = serializers.IntegerField()
    before = serializers.CharField()
    after = serializers.CharField()
    pay_more = serializers.IntegerField()
    pay_less = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    bill_shocks = serializers.IntegerField()
    cost_of_usage = serializers.CharField(allow_null=True)


class SimulationSerializer(serializers.Serializer[dict[str, Any]]):
    """A simulation and its totals so far."""

    number = serializers.IntegerField(help_text="Number of its job: `read_job` returns the progress.")
    state = serializers.CharField()
    error = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    totals = TotalsSerializer(many=True)


class BillSerializer(serializers.ModelSerializer[SimulationResult]):
    """The bill of one subscription as it was and as it would have been; amounts are net of tax."""

    customer = serializers.CharField(source="subscription.customer.external_id")
    subscription = serializers.CharField(source="subscription.external_id")
    plan = serializers.CharField(source="version.plan.code")
    version = serializers.IntegerField(source="version.number")
    before = serializers.SerializerMethodField()
    after = serializers.SerializerMethodField()
    problems = serializers.ListField(child=serializers.CharField(), source="figures.problems", read_only=True)
    lines = serializers.ListField(
        child=serializers.DictField(child=serializers.CharField()), source="figures.lines", read_only=True
    )

    class Meta:
        model = SimulationResult
        fields = (
            *("customer", "subscription", "plan", "version", "currency", "before", "after", "is_known", "is_shock"),
            *("problems", "lines"),
        )

    def get_before(self, result: SimulationResult) -> str:
        return to_plain_string(result.before)

    def get_after(self, result: SimulationResult) -> str | None:
        return to_plain_string(result.after) if result.is_known else None


EXAMPLE = {"versions": [{"plan": "starter", "version": 2}], "plan": "starter", "periods": 3}


class Simulations(ApiView[SimulationResult]):
    """Simulations that the caller may see: past usage rated by other versions, as a job. The rows are their bills."""

    queryset = SimulationResult.objects.select_related("subscription__customer", "version__plan")
    serializer_class = BillSerializer

    def get_queryset(self) -> QuerySet[SimulationResult]:
        """Return the bills of the simulation."""
        return super().get_queryset().filter(job=self.simulation())

    def simulation(self) -> Job:
        """
        Return the job of the simulation in the URL.

        :raises Problem: `not-found`, if the caller sees no such simulation.
        """
        number = self.kwargs["number"]
        job = Job.objects.filter(pk=number, kind=JobKind.SIMULATION).first()
        if job is None or read_request(job).cohort.sandbox is not self.caller.sandbox:
            raise Problem("not-found", f"There is no simulation {number}.")
        return job

    @post(
        "create_simulation",
        "Simulate versions on past usage",
        "Rates closed periods at each version's prices with the code that bills; nothing is invoiced.",
        request=NewSimulationSerializer,
        response=SimulationSerializer,
        status=201,
        examples={"Simulate a draft on the last quarter": EXAMPLE},
    )
    def create(self, request: Request) -> Response:
        fields = dict(self.read_body())
        versions = [_version(number, **choice) for number, choice in enumerate(fields.pop("versions"))]
        plan = fields.pop("plan", None)
        cohort = Cohort(
            sandbox=self.caller.sandbox,
            plan_id=None if plan is None else _plan(plan),
            customers=tuple(fields.pop("customers", ())),
        )
        try:
            job = start_simulation(versions=versions, cohort=cohort, by=None, at=timezone.now(), **fields)
        except SimulationRefused as refusal:
            field = "plan" if refusal.field == "cohort" else refusal.field
            raise invalid_field(field, str(refusal)) from refusal
        return Response(_payload(job), status=201)

    @get(
        "read_simulation",
        "Read a simulation's results",
        "By version and currency; while the job is running, of the periods processed so far.",
        response=SimulationSerializer,
    )
    def read(self, request: Request, number: int) -> Response:
        return Response(_payload(self.simulation()))

    list_bills = list_rows(
        "list_simulated_bills", "List a simulation's bills, line by line", "All bills, current and simulated."
    )

    @get(
        "download_simulated_bills",
        "Download a simulation's bills as CSV",
        "The same bills as a file, streamed as it is read.",
        response={(200, "text/csv"): OpenApiTypes.STR},
    )
    def download_bills(self, request: Request, number: int) -> StreamingHttpResponse:
        job = self.simulation()
        return csv_download(_rows(job), file_name=f"simulation-{job.pk}.csv")


def _rows(job: Job) -> Iterator[list[str]]:
    yield list(RESULT_COLUMNS)
    yield from ([format_cell(cell) for cell in row] for row in result_rows(job))


def _payload(job: Job) -> dict[str, Any]:
    summaries = summarize_versions(job)
    versions = PlanVersion.objects.select_related("plan").in_bulk({summary.version_id for summary in summaries})
    return {
        "number": job.pk,
        "state": job.state,
        "error": job.error,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "totals": [
            {
                "plan": versions[summary.version_id].plan.code,
                "version": versions[summary.version_id].number,
                "currency": summary.currency,
                "subscriptions": summary.subscriptions,
                "not_comparable": summary.not_known,
                "before": to_plain_string(summary.before),
                "after": to_plain_string(summary.after),
                "pay_more": summary.more,
                "pay_less": summary.less,
                "unchanged": summary.same,
                "bill_shocks": summary.shocks,
                "cost_of_usage": None if summary.cost is None else to_plain_string(Decimal(summary.cost)),
            }
            for summary in summaries
        ],
    }


def _version(number: int, *, plan: str, version: int) -> PlanVersion:
    plan_version = PlanVersion.objects.select_related("plan").filter(plan__code=plan, number=version).first()
    if plan_version is None:
        raise invalid_field(f"versions.{number}", f"there is no version {version} of a plan “{plan}”", "unknown")
    return plan_version


def _plan(code: str) -> int:
    plan_id = PlanVersion.objects.filter(plan__code=code).values_list("plan", flat=True).first()
    if plan_id is None:
        raise invalid_field("plan", f"there is no plan “{code}”")
    return plan_id
