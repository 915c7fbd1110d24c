"""Ceilings of automatic top-ups per day or month, and when they allow the next one."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Count, Sum

from wallets.credit_rules.topup_rule import Ceiling
from wallets.models import TopUp, TopUpRule, TopUpState
from wallets.models.topups import CeilingSpan

COUNTED_STATES = (TopUpState.PENDING, TopUpState.PAID)
_OVER_A_MONTH = timedelta(days=32)


def next_allowed_at(rule: TopUpRule, amount: Decimal, *, at: datetime) -> datetime | None:
    """
    Return the time at which a rule's ceilings may allow a top-up of this amount again; None if they do now.

    Days and months are those of the customer's calendar; declined and canceled top-ups don't count.
    """
    zone = ZoneInfo(rule.wallet.customer.time_zone)
    window_ends = []
    for ceiling_row in rule.ceilings.all():
        starts_at, ends_at = calendar_window(CeilingSpan(ceiling_row.span), at, zone)
        counted = TopUp.objects.filter(wallet=rule.wallet_id, created_at__gte=starts_at, state__in=COUNTED_STATES)
        sums = counted.aggregate(count=Count("id"), money=Sum("amount"))
        ceiling = Ceiling(ceiling_row.most, sums["count"], ceiling_row.most_money, sums["money"] or Decimal(0))
        if not ceiling.allows(amount):
            window_ends.append(ends_at)
    return max(window_ends, default=None)


def calendar_window(span: CeilingSpan, at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the calendar day or month that contains a time, half-open."""
    starts_at = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if span == CeilingSpan.DAY:
        return starts_at, (starts_at + timedelta(days=1)).replace(tzinfo=zone)
    starts_at = starts_at.replace(day=1)
    return starts_at, (starts_at + _OVER_A_MONTH).replace(day=1)
