"""Numbers, dates and times in the customer's locale, currency and time zone."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta

from customers.portal.visit import Visit
from invoices.rendering.formats import Figures
from invoices.rendering.translations import words_for
from lib.formats import format_money, pluralize


@dataclass(frozen=True, slots=True)
class PortalFigures(Figures):
    """Figures for the portal, whose surrounding text is English in every locale."""

    def units(self, quantity: Decimal, unit: str) -> str:
        """Return a quantity with its unit: “1 token”, “2.500 tokens”."""
        return f"{self.quantity(quantity)} {unit if abs(quantity) == 1 else pluralize(unit)}".rstrip()

    def in_currency(self, amount: Decimal, currency: str) -> str:
        """Return an amount in a currency of its own, or in credits."""
        return format_money(amount, currency, locale=self.locale)

    def moment(self, at: datetime) -> str:
        """Return a date and time in the customer's time zone."""
        return format_datetime(at, "d MMM y, HH:mm", tzinfo=self.zone, locale=self.locale)

    def date(self, day: date | datetime) -> str:
        """Return a date; a datetime is converted to the customer's time zone."""
        local = day.astimezone(self.zone).date() if isinstance(day, datetime) else day
        return self.day(local)

    def ago(self, past: timedelta) -> str:
        """Return how long ago something was, in English like the surrounding text."""
        return str(format_timedelta(-past, add_direction=True, locale="en"))


def portal_figures(visit: Visit, currency: str = "") -> PortalFigures:
    """Return the customer's number formats, in their own currency unless another is given."""
    _, locale = words_for(visit.customer.locale)
    return PortalFigures(locale, currency or str(visit.customer.currency), ZoneInfo(visit.customer.time_zone))
