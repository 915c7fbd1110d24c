"""Test clocks over HTTP: the time of sandbox customers."""

from contextlib import suppress
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from kombu.exceptions import OperationalError
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from billing.simulation.sandbox import CannotAdvance, create_clock, retry_advance, start_advance, stop_clock
from billing.tasks import advance_clocks
from customers.api_keys.idempotency import idempotent
from customers.models import TestClock
from lib.api.errors import NotFoundError
from lib.api.fields import InstantField, StrictFields
from lib.api.problems import Problem


class TestClockSerializer(serializers.ModelSerializer[TestClock]):
    """A test clock. `state` is standing, advancing or failed; if failed, `failure` gives the reason."""

    __test__ = False

    now = InstantField(read_only=True)
    target = InstantField(read_only=True, allow_null=True, help_text="Where it is on its way to.")
    state = serializers.ChoiceField(choices=["standing", "advancing", "failed"], read_only=True)
    customers = serializers.SerializerMethodField(help_text="How many live in its time.")

    class Meta:
        model = TestClock
        fields = ["id", "name", "now", "state", "target", "failure", "customers", "created_at"]
        read_only_fields = fields

    @extend_schema_field(int)
    def get_customers(self, clock: TestClock) -> int:
        """Return the number of customers, as annotated by the view."""
        return clock.customers_count


class NewClockSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The name and the initial time of a test clock."""

    name = serializers.CharField(max_length=120)
    now = InstantField(required=False, help_text="Default: the real time. Past or to come.")


class AdvanceSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The time to advance to."""

    to = InstantField(help_text="Later than its time, by five years at most.")


class Clocks(generics.GenericAPIView[TestClock]):
    """Test clocks. Live keys see none, because live customers have none."""

    serializer_class = TestClockSerializer
    lookup_url_kwarg = "clock"
    problems = {"POST": ["unprocessable"]}

    def get_queryset(self) -> QuerySet[TestClock]:
        """Return all test clocks to a sandbox key, and none to a live key."""
        clocks = TestClock.objects.annotate(customers_count=Count("customers"))
        return clocks if self.request.user.sandbox else clocks.none()

    def shown(self, clock: TestClock) -> Any:
        """Return a clock as it is stored now."""
        return TestClockSerializer(self.get_queryset().get(pk=clock.pk)).data


class ClocksView(Clocks, generics.ListAPIView[TestClock]):
    """All test clocks."""

    required_scopes = {"GET": "read", "POST": "manage"}
    problems = {"POST": ["not-found"]}

    @extend_schema(operation_id="list_test_clocks", summary="Test clocks, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="create_test_clock",
        summary="Make a test clock",
        description="It stands still until it is advanced. Customers are put into its time when they are created, by"
        " their `test_clock`.",
        request=NewClockSerializer,
        responses={201: TestClockSerializer},
        examples=[OpenApiExample("A clock", {"name": "A year of Acme", "now": "2026-01-01T00:00:00Z"})],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        if not request.user.sandbox:
            raise NotFoundError("Live customers live in real time: make test clocks with a test key.")
        serializer = NewClockSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        at = timezone.now()
        try:
            clock = create_clock(**{"now": at, **serializer.validated_data}, by=None, at=at)
        except CannotAdvance as error:
            raise _refused(error) from error
        return Response(self.shown(clock), status=status.HTTP_201_CREATED)


class ClockView(Clocks, generics.RetrieveAPIView[TestClock]):
    """One test clock."""

    required_scopes = {"GET": "read"}

    @extend_schema(operation_id="get_test_clock", summary="Read a test clock", description="How far it has come.")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class AdvanceView(Clocks):
    """The advance of a test clock."""

    required_scopes = {"POST": "manage"}

    @extend_schema(
        operation_id="advance_test_clock",
        summary="Advance a test clock",
        description="Everything that time does to its customers is done on the way, in order: trials end, periods are"
        " invoiced, credits expire. Answered at once; read the clock until its `state` is `standing`.",
        request=AdvanceSerializer,
        responses={202: TestClockSerializer},
        examples=[OpenApiExample("To next year", {"to": "2027-01-01T00:00:00Z"}, request_only=True)],
    )
    @idempotent
    def post(self, request: Request, clock: int) -> Response:
        serializer = AdvanceSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        test_clock = self.get_object()
        try:
            start_advance(clock_id=test_clock.pk, **serializer.validated_data, by=None, at=timezone.now())
        except CannotAdvance as error:
            raise _refused(error) from error
        transaction.on_commit(wake)
        return Response(self.shown(test_clock), status=status.HTTP_202_ACCEPTED)


class RetryView(Clocks):
    """The retry of a failed advance."""

    required_scopes = {"POST": "manage"}

    @extend_schema(
        operation_id="retry_test_clock",
        summary="Let a test clock go on that has failed",
        request=None,
        responses={202: TestClockSerializer},
    )
    @idempotent
    def post(self, request: Request, clock: int) -> Response:
        test_clock = self.get_object()
        retry_advance(clock_id=test_clock.pk, by=None, at=timezone.now())
        transaction.on_commit(wake)
        return Response(self.shown(test_clock), status=status.HTTP_202_ACCEPTED)


class StopView(Clocks):
    """The stop of an advance."""

    required_scopes = {"POST": "manage"}

    @extend_schema(
        operation_id="stop_test_clock",
        summary="Let a test clock stand where it is",
        request=None,
        responses={200: TestClockSerializer},
    )
    @idempotent
    def post(self, request: Request, clock: int) -> Response:
        test_clock = self.get_object()
        stop_clock(clock_id=test_clock.pk, by=None, at=timezone.now())
        return Response(self.shown(test_clock))


def wake() -> None:
    """Wake a worker to advance clocks now."""
    with suppress(OperationalError):  # without a broker, beat advances it within ten seconds
        advance_clocks.delay()


def _refused(error: CannotAdvance) -> Problem:
    return Problem(
        "unprocessable", str(error), errors=[{"field": error.field, "code": "refused", "detail": str(error)}]
    )
