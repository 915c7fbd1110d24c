"""Test clocks over HTTP: the time of sandbox customers."""

from contextlib import suppress
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError
from rest_framework import serializers
from rest_framework.request import Request

from billing.simulation.sandbox import CannotAdvance, create_clock, retry_advance, start_advance, stop_clock
from billing.tasks import advance_clocks
from customers.models import TestClock
from lib.api.fields import InstantField, RowSerializer, StrictFields
from lib.api.operations import list_rows, post, read_row
from lib.api.problems import Problem
from lib.api.views import ApiView

CLOCK_REFUSALS = {CannotAdvance: ("unprocessable", "refused")}


class TestClockSerializer(RowSerializer[TestClock]):
    """A test clock. `state` is standing, advancing or failed; if failed, `failure` gives the reason."""

    __test__ = False

    now = InstantField(read_only=True)
    target = InstantField(read_only=True, allow_null=True, help_text="Time to which it is advancing.")
    state = serializers.ChoiceField(choices=["standing", "advancing", "failed"], read_only=True)
    customers = serializers.IntegerField(
        source="customers_count", read_only=True, help_text="Number of customers on the clock."
    )

    class Meta:
        model = TestClock
        fields = ["id", "name", "now", "state", "target", "failure", "customers", "created_at"]


class NewClockSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The name and the initial time of a test clock."""

    name = serializers.CharField(max_length=120)
    now = InstantField(
        required=False, help_text="Default: the current real time. Any past or future time is allowed."
    )


class AdvanceSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The time to advance to."""

    to = InstantField(help_text="Later than the clock's time, by five years at most.")


class Clocks(ApiView[TestClock]):
    """Test clocks. Live keys see none, because live customers have none."""

    queryset = TestClock.objects.annotate(customers_count=Count("customers"))
    serializer_class = TestClockSerializer
    lookup_url_kwarg = "clock"

    def get_queryset(self) -> QuerySet[TestClock]:
        """Return all test clocks to a sandbox key, and none to a live key."""
        clocks = super().get_queryset()
        return clocks if self.caller.sandbox else clocks.none()

    list_all = list_rows("list_test_clocks", "List test clocks, newest first", "All test clocks.")

    @post(
        "create_test_clock",
        "Create a test clock",
        "The clock stands still until it is advanced. Assign customers to it when you create them, with"
        " `test_clock`.",
        request=NewClockSerializer,
        status=201,
        problems=("not-found",),
        refusals=CLOCK_REFUSALS,
        examples={"A clock": {"name": "A year of Acme", "now": "2026-01-01T00:00:00Z"}},
    )
    def create(self, request: Request) -> TestClock:
        if not self.caller.sandbox:
            detail = "Live customers use real time; create test clocks with a test key."
            raise Problem("not-found", detail)
        fields, at = self.read_body(), timezone.now()
        return self.reload(create_clock(**{"now": at, **fields}, by=None, at=at))

    read = read_row("get_test_clock", "Read a test clock", "One test clock and its progress.")

    @post(
        "advance_test_clock",
        "Advance a test clock",
        "Runs everything that falls due for its customers, in order: trials end, periods are invoiced, credits"
        " expire. Returns at once; read the clock until its `state` is `standing`.",
        request=AdvanceSerializer,
        status=202,
        refusals=CLOCK_REFUSALS,
        examples={"To next year": {"to": "2027-01-01T00:00:00Z"}},
    )
    def advance(self, request: Request, clock: int) -> TestClock:
        fields, test_clock = self.read_body(), self.get_object()
        start_advance(clock_id=test_clock.pk, **fields, by=None, at=timezone.now())
        transaction.on_commit(wake)
        return self.reload(test_clock)

    @post("retry_test_clock", "Resume a test clock that failed", "Retries a failed advance.", status=202)
    def retry(self, request: Request, clock: int) -> TestClock:
        test_clock = self.get_object()
        retry_advance(clock_id=test_clock.pk, by=None, at=timezone.now())
        transaction.on_commit(wake)
        return self.reload(test_clock)

    @post("stop_test_clock", "Stop a test clock", "Stops an advance.")
    def stop(self, request: Request, clock: int) -> TestClock:
        test_clock = self.get_object()
        stop_clock(clock_id=test_clock.pk, by=None, at=timezone.now())
        return self.reload(test_clock)


def wake() -> None:
    """Wake a worker to advance clocks now."""
    with suppress(OperationalError):  # without a broker, beat advances it within ten seconds
        advance_clocks.delay()
