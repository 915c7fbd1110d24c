"""Ranges of units, such as tiers, in words."""

from decimal import Decimal

from django.utils.translation import gettext as _

from lib.formats import format_number


def format_range(below: Decimal, bound: Decimal | None) -> str:
    """Return the units above `below` up to `bound`: “1 – 10,000” for whole bounds, “above 2.5 – 10” for others."""
    first = first_unit_after(below)
    if bound is None:
        return _("from %(first)s") % {"first": first} if below else _("all units")
    return f"{first} – {format_number(bound)}"


def first_unit_after(bound: Decimal) -> str:
    """Return the first whole unit above a bound, or “above” the bound if it is not whole."""
    if bound == bound.to_integral_value():
        return format_number(bound + 1)
    return _("above %(bound)s") % {"bound": format_number(bound)}
