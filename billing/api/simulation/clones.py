"""POST /api/v1/customers/{customer}/clone: clone a live customer into the sandbox."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request

from billing.api.simulation.test_clocks import wake
from billing.simulation.sandbox import start_advance
from billing.simulation.sandbox.clones import MAX_PERIODS, CannotClone, clone
from customers.api.views import Customers
from lib.api.fields import InstantField, StrictFields
from lib.api.operations import post


class CloneSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The number of past periods to clone."""

    periods = serializers.IntegerField(
        min_value=1, max_value=MAX_PERIODS, default=12, help_text="Periods before the current one."
    )
    advance = serializers.BooleanField(
        default=False,
        help_text="Whether its clock starts advancing to the present at once; otherwise it stays at the start.",
    )


class ClonedSerializer(serializers.Serializer[dict[str, Any]]):
    """The clone and its test clock."""

    customer = serializers.CharField(help_text="External ID of the sandbox customer; read it with a test key.")
    test_clock = serializers.IntegerField()
    now = InstantField(help_text="Current time of its clock.")
    until = InstantField(help_text="End of the usage to replay.")
    left_out = serializers.ListField(
        child=serializers.CharField(), help_text="Parts that could not be copied, with reasons."
    )


class CloneView(Customers):
    """The cloning of a customer."""

    @post(
        "clone_customer",
        "Clone a live customer into the sandbox",
        "Requires a live key. Copies the customer's details, active subscriptions and wallets to a sandbox"
        " customer with its own test clock, set to the start of the requested periods; as the clock advances,"
        " the customer's usage is replayed.",
        request=CloneSerializer,
        response=ClonedSerializer,
        status=201,
        refusals={CannotClone: "unprocessable"},
        examples={"Replay a year": {"periods": 12, "advance": True}},
    )
    def clone(self, request: Request, customer: str) -> dict[str, Any]:
        fields, at = self.read_body(), timezone.now()
        created, left_out = clone(source=self.get_object(), periods=fields["periods"], at=at, by=None)
        clock = created.customer.test_clock
        assert clock is not None  # noqa: S101  a clone has a clock of its own
        if fields["advance"]:
            start_advance(clock_id=clock.pk, to=created.until, by=None, at=at)
            transaction.on_commit(wake)
        return {
            "customer": created.customer.external_id,
            "test_clock": clock.pk,
            "now": clock.now,
            "until": created.until,
            "left_out": left_out,
        }
