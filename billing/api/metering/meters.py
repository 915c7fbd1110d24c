"""POST /api/v1/meters/{code}/try: the readings that a meter takes from an event."""

from decimal import Decimal
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request

from billing.api.metering.event_schemas import ONE_EVENT
from billing.metering.ingest.meter_dry_run import CheckStep, NotAnEvent, try_meter
from lib.api.operations import post
from lib.api.problems import invalid_field
from lib.api.views import ApiView
from lib.decimals import to_plain_string
from plans.models import Meter


class CheckStepSerializer(serializers.Serializer[CheckStep]):
    """One check of an event by a meter."""

    step = serializers.CharField(source="name", help_text="Event, Filter, Exclude, Value or Cost.")
    holds = serializers.BooleanField(source="passed")
    detail = serializers.CharField(source="explanation")


class ReadingSerializer(serializers.Serializer[dict[str, Any]]):
    """A value that a meter reads from an event."""

    value = serializers.CharField(help_text="Exact, as text.")
    dimension_value = serializers.CharField(allow_null=True)


class DryRunSerializer(serializers.Serializer[dict[str, Any]]):
    """The steps of a meter's matching for an event, and the values that it would count."""

    counted = serializers.BooleanField()
    steps = CheckStepSerializer(many=True)
    values = ReadingSerializer(many=True)
    dimensions = serializers.DictField(child=serializers.CharField())


class TryMeterView(ApiView[Any]):
    """Answer each step of a meter's matching for an event; nothing is stored."""

    @post("try_meter", "Test a meter on an event", scope="read", request=ONE_EVENT, response=DryRunSerializer)
    def try_event(self, request: Request, meter: str) -> dict[str, Any]:
        stored_meter = get_object_or_404(Meter, code=meter)
        try:
            dry_run = try_meter(
                stored_meter, readings=stored_meter.readings.all(), event=request._request.body, at=timezone.now()
            )
        except NotAnEvent as error:
            raise invalid_field("event", str(error)) from error
        readings = [
            (dimension, value if isinstance(value, str) else to_plain_string(Decimal(value)))
            for dimension, value in dry_run.values
        ]
        return {
            "counted": dry_run.is_counted,
            "steps": dry_run.steps,
            "values": [{"value": value, "dimension_value": dimension} for dimension, value in readings],
            "dimensions": dry_run.dimensions,
        }
