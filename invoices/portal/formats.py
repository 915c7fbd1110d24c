"""Numbers, dates and times in the customer's locale, currency and time zone."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton, format_timedelta
from django.utils.translation import get_language

from customers.portal.visit import Visit
from invoices.rendering.formats import Figures
from lib.formats import format_money
from lib.locales import document_locale


@dataclass(frozen=True, slots=True)
class PortalFigures(Figures):
    """Figures for the portal's pages."""

    def units(self, quantity: Decimal, unit: str) -> str:
        """Return a quantity with its unit: “1 token”, “2.500 tokens”."""
        return f"{self.quantity(quantity)} {self.unit(quantity, unit)}".rstrip()

    def in_currency(self, amount: Decimal, currency: str) -> str:
        """Return an amount in a currency of its own, or in credits."""
        return format_money(amount, currency, locale=self.locale)

    def moment(self, at: datetime) -> str:
        """Return a date and time in the customer's time zone."""
        local = at.astimezone(self.zone)
        return f"{format_skeleton('yMMMd', local, locale=self.locale)}, {local:%H:%M}"

    def date(self, day: date | datetime) -> str:
        """Return a date; a datetime is converted to the customer's time zone."""
        local = day.astimezone(self.zone).date() if isinstance(day, datetime) else day
        return self.day(local)

    def ago(self, past: timedelta) -> str:
        """Return how long ago something was."""
        return str(format_timedelta(-past, add_direction=True, locale=self.locale))


def portal_figures(visit: Visit, currency: str = "") -> PortalFigures:
    """
    Return the formats of the active language in the customer's country, with the customer's currency by default.

    A customer in Austria who reads the portal in English gets English texts with Austrian numbers.
    """
    territory = document_locale(visit.customer.locale).territory
    locale = document_locale(f"{get_language()}_{territory}" if territory else str(get_language()))
    return PortalFigures(locale, currency or str(visit.customer.currency), ZoneInfo(visit.customer.time_zone))
