"""Periods in days of the customer's calendar, as printed on the invoice."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from billing.models import Period

TICK = timedelta(microseconds=1)


def span_of(period: Period) -> str:
    """Return the days of a period, both ends included; its customer is loaded. An opening period has a single day."""
    zone = ZoneInfo(period.subscription.customer.time_zone)
    if period.starts_at == period.ends_at:
        return _("billed at start, %(day)s") % {"day": date_format(period.starts_at.astimezone(zone).date())}
    return days(period.starts_at, period.ends_at, zone)


def days(starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> str:
    """Return the days of a half-open interval in a time zone, both ends included."""
    first, last = starts_at.astimezone(zone), (ends_at - TICK).astimezone(zone)
    return f"{date_format(first.date())} – {date_format(last.date())}"
