"""The result of a version's required simulation as text."""

from decimal import Decimal

from django.utils.translation import gettext as _

from lib.formats import format_money, format_number
from plans.models import RequiredSimulation


def format_figures(simulation: RequiredSimulation) -> str:
    """Return the figures of a simulation by currency."""
    text = _(
        "%(before)s → %(after)s (pay more: %(more)s, less: %(less)s, the same: %(same)s; bill shocks: %(shocks)s)"
    )
    figures = [
        text
        % {
            "before": format_money(Decimal(totals["before"]), currency),
            "after": format_money(Decimal(totals["after"]), currency),
            **{name: format_number(totals[name]) for name in ("more", "less", "same", "shocks")},
        }
        for currency, totals in simulation.facts.items()
    ]
    return "; ".join(figures) or _("no subscription had a period to compare")
