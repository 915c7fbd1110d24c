"""The approval rules: which acts need a second person, and above which amount."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from access.admin.approvable_action import ApprovableAction
from access.approvals import Act
from access.approvals.rule_change import ChangeRule, RuleRefused
from access.models import ApprovalRule
from access.models.approvals import KINDS_WITH_LIMITS, ApprovalKind
from lib.admin import OF_NO_SELLER, ReadOnlyAdmin, Response, StaffForm
from lib.admin.columns import column
from lib.formats import format_number


class RuleForm(StaffForm):
    """Whether approval is required, and the limits, one in each line."""

    is_required = forms.BooleanField(label=_("A second person must approve these acts"), required=False)
    limits = forms.CharField(
        label=_("Limits"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "placeholder": "EUR 500\nUSD 500\ncredits 10000"}),
        help_text=_(
            "One currency or wallet unit in each line, with the amount that one person may move for one customer"
            " within 24 hours. Everything else needs approval."
        ),
    )

    def __init__(self, *args: Any, rule: ApprovalRule, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["is_required"].initial = rule.is_required
        lines = [f"{limit.unit} {limit.amount.normalize():f}" for limit in rule.limits.order_by("unit")]
        self.fields["limits"].initial = "\n".join(lines)
        if rule.kind not in KINDS_WITH_LIMITS:
            del self.fields["limits"]
        if rule.kind == ApprovalKind.APPROVAL_RULES:
            self.fields["is_required"].disabled = True

    def clean_limits(self) -> dict[str, Decimal]:
        limits: dict[str, Decimal] = {}
        for line in filter(str.strip, self.cleaned_data["limits"].splitlines()):
            unit, _space, number = line.strip().partition(" ")
            try:
                amount = Decimal(number.strip())
            except InvalidOperation as error:
                text = gettext("“%(line)s” is not a limit. Enter a currency and an amount, such as “EUR 500”.")
                raise forms.ValidationError(text % {"line": line}) from error
            if unit in limits:
                raise forms.ValidationError(gettext("%(unit)s occurs twice.") % {"unit": unit})
            limits[unit] = amount
        return limits


class ChangeApprovalRule(ApprovableAction[ApprovalRule]):
    label, icon, verb = _("Change rule"), "edit", _("Save")
    permission = "access.change_approvalrule"
    refusals = (RuleRefused,)
    title = _("Approval of {}")
    consequences = (
        _("A stricter rule applies at once, to everyone: superusers and commands too."),
        _("A looser rule must be approved by a second person, if there is one who could."),
        _("Requests that wait already are not changed."),
    )

    def make_form(self, rule: ApprovalRule) -> RuleForm:
        return RuleForm(self.posted, rule=rule)

    def act(self, rule: ApprovalRule) -> Act[Any]:
        return ChangeRule(
            rule_kind=rule.kind,
            is_required=self.choices["is_required"],
            limits=self.choices.get("limits", {}),
            user_id=self.user.pk,
        )

    def report(self, rule: ApprovalRule, outcome: ApprovalRule) -> Response:
        return self.done(gettext("The rule for %(kind)s is changed.") % {"kind": outcome})


def _limits(rule: ApprovalRule) -> str:
    if not rule.is_required:
        return ""
    limits = [f"{format_number(limit.amount)} {limit.unit}" for limit in rule.limits.all()]
    return ", ".join(sorted(limits)) or gettext("none: every act")


@admin.register(ApprovalRule)
class ApprovalRuleAdmin(ReadOnlyAdmin):
    seller_paths = OF_NO_SELLER
    ordering = ("pk",)
    list_display = ("kind", "is_required", "limits_shown")
    fields = ("kind", "is_required", "limits_shown")
    actions_detail = ("change_rule",)

    change_rule = ChangeApprovalRule.as_action()

    limits_shown = column(_("One person alone, up to"), _limits)

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).prefetch_related("limits")
