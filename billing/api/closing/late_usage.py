"""GET /api/v1/late-usage: usage that arrived after its period was billed, its amount, and how it is handled."""

from typing import Any

from djmoney.money import Money
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from billing.closing.late_usage.report import LateUsageRow, report_late_usage
from customers.models.sellers import LateUsage as Policy
from lib.api.fields import InstantField
from lib.api.number_fields import AmountField
from lib.api.operations import get
from lib.api.problems import invalid_field
from lib.api.views import ApiView


class LateUsageSerializer(serializers.Serializer[LateUsageRow]):
    """Late usage of one period."""

    customer = serializers.CharField()
    subscription = serializers.CharField()
    start = InstantField(source="starts_at")
    end = InstantField(source="ends_at")
    late_since = InstantField()
    policy = serializers.CharField(help_text="How it is handled: next_invoice, reissue or report_only.")
    amount = AmountField(
        allow_null=True,
        help_text="Beyond the billed amount, before coupons and tax; negative if usage now costs less.",
    )
    problem = serializers.CharField(help_text="Why it can't be priced; empty otherwise.")


class LateTotalSerializer(serializers.Serializer[dict[str, Any]]):
    """The sum of late usage by policy and currency."""

    policy = serializers.CharField()
    amount = AmountField()


class LateReportSerializer(serializers.Serializer[dict[str, Any]]):
    """Late usage, the latest first."""

    data = LateUsageSerializer(many=True)  # type: ignore[assignment]  # the name is the API's
    totals = LateTotalSerializer(many=True, help_text="By policy and currency.")
    complete = serializers.BooleanField(help_text="False if only the latest periods were examined.")


class LateUsageView(ApiView[Any]):
    """Closed periods that received usage later, or that a correction changed."""

    @get(
        "read_late_usage",
        "Late usage and its value",
        parameters=(
            OpenApiParameter("customer", str, description="Limit to the customer with this external ID."),
            OpenApiParameter("policy", str, enum=Policy.values, description="Limit to usage handled by this policy."),
        ),
        response=LateReportSerializer,
    )
    def read(self, request: Request) -> dict[str, Any]:
        policy = request.query_params.get("policy")
        if policy is not None and policy not in Policy.values:
            raise invalid_field("policy", f"“{policy}” is not a policy; choose one of {', '.join(Policy.values)}.")
        customer = request.query_params.get("customer")
        report = report_late_usage(sandbox=self.caller.sandbox, customer=customer, policy=policy)
        totals = [
            {"policy": policy_code, "amount": Money(amount, currency)}
            for (policy_code, currency), amount in sorted(report.totals.items())
        ]
        return {"data": report.rows, "totals": totals, "complete": report.is_all}
