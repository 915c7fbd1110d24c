"""Reservations over HTTP: hold a quantity before use, then commit the quantity used, or release it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import uuid4

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.limits.availability import answer_payload, limit_reached
from billing.limits.check import UnknownCustomer, UnknownFeature
from billing.limits.reservations import commit, release, reserve
from billing.limits.reservations.errors import (
    LimitReached,
    ReservationConflict,
    ReservationNotOpen,
    ReservationRefused,
)
from billing.limits.reservations.reservation import DEFAULT_DURATION, MAX_DURATION
from billing.limits.reservations.usage_events import encode
from billing.metering.ingest import event_recorder
from billing.models import Reservation
from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time, current_time_by_external_id
from lib.api.errors import ConflictError, NotFoundError
from lib.api.fields import StrictFields
from lib.api.number_fields import NumberField

Outcome = TypeVar("Outcome")

EXAMPLE = OpenApiExample(
    "A run that may use up to 500",
    {"id": "run-7", "customer": "acme", "feature": "messages", "quantity": "500", "ttl": 60},
    request_only=True,
)


class NewReservationSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The quantity to hold, its feature, and the duration."""

    id = serializers.CharField(
        source="reference", max_length=100, required=False, help_text="Your own name for it; default: a new one."
    )
    customer = serializers.CharField(max_length=200)
    feature = serializers.CharField(max_length=64)
    quantity = NumberField(help_text="Units, above zero.", required=False, default=Decimal(1))
    subscription = serializers.CharField(max_length=200, required=False, help_text="Of one that is named.")
    properties = serializers.DictField(
        child=serializers.CharField(max_length=200, allow_blank=True),
        required=False,
        help_text="Dimensions of the use to come, such as its model, by which it is priced.",
    )
    ttl = serializers.IntegerField(
        min_value=1,
        max_value=MAX_DURATION // timedelta(seconds=1),
        default=DEFAULT_DURATION // timedelta(seconds=1),
        help_text="Seconds until what is held is given back by itself.",
    )

    def validate_quantity(self, quantity: Decimal) -> Decimal:
        """
        Validate the quantity.

        :raises serializers.ValidationError: if it is zero.
        """
        if quantity <= 0:
            raise serializers.ValidationError([serializers.ErrorDetail("must be above zero", "invalid")])
        return quantity


class ReservationSerializer(serializers.ModelSerializer[Reservation]):
    """A reservation in its current state."""

    id = serializers.CharField(source="reference")
    number = serializers.IntegerField(source="pk", help_text="Its place in the address.")
    customer = serializers.CharField(source="customer.external_id")
    feature = serializers.CharField(source="plan_feature.feature.code")
    quantity = NumberField()
    used = NumberField(allow_null=True, help_text="What was committed.")
    reserved_at = serializers.DateTimeField(source="at")
    expires_at = serializers.DateTimeField(source="until")
    held = serializers.SerializerMethodField(help_text="What wallets keep for it; null where none pays.")

    class Meta:
        model = Reservation
        fields = [
            "number",
            "id",
            "customer",
            "feature",
            "quantity",
            "properties",
            "state",
            "reserved_at",
            "expires_at",
            "ended_at",
            "used",
            "held",
        ]
        read_only_fields = fields

    def get_held(self, reservation: Reservation) -> dict[str, str] | None:
        """Return {"amount", "unit"}."""
        if reservation.hold is None:
            return None
        return {"amount": f"{reservation.hold.amount.normalize():f}", "unit": reservation.hold.unit}


class CommitSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The quantity actually used."""

    quantity = NumberField(required=False, help_text="Units, zero or more; default: as many as were reserved.")
    events = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="Instead: the usage events to store."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """
        Reject a body with both fields.

        :raises serializers.ValidationError: if both are given.
        """
        if len(attrs) == 2:
            detail = serializers.ErrorDetail("give a quantity or events, not both", "invalid")
            raise serializers.ValidationError({"events": [detail]})
        return attrs


class Reservations(generics.GenericAPIView[Reservation]):
    """Reservations visible to the caller."""

    serializer_class = ReservationSerializer

    def reservation(self) -> Reservation:
        """
        Return the reservation of the address.

        :raises Http404: if the caller sees no such reservation.
        """
        rows = Reservation.objects.select_related("customer", "plan_feature__feature", "hold")
        return generics.get_object_or_404(rows, pk=self.kwargs["number"], customer__sandbox=self.request.user.sandbox)


class ReservationsView(Reservations):
    """Hold a quantity of a feature against every limit."""

    required_scopes = {"POST": "ingest"}
    problems = {"POST": ["conflict", "limit-reached", "not-found"]}

    @extend_schema(
        operation_id="reserve_usage",
        summary="Reserve usage",
        description="Holds a quantity against hard caps, spend caps and wallets at once: under any concurrency what"
        " is committed and held never passes a limit. Commit what was really used, or release it; after `ttl` seconds"
        " it is given back by itself. The same `id` again is the same reservation.",
        request=NewReservationSerializer,
        responses={201: ReservationSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        serializer = NewReservationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        arguments = {"reference": uuid4().hex, **serializer.validated_data}
        arguments["duration"] = timedelta(seconds=arguments.pop("ttl"))
        at = current_time_by_external_id(arguments["customer"], sandbox=request.user.sandbox)
        reservation, answer = refused_as_problems(
            lambda: reserve(**arguments, sandbox=request.user.sandbox, at=at), at=at
        )
        document = dict(ReservationSerializer(reservation).data)
        if answer is not None:
            document["check"] = answer_payload(answer, at=at)
        return Response(document, status=status.HTTP_201_CREATED)


class ReservationView(Reservations):
    """One reservation."""

    required_scopes = {"GET": "read"}

    @extend_schema(operation_id="get_reservation", summary="Read a reservation")
    def get(self, request: Request, number: int) -> Response:
        return Response(ReservationSerializer(self.reservation()).data)


class CommitView(Reservations):
    """Store the usage of a reservation."""

    required_scopes = {"POST": "ingest"}
    problems = {"POST": ["conflict", "limit-reached", "unprocessable"]}

    @extend_schema(
        operation_id="commit_reservation",
        summary="Commit what was used of a reservation",
        description="Stores the usage and gives the rest back, in one transaction. More than was reserved is let in"
        " as far as the limits go. With a `quantity`, the events are made by Tollbook and dated when it was reserved;"
        " a meter that reads more of an event than one number needs `events`.",
        request=CommitSerializer,
        responses=ReservationSerializer,
    )
    @idempotent
    def post(self, request: Request, number: int) -> Response:
        serializer = CommitSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        reservation, fields = self.reservation(), serializer.validated_data
        events = encode(request.data["events"]) if "events" in fields else None
        usage = {"quantity": fields.get("quantity"), "events": events}
        at = current_time(reservation.customer)
        committed = refused_as_problems(lambda: commit(reservation_id=reservation.pk, at=at, **usage), at=at)
        return Response(ReservationSerializer(committed).data)


class ReleaseView(Reservations):
    """Release a reservation."""

    required_scopes = {"POST": "ingest"}
    problems = {"POST": ["conflict"]}

    @extend_schema(
        operation_id="release_reservation",
        summary="Release a reservation",
        request=None,
        responses=ReservationSerializer,
    )
    @idempotent
    def post(self, request: Request, number: int) -> Response:
        reservation = self.reservation()
        at = current_time(reservation.customer)
        released = refused_as_problems(lambda: release(reservation_id=reservation.pk, at=at), at=at)
        return Response(ReservationSerializer(released).data)


def refused_as_problems(operation: Callable[[], Outcome], *, at: datetime) -> Outcome:
    """
    Run an operation on reservations and return its result.

    :raises Problem, APIException: if it is refused, as the matching HTTP error.
    """
    try:
        return operation()
    except LimitReached as error:
        raise limit_reached(error.answer, at=at) from error
    except (ReservationNotOpen, ReservationConflict) as error:
        raise ConflictError(str(error)) from error
    except event_recorder.BatchConflict as error:
        raise ConflictError(
            "An event was sent before with other content; nothing of this request is stored."
        ) from error
    except ReservationRefused as error:
        detail = serializers.ErrorDetail(str(error), "refused")
        raise serializers.ValidationError({error.field or "body": [detail]}) from error
    except UnknownCustomer as error:
        raise NotFoundError(f"There is no customer “{error}”.") from error
    except UnknownFeature as error:
        raise NotFoundError(f"There is no feature “{error}”.") from error
