"""Periods in the days of the customer's own calendar: what their invoice says."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format

from billing.models import Period

TICK = timedelta(microseconds=1)


def span_of(period: Period) -> str:
    """Return the days of a period whose customer is loaded, both included; an opening period has one moment."""
    zone = ZoneInfo(period.subscription.customer.time_zone)
    first = period.starts_at.astimezone(zone).date()
    if period.starts_at == period.ends_at:
        return f"opening, {date_format(first)}"
    last = (period.ends_at - TICK).astimezone(zone).date()
    return f"{date_format(first)} – {date_format(last)}"
