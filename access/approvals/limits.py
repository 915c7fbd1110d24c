"""Which acts need approval: the rules by kind, and the limits of one person by unit. docs/approvals.md#limits"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from access.approvals.acts import Act, ActFacts, Requester
from access.models import ApprovalLimit, ApprovalRule, CountedAct
from lib import sql
from lib.decimals import EXACT, ZERO
from lib.formats import format_number

WINDOW = timedelta(hours=24)
"""The time in which the acts of one person for one customer are added up."""

# The lock of one person's acts of a kind for a customer, until the end of the transaction: of two acts that together
# exceed the limit, the second one sees the first.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


def find_need(act: Act[Any], facts: ActFacts, requester: Requester, *, at: datetime) -> str:
    """
    Return why an act needs approval, as a sentence; empty if it needs none.

    The caller carries it out and counts it in the same transaction: until then the sum of the acts is locked.
    """
    rule = ApprovalRule.objects.get(kind=act.kind)
    if not rule.is_required:
        return ""
    if facts.amount is None:
        return _("The approval rules require a second person for %(kind)s.") % {"kind": act.kind.label}
    limit = ApprovalLimit.objects.filter(rule=rule, unit=facts.unit).first()
    if limit is None:
        text = _("There is no limit in %(unit)s for %(kind)s, so a second person must approve it.")
        return text % {"unit": facts.unit, "kind": act.kind.label}
    person_id = requester.person_id
    owner = f"person {person_id}" if person_id is not None else f"key {requester.api_key_id}"
    sql.execute(_LOCK, [f"approval:{act.kind}:{owner}:{facts.customer_id}:{facts.unit}"])
    if facts.amount + sum_counted(act, facts, requester, at=at) <= limit.amount:
        return ""
    text = _("The limit for %(kind)s is %(limit)s %(unit)s for one person and customer within 24 hours.")
    return text % {"kind": act.kind.label, "limit": format_number(limit.amount), "unit": facts.unit}


def count_act(act: Act[Any], facts: ActFacts, requester: Requester, *, at: datetime) -> None:
    """Count an act that was carried out without approval, if its kind has a rule and it an amount."""
    if facts.amount is None or not ApprovalRule.objects.filter(kind=act.kind, is_required=True).exists():
        return
    CountedAct.objects.create(
        kind=act.kind,
        person_id=requester.person_id,
        api_key_id=requester.api_key_id,
        customer_id=facts.customer_id,
        unit=facts.unit,
        amount=facts.amount,
        at=at,
    )


def sum_counted(act: Act[Any], facts: ActFacts, requester: Requester, *, at: datetime) -> Decimal:
    """Return the amount that the person moved for the customer within 24 hours, without approval."""
    person_id = requester.person_id
    owner = Q(person=person_id) if person_id is not None else Q(api_key=requester.api_key_id)
    counted = CountedAct.objects.filter(
        owner, kind=act.kind, customer=facts.customer_id, unit=facts.unit, at__gt=at - WINDOW
    )
    total = counted.aggregate(total=Sum("amount"))["total"]
    return EXACT.plus(total) if total is not None else ZERO


def delete_old_counts(*, at: datetime) -> int:
    """Delete counted acts that no sum needs any more; return how many."""
    deleted_count, _rows = CountedAct.objects.filter(at__lt=at - 2 * WINDOW).delete()
    return deleted_count
