"""Alert rules over HTTP: those of finance, and those that customers set themselves."""

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request

from billing.limits.alerts.rule_settings import AlertRuleRefused, AlertScope, remove_alert_rule, set_alert_rule
from billing.models import AlertRule, Subscription
from billing.models.alerts import AMOUNT_KINDS, MAX_LEVEL, WALLET_KINDS, AlertKind
from billing.models.price_overrides import CapSetter
from customers.api.views import customer_named
from lib.api.field_rules import FieldRule, all_or_none, given, needs, only_if
from lib.api.fields import RowSerializer, StrictFields
from lib.api.number_fields import NumberField
from lib.api.operations import delete, list_rows, post, read_row
from lib.api.problems import invalid_field
from lib.api.views import ApiView
from lib.field_types import MAX_MONEY
from plans.models import Feature

EXAMPLE = {"customer": "acme", "kind": "spend", "amount": "50.00", "dimension": "api_key", "dimension_value": "ci"}


class AlertRuleSerializer(RowSerializer[AlertRule]):
    """An alert rule: its kind, its scope and its levels."""

    customer = serializers.CharField(
        source="customer.external_id", default=None, allow_null=True, help_text="Null: all customers."
    )
    subscription = serializers.CharField(source="subscription.external_id", default=None, allow_null=True)
    feature = serializers.CharField(
        source="feature.code", default=None, allow_null=True, help_text="Null: all features."
    )
    amount = NumberField(allow_null=True)

    class Meta:
        model = AlertRule
        fields = [
            *("id", "kind", "customer", "subscription", "feature", "dimension", "dimension_value", "levels"),
            *("amount", "currency", "is_on", "set_by", "created_at"),
        ]


class NewAlertRuleSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """An alert rule that a customer sets."""

    customer = serializers.CharField(max_length=200, help_text="The customer's external ID.")
    kind = serializers.ChoiceField(choices=AlertKind.choices)
    subscription = serializers.CharField(max_length=200, required=False, help_text="Limit to this subscription.")
    feature = serializers.CharField(max_length=64, required=False, help_text="A feature's code; default: all.")
    dimension = serializers.CharField(
        max_length=100, required=False, help_text="With `spend`: a budget for one value of this dimension."
    )
    dimension_value = serializers.CharField(max_length=200, required=False)
    levels = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_LEVEL),
        max_length=10,
        required=False,
        help_text="Percentages of the limit; multiples of normal usage for unusual usage; days before for expiring"
        " credits.",
    )
    amount = NumberField(
        most=MAX_MONEY, required=False, help_text="The limit for `spend` and `projected`; see docs/alerts.md."
    )

    rules = (
        FieldRule(
            all_or_none("dimension", "dimension_value"),
            "dimension_value",
            "Send a dimension and its value, or neither.",
        ),
        FieldRule(
            only_if(given("kind", AlertKind.SPEND), "dimension"), "dimension", "Only `spend` covers a dimension."
        ),
        FieldRule(
            only_if({"not": given("kind", *WALLET_KINDS)}, "subscription", "feature"),
            "feature",
            "A rule for wallets has no subscription or feature.",
        ),
        FieldRule(needs(given("kind", *AMOUNT_KINDS), "amount"), "amount", "This kind of rule needs an amount."),
        FieldRule(
            only_if(given("kind", *AMOUNT_KINDS, AlertKind.ANOMALY, AlertKind.LOW_BALANCE), "amount"),
            "amount",
            "This kind of rule uses an existing limit; leave the amount out.",
        ),
    )


class AlertRules(ApiView[AlertRule]):
    """Alert rules of the customers that the caller sees, and those for all customers."""

    queryset = AlertRule.objects.filter(removed_at__isnull=True).select_related("customer", "subscription", "feature")
    serializer_class = AlertRuleSerializer
    lookup_url_kwarg = "number"

    def get_queryset(self) -> QuerySet[AlertRule]:
        """Return the rules that are not removed."""
        visible = Q(customer__sandbox=self.caller.sandbox) | Q(customer__isnull=True)
        return super().get_queryset().filter(visible)

    list_all = list_rows(
        "list_alert_rules",
        "List alert rules, newest first",
        "All alert rules.",
        filters={"customer": "customer__external_id", "kind": "kind", "set_by": "set_by"},
        filter_choices={"kind": AlertKind.values, "set_by": CapSetter.values},
    )

    @post(
        "set_alert_rule",
        "Set a customer's own alert rule",
        "Applies in addition to finance's rules, whose amounts it may not exceed, and replaces the customer's"
        " earlier rule with the same scope.",
        request=NewAlertRuleSerializer,
        status=201,
        refusals={AlertRuleRefused: ("invalid-fields", "refused")},
        examples={"A budget for one API key": EXAMPLE},
    )
    def create(self, request: Request) -> AlertRule:
        fields = self.read_body()
        return set_alert_rule(
            kind=fields["kind"],
            scope=self._scope(fields),
            levels=fields.get("levels", ()),
            amount=fields.get("amount"),
            set_by=CapSetter.CUSTOMER,
            at=timezone.now(),
        )

    def _scope(self, fields: dict[str, Any]) -> AlertScope:
        """
        Return the scope of the rule.

        :raises Problem: if a name in it is unknown to the caller.
        """
        customer = customer_named(fields["customer"], sandbox=self.caller.sandbox)
        subscription = feature = None
        if name := fields.get("subscription"):
            subscription = Subscription.objects.filter(external_id=name, customer=customer).first()
            if subscription is None:
                raise invalid_field("subscription", f"{customer} has no subscription “{name}”.", "unknown")
        if code := fields.get("feature"):
            feature = Feature.objects.filter(code=code).first()
            if feature is None:
                raise invalid_field("feature", f"There is no feature “{code}”.", "unknown")
        return AlertScope(
            customer=None if subscription else customer,
            subscription=subscription,
            feature=feature,
            dimension=fields.get("dimension", ""),
            value=fields.get("dimension_value", ""),
        )

    read = read_row("get_alert_rule", "Read an alert rule", "One alert rule.")

    @delete(
        "remove_alert_rule",
        "Remove a customer's own alert rule",
        "Past alerts are kept. Rules set by finance can't be removed through the API.",
    )
    def remove(self, request: Request, number: int) -> None:
        rule = self.get_object()
        if rule.set_by != CapSetter.CUSTOMER:
            detail = "This rule was set by finance; only finance can remove it or switch it off."
            raise invalid_field("set_by", detail, "refused")
        remove_alert_rule(alert_rule=rule, at=timezone.now())
