"""Rules that ignore unmatched usage: they dismiss all live reports that they match, past and future."""

from datetime import datetime

from django.contrib.auth.models import User

from billing.metering.store import unmatched_usage
from billing.models import IgnoreRule
from lib.audit_log import audited_transaction
from plans.models import Meter


def add_ignore_rule(
    *,
    reason: str,
    at: datetime,
    by: User,
    customer_ref: str = "",
    event_name: str = "",
    meter: Meter | None = None,
    unmatched_reason: str = "",
) -> IgnoreRule:
    """
    Add a rule, and let it ignore the open reports that it matches; later reports get it when they are stored.

    customer_ref, event_name, meter, unmatched_reason: of the reports; an empty one matches any.

    :raises IntegrityError: if all conditions or the reason are empty, or the same rule exists.
    """
    with audited_transaction("ignore unmatched usage", by=by, at=at):
        # A batch that did not see the rule is committed before this, so the update below finds its reports.
        unmatched_usage.lock_rules()
        rule = IgnoreRule.objects.create(
            customer_ref=customer_ref,
            event_name=event_name,
            meter=meter,
            unmatched_reason=unmatched_reason,
            reason=reason,
            created_at=at,
            by=by,
        )
        unmatched_usage.apply_new_rule(rule.pk)
    return rule


def remove_ignore_rule(*, rule: IgnoreRule, at: datetime, by: User) -> int:
    """
    Remove a rule, and return how many open reports it ignored. They count again, unless another rule matches them.

    Removing it twice changes nothing.
    """
    with audited_transaction("remove ignore rule", by=by, at=at):
        unmatched_usage.lock_rules()
        if not IgnoreRule.objects.in_force().filter(pk=rule.pk).update(removed_at=at, removed_by=by):
            return 0
        return unmatched_usage.replace_removed_rule(rule.pk)
