"""GET /api/v1/late-usage: what came after its period was billed, what it comes to, and what becomes of it."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.api.metering.event_schemas import LATE_ANSWER
from billing.closing.late_usage.report import LateUsageRow, report_late_usage
from customers.models.sellers import LateUsage as Policy
from lib.decimals import to_plain_string


class LateUsageView(APIView):
    """Closed periods that usage has come to since, or that a correction has changed."""

    required_scopes = {"GET": "read"}

    @extend_schema(
        operation_id="read_late_usage",
        summary="Usage that came after its period was billed, and what it comes to",
        parameters=[
            OpenApiParameter("customer", str, description="Only of this external id."),
            OpenApiParameter("policy", str, enum=Policy.values, description="Only what becomes this."),
        ],
        responses=LATE_ANSWER,
    )
    def get(self, request: Request) -> Response:
        policy = request.query_params.get("policy")
        if policy is not None and policy not in Policy.values:
            raise ValidationError({"policy": [f"“{policy}” is none: choose {', '.join(Policy.values)}."]})
        customer = request.query_params.get("customer")
        report = report_late_usage(sandbox=request.user.sandbox, customer=customer, policy=policy)
        totals = [
            {"policy": of, "amount": {"amount": to_plain_string(amount), "currency": currency}}
            for (of, currency), amount in sorted(report.totals.items())
        ]
        return Response(
            {"data": [_document(one) for one in report.rows], "totals": totals, "complete": report.is_all}
        )


def _document(one: LateUsageRow) -> dict[str, Any]:
    return {
        "customer": one.customer,
        "subscription": one.subscription,
        "start": one.starts_at,
        "end": one.ends_at,
        "late_since": one.late_since,
        "policy": one.policy,
        "amount": None if one.amount is None else {"amount": to_plain_string(one.amount), "currency": one.currency},
        "problem": one.problem,
    }
