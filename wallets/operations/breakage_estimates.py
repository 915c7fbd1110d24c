"""Estimate how much prepaid value is never used: docs/recognition.md#breakage."""

from datetime import date, datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from customers.models import Seller
from invoices.documents.calendar_months import month_of
from invoices.models import MonthLock
from lib.audit_log import audited_transaction
from plans.models import CreditPack
from wallets.models import BreakageRate
from wallets.models.breakage_rates import MAX_REASON

WHOLE = Decimal(100)
PLACES = 2


class EstimateRefused(ValueError):
    """An estimate can't be entered; the text says why and how to fix it. field: the field at fault."""

    def __init__(self, text: str, *, field: str) -> None:
        super().__init__(text)
        self.field = field


def estimate_breakage(
    *,
    seller: Seller,
    percent: Decimal,
    month: date,
    reason: str,
    at: datetime,
    pack: CreditPack | None = None,
    by: User | None = None,
) -> BreakageRate:
    """
    Enter the share of prepaid value that is expected to stay unused, from a month on; it replaces earlier estimates.

    The difference to what was recognized before is booked in that month, never in an earlier one.

    percent: 0 up to below 100, with two decimal places; at 0, breakage is recognized on expiry alone.

    :raises EstimateRefused: if the percentage, month or reason is invalid, or the month is locked.
    """
    check_estimate(seller=seller, percent=percent, month=month, reason=reason)
    with audited_transaction("estimate breakage", by=by, at=at):
        return BreakageRate.objects.create(
            seller=seller, pack=pack, percent=percent, month=month, reason=reason.strip(), by=by, created_at=at
        )


def check_estimate(*, seller: Seller, percent: Decimal, month: date, reason: str) -> None:
    """:raises EstimateRefused: if these can't be entered."""
    if not percent.is_finite() or not 0 <= percent < WHOLE or -int(percent.as_tuple().exponent) > PLACES:
        raise EstimateRefused(_("Enter a percentage from 0 to below 100, with two decimal places."), field="percent")
    if month != month_of(month):
        raise EstimateRefused(_("Enter the first day of a month."), field="month")
    if not reason.strip() or len(reason) > MAX_REASON:
        text = _("Enter a reason of up to %(most)s characters: the history it rests on, or why you can't estimate.")
        raise EstimateRefused(text % {"most": MAX_REASON}, field="reason")
    locked = MonthLock.objects.filter(seller=seller, unlocked_at__isnull=True, month__gte=month)
    if (lock := locked.order_by("-month").first()) is not None:
        text = _("%(month)s is locked. Choose a later month; it catches up what earlier ones recognized.")
        raise EstimateRefused(text % {"month": lock}, field="month")
