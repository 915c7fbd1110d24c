"""GET /api/v1/unmatched-usage: what was sent and nothing priced, with the money at stake where it can be known."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.api.metering.event_schemas import UNMATCHED_ANSWER
from billing.metering.usage.unmatched_value import GroupValue, estimate_unmatched_value
from lib.decimals import to_plain_string


class UnmatchedView(APIView):
    """Open reports of unmatched usage, in groups by reason, customer, event and meter."""

    required_scopes = {"GET": "read"}

    @extend_schema(
        operation_id="read_unmatched_usage",
        summary="Usage that nothing priced, with its reason and what it may cost",
        parameters=[OpenApiParameter("customer", str, description="Only what was sent for this external id.")],
        responses=UNMATCHED_ANSWER,
    )
    def get(self, request: Request) -> Response:
        customer = request.query_params.get("customer")
        found = estimate_unmatched_value(sandbox=request.user.sandbox, customer=customer)
        return Response({"data": [_document(one) for one in found.stakes], "complete": found.is_all})


def _document(one: GroupValue) -> dict[str, Any]:
    group = one.group
    return {
        "reason": group.reason,
        "customer": group.customer_ref,
        "event": group.event_name,
        "meter": group.meter or None,
        "unit": group.unit or None,
        "events": one.events,
        "quantity": None if one.quantity is None else to_plain_string(one.quantity),
        "estimate": None if one.amount is None else {"amount": to_plain_string(one.amount), "currency": one.currency},
        "estimated_by": None if one.amount is None else "average_event" if one.is_average else "dearest_rate",
    }
