"""Alerts over HTTP: fired alerts and their state."""

from typing import Any

from django.db.models import Case, CharField, Q, QuerySet, Value, When
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import Alert
from billing.models.alerts import AlertKind
from customers.customer_time import current_time_expression
from lib.api.number_fields import NumberField

STATES = ("open", "recovered", "over")


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """A crossed threshold. `state` is over once its period has ended, unless it recovered before."""

    kind = serializers.CharField(source="alert_rule.kind")
    set_by = serializers.CharField(source="alert_rule.set_by")
    alert_rule = serializers.IntegerField(source="alert_rule_id")
    customer = serializers.CharField(source="customer.external_id")
    subscription = serializers.CharField(source="subscription.external_id", default=None)
    feature = serializers.CharField(source="feature.code", default=None)
    wallet = serializers.IntegerField(source="wallet_id", allow_null=True)
    value = NumberField()
    limit = NumberField(allow_null=True)
    period_start = serializers.DateTimeField(source="since")
    period_end = serializers.DateTimeField(source="ends_at", allow_null=True)
    state = serializers.ChoiceField(choices=STATES)

    class Meta:
        model = Alert
        fields = [
            "id",
            "kind",
            "state",
            "customer",
            "subscription",
            "feature",
            "dimension",
            "dimension_value",
            "wallet",
            "threshold",
            "value",
            "limit",
            "unit",
            "period_start",
            "period_end",
            "fired_at",
            "recovered_at",
            "acknowledged_at",
            "alert_rule",
            "set_by",
        ]
        read_only_fields = fields


class AlertsView(generics.ListAPIView[Alert]):
    """All alerts."""

    serializer_class = AlertSerializer
    required_scopes = {"GET": "read"}
    filters = {
        "customer": "customer__external_id",
        "subscription": "subscription__external_id",
        "kind": "alert_rule__kind",
        "state": "state",
    }
    filter_choices = {"kind": AlertKind.values, "state": STATES}

    def get_queryset(self) -> QuerySet[Alert]:
        """Return the alerts visible to the caller, each with its current state."""
        now = current_time_expression(timezone.now(), "customer") if self.request.user.sandbox else timezone.now()
        state = Case(
            When(recovered_at__isnull=False, then=Value("recovered")),
            When(Q(ends_at__isnull=True) | Q(ends_at__gt=now), then=Value("open")),
            default=Value("over"),
            output_field=CharField(),
        )
        alerts = Alert.objects.filter(customer__sandbox=self.request.user.sandbox).annotate(state=state)
        return alerts.select_related("alert_rule", "customer", "subscription", "feature")

    @extend_schema(operation_id="list_alerts", summary="Alerts, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
