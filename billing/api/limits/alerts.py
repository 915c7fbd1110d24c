"""Alerts over HTTP: fired alerts and their state."""

from django.db.models import Case, CharField, Q, QuerySet, Value, When
from django.utils import timezone
from rest_framework import serializers

from billing.models import Alert
from billing.models.alerts import AlertKind
from customers.customer_time import current_time_expression
from lib.api.fields import RowSerializer
from lib.api.number_fields import NumberField
from lib.api.operations import list_rows
from lib.api.views import ApiView

STATES = ("open", "recovered", "over")


class AlertSerializer(RowSerializer[Alert]):
    """A crossed threshold. `state` is over once its period has ended, unless it recovered before."""

    kind = serializers.CharField(source="alert_rule.kind")
    set_by = serializers.CharField(source="alert_rule.set_by")
    alert_rule = serializers.IntegerField(source="alert_rule_id")
    customer = serializers.CharField(source="customer.external_id")
    subscription = serializers.CharField(source="subscription.external_id", default=None, allow_null=True)
    feature = serializers.CharField(source="feature.code", default=None, allow_null=True)
    wallet = serializers.IntegerField(source="wallet_id", allow_null=True)
    value = NumberField()
    limit = NumberField(allow_null=True)
    period_start = serializers.DateTimeField(source="since")
    period_end = serializers.DateTimeField(source="ends_at", allow_null=True)
    state = serializers.ChoiceField(choices=STATES)

    class Meta:
        model = Alert
        fields = [
            *("id", "kind", "state", "customer", "subscription", "feature", "dimension", "dimension_value", "wallet"),
            *("threshold", "value", "limit", "unit", "period_start", "period_end", "fired_at", "recovered_at"),
            *("acknowledged_at", "alert_rule", "set_by"),
        ]


class AlertsView(ApiView[Alert]):
    """All alerts."""

    queryset = Alert.objects.select_related("alert_rule", "customer", "subscription", "feature")
    sandbox_path = "customer__sandbox"
    serializer_class = AlertSerializer

    list_all = list_rows(
        "list_alerts",
        "List alerts, newest first",
        filters={
            "customer": "customer__external_id",
            "subscription": "subscription__external_id",
            "kind": "alert_rule__kind",
            "state": "state",
        },
        filter_choices={"kind": AlertKind.values, "state": STATES},
    )

    def get_queryset(self) -> QuerySet[Alert]:
        """Return the alerts visible to the caller, each with its current state."""
        now = current_time_expression(timezone.now(), "customer") if self.caller.sandbox else timezone.now()
        state = Case(
            When(recovered_at__isnull=False, then=Value("recovered")),
            When(Q(ends_at__isnull=True) | Q(ends_at__gt=now), then=Value("open")),
            default=Value("over"),
            output_field=CharField(),
        )
        alerts: QuerySet[Alert] = super().get_queryset().annotate(state=state)
        return alerts
