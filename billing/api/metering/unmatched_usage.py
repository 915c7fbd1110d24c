"""GET /api/v1/unmatched-usage: usage that no price covers, with its estimated amount."""

from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from billing.metering.usage.unmatched_value import (
    GroupValue,
    UnmatchedValue,
    estimate_unmatched_value,
    filter_reports,
)
from billing.models import UnmatchedUsage
from lib.api.number_fields import AmountField, NumberField
from lib.api.operations import get
from lib.api.views import ApiView

TEXT_OR_NULL = serializers.CharField(allow_null=True)


class UnmatchedGroupSerializer(serializers.Serializer[GroupValue]):
    """Unmatched usage of one reason, customer, event and meter."""

    reason = serializers.CharField(source="group.reason")
    customer = serializers.CharField(source="group.customer_ref", help_text="As sent; the customer may not exist.")
    event = serializers.CharField(source="group.event_name")
    meter = serializers.SerializerMethodField(help_text="Name of the meter that could not count it.")
    unit = serializers.SerializerMethodField()
    events = serializers.IntegerField()
    quantity = NumberField(allow_null=True, help_text="Null if the events don't contain it.")
    estimate = AmountField(source="amount", allow_null=True, help_text="Cost without allowance; null if unknown.")
    estimated_by = serializers.SerializerMethodField(
        help_text="average_event: based on the average of the customer's other events in the period."
    )

    @extend_schema_field(TEXT_OR_NULL)
    def get_meter(self, value: GroupValue) -> str | None:
        return value.group.meter or None

    @extend_schema_field(TEXT_OR_NULL)
    def get_unit(self, value: GroupValue) -> str | None:
        return value.group.unit or None

    @extend_schema_field(serializers.ChoiceField(["dearest_rate", "average_event"], allow_null=True))
    def get_estimated_by(self, value: GroupValue) -> str | None:
        return None if value.amount is None else "average_event" if value.is_average else "dearest_rate"


@dataclass(frozen=True, slots=True)
class UnmatchedSummary:
    """Usage to resolve, and apart from it usage of features that the customer's plan doesn't sell."""

    outstanding: UnmatchedValue
    not_sold: UnmatchedValue

    @property
    def is_all(self) -> bool:
        return self.outstanding.is_all and self.not_sold.is_all


class UnmatchedSerializer(serializers.Serializer[UnmatchedSummary]):
    """All groups of unmatched usage, the busiest first."""

    data = UnmatchedGroupSerializer(many=True, source="outstanding.stakes")  # type: ignore[assignment]  # the API's name
    not_sold = UnmatchedGroupSerializer(
        many=True, source="not_sold.stakes", help_text="Usage of features that the customer's plan doesn't sell."
    )
    complete = serializers.BooleanField(source="is_all", help_text="False if only the latest reports were read.")


class UnmatchedView(ApiView[Any]):
    """Open reports of unmatched usage, grouped by reason, customer, event and meter."""

    @get(
        "read_unmatched_usage",
        "Read unmatched usage, its reasons and estimated cost",
        parameters=(OpenApiParameter("customer", str, description="Limit to events sent for this external ID."),),
        response=UnmatchedSerializer,
    )
    def read(self, request: Request) -> UnmatchedSummary:
        sandbox, customer = self.caller.sandbox, request.query_params.get("customer")
        return UnmatchedSummary(
            *(
                estimate_unmatched_value(filter_reports(reports, sandbox=sandbox, customer=customer), sandbox=sandbox)
                for reports in (UnmatchedUsage.objects.outstanding(), UnmatchedUsage.objects.not_sold())
            )
        )
