"""How much may be bought by itself in a day or a month, and when there is room again."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Count, Sum

from wallets.credit_rules.topup_rule import Ceiling
from wallets.models import TopUp, TopUpRule, TopUpState
from wallets.models.topups import CeilingSpan

COUNTED = (TopUpState.PENDING, TopUpState.PAID)
_MORE_THAN_A_MONTH = timedelta(days=32)


def free_again(rule: TopUpRule, amount: Decimal, *, at: datetime) -> datetime | None:
    """
    Return when the ceilings of a rule may allow a top-up of this amount again; None if they do now.

    Days and months are those of the customer's calendar; what was declined or canceled does not count.
    """
    zone = ZoneInfo(rule.wallet.customer.time_zone)
    held = []
    for row in rule.ceilings.all():
        starts_at, ends_at = window(CeilingSpan(row.span), at, zone)
        so_far = TopUp.objects.filter(wallet=rule.wallet_id, created_at__gte=starts_at, state__in=COUNTED)
        sums = so_far.aggregate(count=Count("id"), money=Sum("amount"))
        ceiling = Ceiling(row.most, sums["count"], row.most_money, sums["money"] or Decimal(0))
        if not ceiling.allows(amount):
            held.append(ends_at)
    return max(held, default=None)


def window(span: CeilingSpan, at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the day or month of a calendar that a moment lies in, half-open."""
    first = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if span == CeilingSpan.DAY:
        return first, (first + timedelta(days=1)).replace(tzinfo=zone)
    first = first.replace(day=1)
    return first, (first + _MORE_THAN_A_MONTH).replace(day=1)
