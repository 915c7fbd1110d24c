"""Unmatched usage over HTTP: its groups with their estimated amount, its reports, and their dismissal."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from billing.metering.dismissal import dismiss, undo_dismissal
from billing.metering.dismissal.dismissals import MAX_REPORTS
from billing.metering.usage.unmatched_value import (
    GroupValue,
    UnmatchedValue,
    estimate_unmatched_value,
    filter_reports,
)
from billing.models import Dismissal, UnmatchedUsage
from billing.models.unmatched_usage import UnmatchedReason
from lib.api.fields import InstantField, RowSerializer, StrictFields
from lib.api.number_fields import AmountField, NumberField
from lib.api.operations import get, list_rows, post
from lib.api.problems import Problem, invalid_field
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


STATUSES = ("outstanding", "not_sold", "dismissed", "open")


class ReportSerializer(RowSerializer[UnmatchedUsage]):
    """A report of an event, or of one meter's part of it, that no price covers."""

    customer = serializers.CharField(source="customer_ref", help_text="As sent; the customer may not exist.")
    event = serializers.CharField(source="event_name")
    timestamp = InstantField(source="occurred_at")
    meter = serializers.CharField(
        source="meter.code", default=None, allow_null=True, help_text="Null: the event as a whole."
    )
    dismissal = serializers.SerializerMethodField(help_text="The reason of its dismissal; null if it counts.")

    class Meta:
        model = UnmatchedUsage
        fields = ("id", "customer", "event", "timestamp", "meter", "reason", "detail", "dismissal")

    @extend_schema_field(TEXT_OR_NULL)
    def get_dismissal(self, report: Any) -> str | None:
        for dismissal in report.current_dismissals:
            return str(dismissal.reason)
        return report.ignore_rule.reason if report.ignore_rule else None


class ReportIdsSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """Reports by their ids."""

    reports = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), min_length=1, max_length=MAX_REPORTS
    )


class DismissalSerializer(ReportIdsSerializer):
    """Reports to dismiss, and why."""

    reason = serializers.CharField(max_length=500)


class CountSerializer(serializers.Serializer[dict[str, int]]):
    """The number of reports that changed."""

    changed = serializers.IntegerField(help_text="Resolved reports, and those in that state already, are left out.")


class Reports(ApiView[UnmatchedUsage]):
    """Open reports of unmatched usage, one by one."""

    queryset = (
        UnmatchedUsage.objects.open()
        .select_related("meter", "ignore_rule")
        .prefetch_related(Prefetch("dismissals", Dismissal.objects.current(), to_attr="current_dismissals"))
    )
    serializer_class = ReportSerializer
    sandbox_path = "sandbox"

    def get_queryset(self) -> QuerySet[UnmatchedUsage]:
        """Return the reports of the requested status."""
        reports = super().get_queryset()
        status = self.request.query_params.get("status", "outstanding")
        if status not in STATUSES:
            raise invalid_field("status", f"Choose one of {', '.join(STATUSES)}.")
        of_status: QuerySet[UnmatchedUsage] = getattr(reports, status)()
        return of_status

    list_all = list_rows(
        "list_unmatched_usage",
        "List reports of unmatched usage, newest first",
        "Open reports. `outstanding` ones are to be resolved; usage that the customer's plan does not sell, and"
        " dismissed or ignored reports, have a status of their own; `open` is all of them.",
        parameters=(OpenApiParameter("status", str, enum=STATUSES, description="Default: outstanding."),),
        filters={"customer": "customer_ref", "event": "event_name", "reason": "reason"},
        filter_choices={"reason": UnmatchedReason.values},
    )

    @post(
        "dismiss_unmatched_usage",
        "Dismiss reports of unmatched usage",
        "They count no more, and stay open: once a price covers the usage, reprocessing bills it.",
        request=DismissalSerializer,
        response=CountSerializer,
        problems=("not-found",),
        examples={"Test traffic": {"reports": [17, 18], "reason": "Load test of the integration"}},
    )
    def dismiss(self, request: Request) -> dict[str, int]:
        fields = self.read_body()
        changed = dismiss(
            report_ids=self._visible(fields["reports"]),
            reason=fields["reason"],
            at=timezone.now(),
            api_key_id=self.caller.key_id,
        )
        return {"changed": changed}

    @post(
        "undo_dismissal_of_unmatched_usage",
        "Let dismissed reports count again",
        "Reports that a rule ignores are left out; staff remove the rule instead.",
        request=ReportIdsSerializer,
        response=CountSerializer,
        problems=("not-found",),
        examples={"Two reports": {"reports": [17, 18]}},
    )
    def undo_dismissal(self, request: Request) -> dict[str, int]:
        visible = self._visible(self.read_body()["reports"])
        return {"changed": undo_dismissal(report_ids=visible, at=timezone.now(), api_key_id=self.caller.key_id)}

    def _visible(self, ids: list[int]) -> list[int]:
        """
        Return the ids.

        :raises Problem: if the caller sees no such report.
        """
        reports = UnmatchedUsage.objects.filter(pk__in=ids, sandbox=self.caller.sandbox)
        if unknown := set(ids) - set(reports.values_list("pk", flat=True)):
            raise Problem("not-found", f"There is no report {min(unknown)}.")
        return ids
