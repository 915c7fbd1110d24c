"""POST /api/v1/meters/{code}/try: the readings that a meter takes from an event."""

from decimal import Decimal
from typing import Any

from django.utils import timezone
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.metering.event_schemas import ONE_EVENT, TRIED_ANSWER
from billing.metering.ingest.meter_dry_run import NotAnEvent, try_meter
from lib.api.operations import post
from lib.api.problems import invalid_field
from lib.api.views import ApiView
from lib.decimals import to_plain_string
from plans.models import Meter


class TryMeterView(ApiView[Any]):
    """Answer each step of a meter's matching for an event; nothing is stored."""

    @post("try_meter", "What does a meter make of an event?", scope="read", request=ONE_EVENT, response=TRIED_ANSWER)
    def try_event(self, request: Request, meter: str) -> Response:
        stored_meter = get_object_or_404(Meter, code=meter)
        try:
            dry_run = try_meter(
                stored_meter, readings=stored_meter.readings.all(), event=request._request.body, at=timezone.now()
            )
        except NotAnEvent as error:
            raise invalid_field("event", str(error)) from error
        return Response(
            {
                "counted": dry_run.is_counted,
                "steps": [
                    {"step": step.name, "holds": step.passed, "detail": step.explanation} for step in dry_run.steps
                ],
                "values": [
                    {
                        "value": value if isinstance(value, str) else to_plain_string(Decimal(value)),
                        "dimension_value": dimension,
                    }
                    for dimension, value in dry_run.values
                ],
                "dimensions": dict(dry_run.dimensions),
            }
        )
