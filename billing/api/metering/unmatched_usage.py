"""GET /api/v1/unmatched-usage: usage that no price covers, with its estimated amount."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.metering.event_schemas import UNMATCHED_ANSWER
from billing.metering.usage.unmatched_value import GroupValue, estimate_unmatched_value
from lib.api.operations import get
from lib.api.views import ApiView
from lib.decimals import to_plain_string


class UnmatchedView(ApiView[Any]):
    """Open reports of unmatched usage, grouped by reason, customer, event and meter."""

    @get(
        "read_unmatched_usage",
        "Usage that nothing priced, with its reason and what it may cost",
        parameters=(OpenApiParameter("customer", str, description="Only what was sent for this external id."),),
        response=UNMATCHED_ANSWER,
    )
    def read(self, request: Request) -> Response:
        customer = request.query_params.get("customer")
        estimate = estimate_unmatched_value(sandbox=self.caller.sandbox, customer=customer)
        return Response({"data": [_group_payload(stake) for stake in estimate.stakes], "complete": estimate.is_all})


def _group_payload(stake: GroupValue) -> dict[str, Any]:
    group = stake.group
    return {
        "reason": group.reason,
        "customer": group.customer_ref,
        "event": group.event_name,
        "meter": group.meter or None,
        "unit": group.unit or None,
        "events": stake.events,
        "quantity": None if stake.quantity is None else to_plain_string(stake.quantity),
        "estimate": None
        if stake.amount is None
        else {"amount": to_plain_string(stake.amount), "currency": stake.currency},
        "estimated_by": None if stake.amount is None else "average_event" if stake.is_average else "dearest_rate",
    }
