"""The activity of a wallet: usage of a day is one row, and that of earlier weeks one row a week."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.portal.visit import Visit
from invoices.portal.formats import PortalFigures
from lib.decimals import ZERO
from wallets.ledger.balance_history import read_balance_history
from wallets.ledger.daily_movements import DailyMovement, read_daily_movements
from wallets.models import Transaction, Wallet
from wallets.models.ledger import Movement
from wallets.statements.formats import display_currency

DAY, WEEK = timedelta(days=1), timedelta(days=7)
SHOWN_WEEKS = 8
"""Weeks of a page, the running one included."""

USAGE = (Movement.SPEND, Movement.GIVE_BACK)
MOVEMENTS = {
    Movement.GRANT: _("Top-up or grant"),
    Movement.SPEND: _("Usage"),
    Movement.GIVE_BACK: _("Returned: usage was corrected"),
    Movement.EXPIRE: _("Expired"),
    Movement.REVIVE: _("Restored for earlier usage"),
    Movement.ROLL_OVER: _("Rolled over"),
    Movement.REPAY: _("Overdraft repaid"),
    Movement.VOID: _("Voided"),
    Movement.REFUND: _("Refunded"),
    Movement.PAY: _("Invoice paid"),
    Movement.TRANSFER_OUT: _("To another wallet"),
    Movement.TRANSFER_IN: _("From another wallet"),
}


@dataclass(slots=True)
class FoldedMovement:
    """
    Movements in one row.

    first, last: their days. kind: SPEND for all usage. days: of a week of usage, day → units, the latest first.
    """

    first: date
    last: date
    kind: str
    units: Decimal
    days: dict[date, Decimal] = field(default_factory=dict)


def fold_movements(movements: Sequence[DailyMovement], *, today: date) -> list[FoldedMovement]:
    """
    Return the movements in rows: usage by day in the running week, which begins on Monday, and by week before it;
    everything else one by one.

    movements: the latest day first.
    """
    this_week = today - DAY * today.weekday()
    rows: list[FoldedMovement] = []
    usage: dict[date, FoldedMovement] = {}
    for day, kind, units in movements:
        if kind not in USAGE:
            rows.append(FoldedMovement(day, day, kind, units))
            continue
        week = day - DAY * day.weekday()
        key = day if week >= this_week else week
        row = usage.get(key)
        if row is None:
            row = usage[key] = FoldedMovement(day, day, Movement.SPEND, ZERO)
            rows.append(row)
        row.first = min(row.first, day)
        row.units += units
        row.days[day] = row.days.get(day, ZERO) + units
    return rows


def read_activity(request: HttpRequest, visit: Visit, wallet: Wallet, figures: PortalFigures) -> dict[str, Any]:
    """Return eight weeks of activity as text, the latest first, in three queries."""
    zone = ZoneInfo(visit.customer.time_zone)
    today = visit.at.astimezone(zone).date()
    end = min(_requested_end(request) or today + DAY, today + DAY)
    first = end - DAY * ((end - DAY).weekday() + 1) - WEEK * (SHOWN_WEEKS - 1)
    since, until = (datetime.combine(day, time.min, zone) for day in (first, end))
    rows = fold_movements(read_daily_movements(wallet.pk, since=since, until=until, zone=zone), today=today)
    [opening] = read_balance_history(wallet.pk, moments=[since])
    earlier = visit.own_rows(Transaction.objects.filter(wallet=wallet, at__lt=since), "wallet__customer")
    unit = display_currency(wallet.unit)
    return {
        "activity": [_row_text(row, unit, figures, today=today) for row in rows],
        "opening": {"day": figures.date(first), "balance": figures.in_currency(opening, unit)},
        "more": f"before={first.isoformat()}" if earlier.exists() else "",
    }


def _requested_end(request: HttpRequest) -> date | None:
    try:
        return date.fromisoformat(request.GET.get("before", ""))
    except ValueError:
        return None


def _row_text(row: FoldedMovement, unit: str, figures: PortalFigures, *, today: date) -> dict[str, Any]:
    def change(units: Decimal) -> str:
        return ("+" if units > 0 else "") + figures.in_currency(units, unit)

    days = figures.short_day(row.last)
    if row.first != row.last:
        names = {"first": figures.short_day(row.first), "last": days}
        days = gettext("%(first)s to %(last)s") % names
    return {
        "description": MOVEMENTS[Movement(row.kind)],
        "days": days,
        "is_today": row.last == today and row.kind == Movement.SPEND,
        "change": change(row.units),
        "by_day": [(figures.short_day(day), change(units)) for day, units in row.days.items()]
        if len(row.days) > 1
        else [],
    }
