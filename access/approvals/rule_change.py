"""Changes of the approval rules; a looser one needs approval wherever two people could. docs/approvals.md#rules"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from access.approvals.acts import Act, ActFacts
from access.models import ApprovalLimit, ApprovalRule
from access.models.approvals import KINDS_WITH_LIMITS, ApprovalKind
from lib.audit_log import audited_transaction
from lib.decimals import to_plain_string
from lib.field_types import MAX_MONEY

BACKEND = "django.contrib.auth.backends.ModelBackend"
"""The backend that holds the permissions of staff; the others only sign them in."""


class RuleRefused(Exception):
    """A rule can't be changed like that; the text says why. field: the field at fault."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class ChangeRule(Act[ApprovalRule], frozen=True, kw_only=True):
    """
    Set a rule and all of its limits.

    rule_kind: one of `ApprovalKind`. limits: unit → amount. user_id: who asks for it.
    """

    name, kind, permission = "change_approval_rule", ApprovalKind.APPROVAL_RULES, "access.change_approvalrule"
    refusals = (RuleRefused,)

    rule_kind: str
    is_required: bool
    limits: Mapping[str, Decimal]
    user_id: int

    def read_facts(self, *, at: datetime) -> ActFacts:
        # Row lock: of two changes of one rule, the second sees the first.
        rule = ApprovalRule.objects.select_for_update().get(kind=self.rule_kind)
        current_limits = _read_limits(rule)
        rows = [
            (_("Approval required"), _("%(then)s → %(now)s") % _change(rule.is_required, self.is_required)),
            *(
                (
                    _("Limit in %(unit)s") % {"unit": unit},
                    f"{_shown(current_limits, unit)} → {_shown(self.limits, unit)}",
                )
                for unit in sorted({*current_limits, *self.limits})
                if current_limits.get(unit) != self.limits.get(unit)
            ),
        ]
        return ActFacts(
            subject=rule,
            title=_("Change the approval rule of %(kind)s") % {"kind": rule},
            is_exempt=not self._loosens(rule, current_limits) or not _find_other_approvers(self.user_id),
            versions={
                _("The rule"): _("required") if rule.is_required else _("not required"),
                _("Its limits"): ", ".join(
                    f"{unit} {_shown(current_limits, unit)}" for unit in sorted(current_limits)
                ),
            },
            rows=rows,
        )

    def carry_out(self, *, by: User | None, at: datetime) -> ApprovalRule:
        _check(self.rule_kind, self.is_required, self.limits)
        with audited_transaction("change approval rule", by=by, at=at):
            rule = ApprovalRule.objects.get(kind=self.rule_kind)
            rule.is_required = self.is_required
            rule.save(update_fields=["is_required"])
            rule.limits.exclude(unit__in=self.limits).delete()
            for unit, amount in self.limits.items():
                ApprovalLimit.objects.update_or_create(rule=rule, unit=unit, defaults={"amount": amount})
        return rule

    def _loosens(self, rule: ApprovalRule, current_limits: Mapping[str, Decimal]) -> bool:
        """Return whether an act could pass without approval that needs one now."""
        if not rule.is_required:
            return False
        # A unit without a limit always needs approval, so a new limit is looser than none.
        is_higher = any(
            unit not in current_limits or amount > current_limits[unit] for unit, amount in self.limits.items()
        )
        return not self.is_required or is_higher


def _read_limits(rule: ApprovalRule) -> dict[str, Decimal]:
    return dict(rule.limits.values_list("unit", "amount"))


def _find_other_approvers(user_id: int) -> bool:
    """Return whether anyone else could approve a looser rule."""
    permission = f"access.approve_{ApprovalKind.APPROVAL_RULES}"
    approvers = User.objects.with_perm(permission, backend=BACKEND).filter(is_staff=True)
    return approvers.exclude(pk=user_id).exists()


def _check(kind: str, is_required: bool, limits: Mapping[str, Decimal]) -> None:
    """:raises RuleRefused: if a kind without amounts has limits, or a limit is unknown or out of bounds."""
    if kind == ApprovalKind.APPROVAL_RULES and not is_required:
        raise RuleRefused(_("Looser approval rules always need approval."), field="is_required")
    if limits and kind not in KINDS_WITH_LIMITS:
        raise RuleRefused(_("These acts have no amount, so they have no limits."), field="limits")
    for unit, amount in limits.items():
        if unit not in settings.CURRENCIES and unit != "credits":
            raise RuleRefused(
                _("“%(unit)s” is no currency. Enter its code, or credits.") % {"unit": unit}, field="limits"
            )
        if not amount.is_finite() or not 0 <= amount <= MAX_MONEY:
            raise RuleRefused(_("Enter a limit of 0 or more for %(unit)s.") % {"unit": unit}, field="limits")


def _change(then: bool, now: bool) -> dict[str, str]:
    return {"then": _("yes") if then else _("no"), "now": _("yes") if now else _("no")}


def _shown(limits: Mapping[str, Decimal], unit: str) -> str:
    return to_plain_string(limits[unit]) if unit in limits else _("none")
