"""Ignore rules: unmatched usage that counts no more, by customer, event name, meter and reason."""

from typing import Any

from django.contrib import admin
from django.core.cache import caches
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from billing.admin.metering.unmatched_usage import CACHE_KEY, NOT_SOLD_CACHE_KEY
from billing.metering.dismissal import add_ignore_rule, remove_ignore_rule
from billing.models import IgnoreRule
from lib.admin import ConfirmedAction, Preview, Response, StaffAdmin, list_url, staff_user
from lib.admin.columns import column
from lib.admin.seller_restriction import OF_NO_SELLER
from lib.formats import format_number
from lib.row_form import RowForm
from lib.task_clock import database_time

CONDITIONS = ("customer_ref", "event_name", "meter", "unmatched_reason")


class IgnoreRuleForm(RowForm[IgnoreRule]):
    class Meta:
        model = IgnoreRule
        fields = [*CONDITIONS, "reason"]
        widgets = {"reason": UnfoldAdminTextInputWidget}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors and IgnoreRule.objects.in_force().filter(**{n: cleaned[n] for n in CONDITIONS}).exists():
            self.add_error(None, gettext("A rule with these conditions exists already."))
        return cleaned


class RemoveIgnoreRule(ConfirmedAction[IgnoreRule]):
    """Remove the rule; the usage that it ignored counts again."""

    label, icon, verb = _("Remove"), "delete", _("Remove rule")
    permission = "billing.change_ignorerule"
    danger = True

    def preview(self, rule: IgnoreRule) -> Preview:
        count = rule.reports.count()
        text = ngettext(
            "%(count)s open report counts as unmatched usage again, unless another rule matches it.",
            "%(count)s open reports count as unmatched usage again, unless another rule matches them.",
            count,
        )
        return Preview(
            title=gettext("Remove the rule “%(rule)s”") % {"rule": rule},
            consequences=[text % {"count": format_number(count)}],
        )

    def run(self, rule: IgnoreRule) -> Response:
        remove_ignore_rule(rule=rule, at=database_time(), by=self.user)
        caches["memory"].delete_many([CACHE_KEY, NOT_SOLD_CACHE_KEY])
        return self.done(gettext("The rule “%(rule)s” is removed.") % {"rule": rule}, to=list_url(IgnoreRule))


@admin.register(IgnoreRule)
class IgnoreRuleAdmin(StaffAdmin):
    seller_paths = OF_NO_SELLER
    allows = ("add",)  # a rule is removed by an action, and another one is added instead of an edit
    form = IgnoreRuleForm
    list_display = ("conditions", "reason", "by", "created_at")
    list_select_related = ("meter", "by")
    empty_text = _("Rules for unmatched usage that nobody has to look into, such as events of a test system.")
    fieldsets = (
        (_("Unmatched usage of live customers that matches"), {"fields": CONDITIONS}),
        (None, {"fields": ("reason",)}),
    )
    autocomplete_fields = ("meter",)
    actions_detail = ("remove",)

    remove = RemoveIgnoreRule.as_action()

    def get_queryset(self, request: HttpRequest) -> QuerySet[IgnoreRule]:
        rules: QuerySet[IgnoreRule] = super().get_queryset(request).filter(removed_at__isnull=True)
        return rules

    def save_model(self, request: HttpRequest, obj: IgnoreRule, form: IgnoreRuleForm, change: bool) -> None:
        arguments: dict[str, Any] = {name: form.cleaned_data[name] for name in (*CONDITIONS, "reason")}
        obj.pk = add_ignore_rule(**arguments, by=staff_user(request), at=database_time()).pk
        caches["memory"].delete_many([CACHE_KEY, NOT_SOLD_CACHE_KEY])

    conditions = column(_("Conditions"), str)
