"""Figures, days and times as the customer reads them: in their formats, their currency and their zone."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta

from customers.portal.visit import Visit
from invoices.rendering.formats import Figures
from invoices.rendering.translations import speak
from lib.formats import money, plural


@dataclass(frozen=True, slots=True)
class Reading(Figures):
    """The words around them are English, whatever the locale."""

    def units(self, quantity: Decimal, unit: str) -> str:
        """Return a quantity with its unit: “1 token”, “2.500 tokens”."""
        return f"{self.quantity(quantity)} {unit if abs(quantity) == 1 else plural(unit)}".rstrip()

    def in_currency(self, amount: Decimal, currency: str) -> str:
        """Return an amount in a currency of its own, or in credits."""
        return money(amount, currency, locale=self.locale)

    def moment(self, at: datetime) -> str:
        """Return a day and its time, by the customer's clocks."""
        return format_datetime(at, "d MMM y, HH:mm", tzinfo=self.zone, locale=self.locale)

    def date(self, day: date | datetime) -> str:
        """Return a day; that of a moment by the customer's clocks."""
        local = day.astimezone(self.zone).date() if isinstance(day, datetime) else day
        return self.day(local)

    def ago(self, past: timedelta) -> str:
        """Return how long ago something was, in English: the words around it are."""
        return str(format_timedelta(-past, add_direction=True, locale="en"))


def reading(visit: Visit, currency: str = "") -> Reading:
    """Return how the customer reads figures, in their own currency unless another is named."""
    _, locale = speak(visit.customer.locale)
    return Reading(locale, currency or str(visit.customer.currency), ZoneInfo(visit.customer.time_zone))
