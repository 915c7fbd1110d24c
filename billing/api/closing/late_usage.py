"""GET /api/v1/late-usage: usage that arrived after its period was billed, its amount, and how it is handled."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.metering.event_schemas import LATE_ANSWER
from billing.closing.late_usage.report import LateUsageRow, report_late_usage
from customers.models.sellers import LateUsage as Policy
from lib.api.operations import get
from lib.api.problems import invalid_field
from lib.api.views import ApiView
from lib.decimals import to_plain_string


class LateUsageView(ApiView[Any]):
    """Closed periods that received usage later, or that a correction changed."""

    @get(
        "read_late_usage",
        "Usage that came after its period was billed, and what it comes to",
        parameters=(
            OpenApiParameter("customer", str, description="Only of this external id."),
            OpenApiParameter("policy", str, enum=Policy.values, description="Only what becomes this."),
        ),
        response=LATE_ANSWER,
    )
    def read(self, request: Request) -> Response:
        policy = request.query_params.get("policy")
        if policy is not None and policy not in Policy.values:
            raise invalid_field("policy", f"“{policy}” is none: choose {', '.join(Policy.values)}.")
        customer = request.query_params.get("customer")
        report = report_late_usage(sandbox=self.caller.sandbox, customer=customer, policy=policy)
        totals = [
            {"policy": policy_code, "amount": {"amount": to_plain_string(amount), "currency": currency}}
            for (policy_code, currency), amount in sorted(report.totals.items())
        ]
        return Response(
            {"data": [_row_payload(row) for row in report.rows], "totals": totals, "complete": report.is_all}
        )


def _row_payload(row: LateUsageRow) -> dict[str, Any]:
    return {
        "customer": row.customer,
        "subscription": row.subscription,
        "start": row.starts_at,
        "end": row.ends_at,
        "late_since": row.late_since,
        "policy": row.policy,
        "amount": None if row.amount is None else {"amount": to_plain_string(row.amount), "currency": row.currency},
        "problem": row.problem,
    }
