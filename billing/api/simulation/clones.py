"""POST /api/v1/customers/{customer}/clone: clone a live customer into the sandbox."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.simulation.test_clocks import wake
from billing.simulation.sandbox import start_advance
from billing.simulation.sandbox.clones import MAX_PERIODS, CannotClone, clone
from customers.api_keys.idempotency import idempotent
from customers.models import Customer
from lib.api.fields import InstantField, StrictFields
from lib.api.isolation import SandboxIsolation
from lib.api.problems import Problem


class CloneSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The number of past periods to clone."""

    periods = serializers.IntegerField(
        min_value=1, max_value=MAX_PERIODS, default=12, help_text="Before the running one."
    )
    advance = serializers.BooleanField(
        default=False,
        help_text="Whether its clock sets off for the present at once; it stands at the beginning else.",
    )


class ClonedSerializer(serializers.Serializer[dict[str, Any]]):
    """The clone and its test clock."""

    customer = serializers.CharField(help_text="The sandbox customer's id: read it with a test key.")
    test_clock = serializers.IntegerField()
    now = InstantField(help_text="Where its clock stands.")
    until = InstantField(help_text="Up to where it uses again what was used.")
    left_out = serializers.ListField(child=serializers.CharField(), help_text="What could not be copied, and why.")


class CloneView(SandboxIsolation, generics.GenericAPIView[Customer]):
    """The cloning of a customer."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["unprocessable", "not-found"]}
    queryset = Customer.objects.all()
    serializer_class = CloneSerializer
    lookup_field = "external_id"
    lookup_url_kwarg = "customer"

    @extend_schema(
        operation_id="clone_customer",
        summary="Clone a live customer into the sandbox",
        description="With a live key. The clone has the same party, running subscriptions and wallets, in the time of"
        " a test clock of its own that stands at the beginning of the periods asked for; as it is advanced, the clone"
        " uses again what the customer has used.",
        request=CloneSerializer,
        responses={201: ClonedSerializer},
        examples=[OpenApiExample("A year again", {"periods": 12, "advance": True}, request_only=True)],
    )
    @idempotent
    def post(self, request: Request, customer: str) -> Response:
        serializer = CloneSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields, at = serializer.validated_data, timezone.now()
        try:
            created, left_out = clone(source=self.get_object(), periods=fields["periods"], at=at, by=None)
        except CannotClone as error:
            raise Problem("unprocessable", str(error)) from error
        clock = created.customer.test_clock
        if fields["advance"]:
            start_advance(clock_id=clock.pk, to=created.until, by=None, at=at)
            transaction.on_commit(wake)
        payload = {
            "customer": created.customer.external_id,
            "test_clock": clock.pk,
            "now": clock.now,
            "until": created.until,
            "left_out": left_out,
        }
        return Response(ClonedSerializer(payload).data, status=status.HTTP_201_CREATED)
