"""Alert rules: general ones and those of a seller, customer or subscription."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from billing.limits.alerts.rule_settings import (
    DEFAULT_LEVELS,
    AlertRuleRefused,
    AlertScope,
    check_alert_rule,
    remove_alert_rule,
    set_alert_rule,
)
from billing.models import AlertRule
from billing.models.alerts import AMOUNT_KINDS, AlertKind
from lib.admin import ConfirmedAction, Preview, Response, StaffAdmin, list_url, staff_user
from lib.admin.columns import column
from lib.formats import format_money, format_number
from lib.row_form import RowForm

SCOPE_FIELDS = ("seller", "customer", "subscription", "feature", "dimension", "dimension_value")

UNITS = {AlertKind.ANOMALY: "× the usual", AlertKind.EXPIRING: "days before"}
"""Units of levels that are not percentages."""


class AlertRuleForm(RowForm[AlertRule]):
    levels = SimpleArrayField(
        forms.IntegerField(min_value=1, max_value=1000),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Percentages of the limit, such as 50, 75, 90, 100; of unusual use, multiples of the usual; of"
        " credits that expire, days before. Empty: as usual for the kind.",
    )

    class Meta:
        model = AlertRule
        fields = ["kind", *SCOPE_FIELDS, "levels", "amount", "is_on"]
        help_texts = {
            "kind": "What is watched.",
            "seller": "All customers of this seller; leave all three empty for everybody.",
            "customer": "One customer.",
            "subscription": "One subscription.",
            "feature": "One feature alone; all of them where empty.",
            "dimension": "With “spend against an amount”: a dimension of the meter, such as api_key.",
            "dimension_value": "The value that this is a budget of, such as one key.",
            "amount": "The limit of spend and forecasts, in the customer's currency; of a wallet, in its unit, in"
            " place of what was bought last; of unusual use, the least that a day must cost.",
            "is_on": "Off: more general rules for the same are silent, too.",
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.errors:
            return cleaned
        try:
            check_alert_rule(**self.arguments())
        except AlertRuleRefused as refusal:
            self.add_error(refusal.field if refusal.field in self.fields else None, str(refusal))
        return cleaned

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `set_alert_rule`."""
        fields = {name: self.cleaned_data.get(name, getattr(self.instance, name)) for name in ("kind", *SCOPE_FIELDS)}
        scope = AlertScope(
            seller=fields["seller"],
            customer=None if fields["subscription"] else fields["customer"],
            subscription=fields["subscription"],
            feature=fields["feature"],
            dimension=fields["dimension"],
            value=fields["dimension_value"],
        )
        return {
            "kind": fields["kind"],
            "scope": scope,
            "levels": self.cleaned_data.get("levels") or DEFAULT_LEVELS[fields["kind"]],
            "amount": self.cleaned_data.get("amount"),
            "is_on": self.cleaned_data["is_on"],
            "set_by": self.instance.set_by,
        }


def scope_text(rule: AlertRule) -> str:
    """Return the customers that a rule covers, in words."""
    if rule.subscription_id:
        return f"{rule.customer}, {rule.subscription}"
    return str(rule.customer or (f"customers of {rule.seller}" if rule.seller_id else "everybody"))


def usage_text(rule: AlertRule) -> str:
    """Return the usage that a rule watches, in words."""
    feature = str(rule.feature) if rule.feature_id else "all"
    return f"{feature}, {rule.dimension} {rule.dimension_value}" if rule.dimension else feature


def levels(rule: AlertRule) -> str:
    """Return the levels at which a rule fires, in words."""
    return f"{', '.join(map(str, rule.levels))} {UNITS.get(AlertKind(rule.kind), '%')}"


class RemoveAlertRule(ConfirmedAction[AlertRule]):
    """Remove the rule; a more general one applies again, if there is one."""

    label, icon, verb = "Remove", "delete", "Remove it"
    permission = "billing.change_alertrule"
    danger = True

    def preview(self, rule: AlertRule) -> Preview:
        return Preview(
            title=f"Remove “{rule}” of {scope_text(rule)}",
            consequences=[
                "What it told stays; its open alerts recover without a message.",
                "A more general rule for the same holds again, if there is one. To silence that, switch this one off"
                " instead.",
            ],
        )

    def run(self, rule: AlertRule) -> Response:
        remove_alert_rule(alert_rule=rule, by=self.user, at=timezone.now())
        return self.done(f"“{rule}” of {scope_text(rule)} is removed.", to=list_url(AlertRule))


@admin.register(AlertRule)
class AlertRuleAdmin(StaffAdmin):
    allows = ("add", "change")  # a rule is removed by an action, which keeps its alerts
    form = AlertRuleForm
    list_display = ("kind_shown", "scope_shown", "feature_shown", "levels_shown", "amount_shown", "is_on", "set_by")
    list_filter = ("kind", "is_on", "set_by")
    list_select_related = ("seller", "customer", "subscription", "feature")
    search_fields = ("customer__external_id", "customer__legal_name", "subscription__external_id")
    search_help_text = "A customer's name or id, or a subscription's id"
    fixed_fields = ("kind", *SCOPE_FIELDS)
    fieldsets = (
        (None, {"fields": ("kind",)}),
        ("Whose", {"fields": ("seller", "customer", "subscription")}),
        ("Of what", {"fields": ("feature", ("dimension", "dimension_value"))}),
        ("When it is told", {"fields": ("levels", "amount", "is_on")}),
    )
    autocomplete_fields = ("seller", "customer", "subscription", "feature")
    actions_detail = ("remove",)

    remove = RemoveAlertRule.as_action()

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertRule]:
        return super().get_queryset(request).filter(removed_at__isnull=True)

    def save_model(self, request: HttpRequest, obj: AlertRule, form: AlertRuleForm, change: bool) -> None:
        rule = set_alert_rule(**form.arguments(), by=staff_user(request), at=timezone.now())
        obj.pk = rule.pk

    kind_shown = column("Watches", lambda rule: rule.get_kind_display(), ordering="kind")
    scope_shown = column("Whose", scope_text)
    feature_shown = column("Of", usage_text)
    levels_shown = column("Told at", levels)

    @display(description="Amount")
    def amount_shown(self, rule: AlertRule) -> str:
        if rule.amount is None:
            return ""
        return format_money(rule.amount, rule.currency) if rule.kind in AMOUNT_KINDS else format_number(rule.amount)
