"""Alert rules: general ones and those of a seller, customer or subscription."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
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
from lib.admin.columns import column, display
from lib.formats import format_money, format_number
from lib.row_form import RowForm
from lib.translation import Text

SCOPE_FIELDS = ("seller", "customer", "subscription", "feature", "dimension", "dimension_value")

LEVELS: dict[AlertKind, Text] = {
    AlertKind.ANOMALY: _("%(levels)s × the usual"),
    AlertKind.EXPIRING: _("%(levels)s days before"),
}
"""Levels that are not percentages."""


class AlertRuleForm(RowForm[AlertRule]):
    levels = SimpleArrayField(
        forms.IntegerField(min_value=1, max_value=1000),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        label=_("Thresholds"),
        help_text=_(
            "Percentages of the limit, such as 50, 75, 90, 100. Unusual usage: multiples of the usual. Expiring"
            " credits: days before. Leave empty for the default."
        ),
    )

    class Meta:
        model = AlertRule
        fields = ["kind", *SCOPE_FIELDS, "levels", "amount", "is_on"]
        help_texts = {
            "kind": "",
            "seller": _("All customers of this seller. Leave seller, customer, and subscription empty for everyone."),
            "customer": "",
            "subscription": "",
            "feature": _("Leave empty for all features."),
            "dimension": _("For “spend against an amount”: a dimension of the meter, such as api_key."),
            "dimension_value": _("The value that the budget is for, such as one API key."),
            "amount": _(
                "Spend and forecasts: the limit, in the customer's currency. Wallets: the full balance, in its unit;"
                " by default the last purchase. Unusual usage: the minimum cost of a day."
            ),
            "is_on": _("If off, more general rules for the same usage don't alert either."),
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
    """Return the customers that a rule covers, as text."""
    if rule.subscription_id:
        return f"{rule.customer}, {rule.subscription}"
    if rule.customer:
        return str(rule.customer)
    return gettext("Customers of %(seller)s") % {"seller": rule.seller} if rule.seller_id else gettext("Everyone")


def usage_text(rule: AlertRule) -> str:
    """Return the usage that a rule watches, as text."""
    feature = str(rule.feature) if rule.feature_id else gettext("All")
    return f"{feature}, {rule.dimension} {rule.dimension_value}" if rule.dimension else feature


def levels(rule: AlertRule) -> str:
    """Return the levels at which a rule fires, as text."""
    return format_levels(AlertKind(rule.kind), ", ".join(map(str, rule.levels)))


def format_levels(kind: AlertKind, levels: str) -> str:
    return str(LEVELS[kind]) % {"levels": levels} if kind in LEVELS else f"{levels}%"


class RemoveAlertRule(ConfirmedAction[AlertRule]):
    """Remove the rule; a more general one applies again, if there is one."""

    label, icon, verb = _("Remove"), "delete", _("Remove rule")
    permission = "billing.change_alertrule"
    danger = True

    def preview(self, rule: AlertRule) -> Preview:
        return Preview(
            title=gettext("Remove “%(rule)s” (%(scope)s)") % {"rule": rule, "scope": scope_text(rule)},
            consequences=[
                gettext("Past alerts stay. Open alerts recover without a message."),
                gettext("A more general rule applies again, if there is one. To silence it too, turn this rule off."),
            ],
        )

    def run(self, rule: AlertRule) -> Response:
        remove_alert_rule(alert_rule=rule, by=self.user, at=timezone.now())
        text = gettext("“%(rule)s” (%(scope)s) is removed.") % {"rule": rule, "scope": scope_text(rule)}
        return self.done(text, to=list_url(AlertRule))


@admin.register(AlertRule)
class AlertRuleAdmin(StaffAdmin):
    seller_paths = ("seller", "subscription__seller", "customer__seller")
    allows = ("add", "change")  # a rule is removed by an action, which keeps its alerts
    form = AlertRuleForm
    list_display = ("kind_shown", "scope_shown", "feature_shown", "levels_shown", "amount_shown", "is_on", "set_by")
    list_filter = ("kind", "is_on", "set_by")
    list_select_related = ("seller", "customer", "subscription", "feature")
    search_fields = ("customer__external_id", "customer__legal_name", "subscription__external_id")
    search_help_text = _("Customer name or ID, or subscription ID")
    fixed_fields = ("kind", *SCOPE_FIELDS)
    fieldsets = (
        (None, {"fields": ("kind",)}),
        (_("Scope"), {"fields": ("seller", "customer", "subscription")}),
        (_("Usage"), {"fields": ("feature", ("dimension", "dimension_value"))}),
        (_("Thresholds"), {"fields": ("levels", "amount", "is_on")}),
    )
    autocomplete_fields = ("seller", "customer", "subscription", "feature")
    actions_detail = ("remove",)

    remove = RemoveAlertRule.as_action()

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertRule]:
        return super().get_queryset(request).filter(removed_at__isnull=True)

    def save_model(self, request: HttpRequest, obj: AlertRule, form: AlertRuleForm, change: bool) -> None:
        rule = set_alert_rule(**form.arguments(), by=staff_user(request), at=timezone.now())
        obj.pk = rule.pk

    kind_shown = column(_("Rule"), lambda rule: rule.get_kind_display(), ordering="kind")
    scope_shown = column(_("Scope"), scope_text)
    feature_shown = column(_("Feature"), usage_text)
    levels_shown = column(_("Thresholds"), levels)

    @display(description=_("Amount"))
    def amount_shown(self, rule: AlertRule) -> str:
        if rule.amount is None:
            return ""
        return format_money(rule.amount, rule.currency) if rule.kind in AMOUNT_KINDS else format_number(rule.amount)
