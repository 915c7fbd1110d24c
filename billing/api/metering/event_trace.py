"""GET /api/v1/events/trace: what became of an event."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.metering.ingest.parser import INVALID_CHARACTER, event_key
from billing.metering.usage.event_trace import EventTrace, RateContribution, trace_event
from billing.models import Correction
from lib.api.errors import NotFoundError
from lib.decimals import to_plain_string


class TraceView(APIView):
    """Which meters an event matched and why others did not, what it gave at which rate, and the line it ended on."""

    required_scopes = {"GET": "read"}

    @extend_schema(
        operation_id="trace_event",
        summary="Trace an event to the meters, rates and invoice lines it ended on",
        parameters=[
            OpenApiParameter("id", str, required=True, description="The id that the event was sent with."),
            OpenApiParameter("source", str, description="Its source, if it was sent with one."),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        id_, source = request.query_params.get("id", ""), request.query_params.get("source", "")
        if not id_ or "\0" in id_ + source:
            raise ValidationError({"id": [INVALID_CHARACTER if id_ else "Name the event by its id."]})
        traced = trace_event(event_key(id_, source=source, sandbox=request.user.sandbox))
        if traced is None:
            raise NotFoundError(f"No event with the id “{id_}” is stored.")
        return Response(_document(traced))


def _document(traced: EventTrace) -> dict[str, Any]:
    row = traced.row
    return {
        "id": row.sender_id,
        "source": row.source,
        "event": row.name,
        "customer": row.customer_ref,
        "timestamp": row.occurred_at,
        "received_at": row.received_at,
        "number": row.sequence,
        "why_not": traced.why_not or None,
        "correction": _correction(traced.correction),
        "replaces": _correction(traced.replaces),
        "unmatched": [
            {
                "meter": one.meter and one.meter.code,
                "reason": one.reason,
                "detail": one.detail,
                "resolved_at": one.resolved_at,
            }
            for one in traced.unmatched
        ],
        "meters": [
            {"meter": meter.code, "why_not": meter.why_not or None, "counted": [_counted(part) for part in meter.counted]}
            for meter in traced.meters
        ],
    }


def _counted(part: RateContribution) -> dict[str, Any]:
    return {
        "feature": part.feature,
        "rate": part.rate,
        "subscription": part.subscription,
        "period": {"start": part.starts_at, "end": part.ends_at},
        "quantity": to_plain_string(part.quantity),
        "number": part.number,
        "tiers": part.tiers,
        "tiers_are": "of the event, in the order of time" if part.is_ordered else "of the period's total",
        "lines": [asdict(line) for line in part.lines],
        "waits": part.waits or None,
    }


def _correction(one: Correction | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"kind": one.kind, "reason": one.reason, "by": one.who, "at": one.corrected_at, "number": one.sequence}
