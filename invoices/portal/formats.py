"""Numbers, dates and times in the customer's locale, currency and time zone."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton, format_timedelta
from django.utils.translation import get_language, ngettext

from customers.models.parties import Party
from customers.portal.visit import Visit
from invoices.rendering.formats import Figures
from lib.currencies import CREDITS
from lib.decimals import HALF_UP
from lib.formats import format_money
from lib.locales import document_locale
from lib.money import round_to
from lib.unit_words import plural_number

TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class PortalFigures(Figures):
    """Figures for the portal's pages."""

    def units(self, quantity: Decimal, unit: str) -> str:
        """Return a quantity with its unit: “1 token”, “2.500 tokens”."""
        return f"{self.quantity(quantity)} {self.unit(quantity, unit)}".rstrip()

    def in_currency(self, amount: Decimal, currency: str) -> str:
        """Return an amount in a currency of its own, or in credits."""
        if currency == CREDITS:
            text = ngettext("%(units)s credit", "%(units)s credits", plural_number(amount))
            return text % {"units": self.quantity(amount)}
        return format_money(amount, currency, locale=self.locale)

    def share(self, percent: Decimal) -> str:
        """Return a percentage, rounded to one decimal place: 54.8%."""
        return self.percent(round_to(percent, TENTH))

    def date(self, day: date | datetime) -> str:
        """Return a date; a datetime is converted to the customer's time zone."""
        local = day.astimezone(self.zone).date() if isinstance(day, datetime) else day
        return self.day(local)

    def near_day(self, moment: datetime, *, at: datetime) -> str:
        """Return the day of a moment, without the year if that is the present one: February 3."""
        local, today = moment.astimezone(self.zone).date(), at.astimezone(self.zone).date()
        return (
            str(format_skeleton("MMMMd", local, locale=self.locale)) if local.year == today.year else self.day(local)
        )

    def ago(self, past: timedelta) -> str:
        """Return how long ago something was."""
        return str(format_timedelta(-past, add_direction=True, locale=self.locale))


def percent_of(part: Decimal, whole: Decimal) -> Decimal:
    """Return what part of a whole is in percent, 0 to 100, rounded to one decimal place."""
    percent = round_to(HALF_UP.divide(HALF_UP.multiply(part, Decimal(100)), whole), TENTH)
    return min(Decimal(100), max(Decimal(0), percent))


def portal_figures(visit: Visit, currency: str = "") -> PortalFigures:
    """
    Return the formats of the active language in the customer's country, with the customer's currency by default.

    A customer in Austria who reads the portal in English gets English texts with Austrian numbers.
    """
    customer = visit.customer
    return party_figures(customer, currency or str(customer.currency))


def party_figures(party: Party, currency: str) -> PortalFigures:
    """Return the formats of the active language in the country of a customer or a seller."""
    territory = document_locale(party.locale).territory
    locale = document_locale(f"{get_language()}_{territory}" if territory else str(get_language()))
    return PortalFigures(locale, currency, ZoneInfo(party.time_zone))
