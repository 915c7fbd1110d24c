"""Reservations over HTTP: hold a quantity before use, then commit the quantity used, or release it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.limits.availability import answer_payload, limit_reached
from billing.api.metering.event_schemas import EVENT_LIST
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
from customers.customer_time import current_time, current_time_by_external_id
from lib.api.field_rules import FieldRule, given, not_both
from lib.api.fields import RowSerializer, StrictFields
from lib.api.number_fields import NumberField
from lib.api.operations import RefusalProblem, post, read_row, refused_as
from lib.api.problems import Problem
from lib.api.views import ApiView

REFUSALS: Mapping[type[Exception], RefusalProblem] = {
    ReservationConflict: "conflict",
    ReservationNotOpen: "conflict",
    ReservationRefused: ("invalid-fields", "refused"),
    UnknownCustomer: "not-found",
    UnknownFeature: "not-found",
}
EXAMPLE = {"id": "run-7", "customer": "acme", "feature": "messages", "quantity": "500", "ttl": 60}


class NewReservationSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The quantity to hold, its feature, and the duration."""

    id = serializers.CharField(
        source="reference",
        max_length=100,
        required=False,
        help_text="Your ID for the reservation; default: generated.",
    )
    customer = serializers.CharField(max_length=200)
    feature = serializers.CharField(max_length=64)
    quantity = NumberField(positive=True, help_text="Units; more than zero.", required=False, default=Decimal(1))
    subscription = serializers.CharField(
        max_length=200,
        required=False,
        help_text="External ID of the subscription; default: the one that includes the feature.",
    )
    properties = serializers.DictField(
        child=serializers.CharField(max_length=200, allow_blank=True),
        required=False,
        help_text="Dimensions of the intended usage, such as its model, which determine its price.",
    )
    ttl = serializers.IntegerField(
        min_value=1,
        max_value=MAX_DURATION // timedelta(seconds=1),
        default=DEFAULT_DURATION // timedelta(seconds=1),
        help_text="Seconds until the hold is released automatically.",
    )


class ReservationSerializer(RowSerializer[Reservation]):
    """A reservation in its current state."""

    id = serializers.CharField(source="reference")
    number = serializers.IntegerField(source="pk", help_text="ID of the reservation, as in its URL.")
    customer = serializers.CharField(source="customer.external_id")
    feature = serializers.CharField(source="plan_feature.feature.code")
    quantity = NumberField()
    used = NumberField(allow_null=True, help_text="Committed quantity.")
    reserved_at = serializers.DateTimeField(source="at")
    expires_at = serializers.DateTimeField(source="until")
    held = serializers.SerializerMethodField(help_text="Amount held in wallets; null if no wallet pays.")

    class Meta:
        model = Reservation
        fields = [
            *("number", "id", "customer", "feature", "quantity", "properties", "state", "reserved_at", "expires_at"),
            *("ended_at", "used", "held"),
        ]

    def get_held(self, reservation: Reservation) -> dict[str, str] | None:
        """Return {"amount", "unit"}."""
        if reservation.hold is None:
            return None
        return {"amount": f"{reservation.hold.amount.normalize():f}", "unit": reservation.hold.unit}


@extend_schema_field(EVENT_LIST)
class EventsField(serializers.ListField):
    """Usage events."""


class CommitSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The quantity actually used."""

    quantity = NumberField(required=False, help_text="Units, zero or more; default: the reserved quantity.")
    events = EventsField(
        child=serializers.DictField(), required=False, help_text="The usage events to store, instead of a quantity."
    )

    rules = (
        FieldRule(not_both(given("quantity"), given("events")), "events", "Send a quantity or events, not both."),
    )


class Reservations(ApiView[Reservation]):
    """Reservations visible to the caller."""

    queryset = Reservation.objects.select_related("customer", "plan_feature__feature", "hold")
    sandbox_path = "customer__sandbox"
    serializer_class = ReservationSerializer

    def get_object(self) -> Reservation:
        """
        Return the reservation in the URL.

        :raises Http404: if the caller sees no such reservation.
        """
        reservation: Reservation = get_object_or_404(self.get_queryset(), pk=self.kwargs["number"])
        return reservation

    @post(
        "reserve_usage",
        "Reserve usage",
        "Holds a quantity against hard caps, spend caps and wallets together: no matter how many requests run"
        " at once, committed and held amounts never exceed a limit. Commit the actual usage or release the"
        " reservation; after `ttl` seconds it is released automatically. The same `id` returns the same"
        " reservation.",
        scope="ingest",
        request=NewReservationSerializer,
        status=201,
        problems=("conflict", "limit-reached", "not-found"),
        examples={"A run that may use up to 500": EXAMPLE},
    )
    def reserve(self, request: Request) -> Response:
        arguments = {"reference": uuid4().hex, **self.read_body()}
        arguments["duration"] = timedelta(seconds=arguments.pop("ttl"))
        at = current_time_by_external_id(arguments["customer"], sandbox=self.caller.sandbox)
        with refusals_as_problems(at=at):
            reservation, answer = reserve(**arguments, sandbox=self.caller.sandbox, at=at)
        document = dict(self.represent(reservation))
        if answer is not None:
            document["check"] = answer_payload(answer, at=at)
        return Response(document, status=201)

    read = read_row("get_reservation", "Read a reservation", "One reservation.")

    @post(
        "commit_reservation",
        "Commit the usage of a reservation",
        "Stores the usage and releases the rest in one transaction. Usage above the reserved quantity is"
        " accepted up to the limits. With `quantity`, Tollbook creates the events, dated at the time of the"
        " reservation; a meter that reads more than one number from an event needs `events`.",
        scope="ingest",
        request=CommitSerializer,
        problems=("conflict", "limit-reached", "unprocessable"),
    )
    def commit(self, request: Request, number: int) -> Reservation:
        fields, reservation = self.read_body(), self.get_object()
        body = request.data
        events = encode(body["events"]) if "events" in fields and isinstance(body, dict) else None
        at = current_time(reservation.customer)
        with refusals_as_problems(at=at):
            return commit(reservation_id=reservation.pk, quantity=fields.get("quantity"), events=events, at=at)

    @post(
        "release_reservation",
        "Release a reservation",
        "Release a reservation.",
        scope="ingest",
        problems=("conflict",),
    )
    def release(self, request: Request, number: int) -> Reservation:
        reservation = self.get_object()
        at = current_time(reservation.customer)
        with refusals_as_problems(at=at):
            return release(reservation_id=reservation.pk, at=at)


@contextmanager
def refusals_as_problems(*, at: datetime) -> Iterator[None]:
    """Turn the refusals of an operation on reservations into problems."""
    try:
        with refused_as(REFUSALS):
            yield
    except LimitReached as error:
        raise limit_reached(error, at=at) from error
    except event_recorder.BatchConflict as error:
        detail = "An event with this ID was sent before with different content; nothing in this request was stored."
        raise Problem("conflict", detail) from error
