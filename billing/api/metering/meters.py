"""POST /api/v1/meters/{code}/try: what does a meter make of an event?"""

from decimal import Decimal

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.api.metering.event_schemas import ONE_EVENT, TRIED_ANSWER
from billing.metering.ingest.meter_dry_run import NotAnEvent, try_meter
from lib.decimals import to_plain_string
from plans.models import Meter


class TryMeterView(APIView):
    """Answer each question that a meter asks of an event; nothing is stored."""

    required_scopes = {"POST": "read"}
    problems = {"POST": ["not-found"]}

    @extend_schema(
        operation_id="try_meter",
        summary="What does a meter make of an event?",
        request=ONE_EVENT,
        responses=TRIED_ANSWER,
    )
    def post(self, request: Request, meter: str) -> Response:
        found = get_object_or_404(Meter, code=meter)
        try:
            tried = try_meter(found, readings=found.readings.all(), event=request._request.body, at=timezone.now())
        except NotAnEvent as error:
            raise ValidationError({"event": [str(error)]}) from error
        return Response(
            {
                "counted": tried.is_counted,
                "steps": [{"step": one.name, "holds": one.passed, "detail": one.explanation} for one in tried.steps],
                "values": [
                    {
                        "value": value if isinstance(value, str) else to_plain_string(Decimal(value)),
                        "dimension_value": dimension,
                    }
                    for dimension, value in tried.values
                ],
                "dimensions": dict(tried.dimensions),
            }
        )
