"""Alerts in words: the crossed level, its subject, and the current state."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing.models import Alert
from billing.models.alerts import AlertKind
from invoices.portal.formats import PortalFigures
from lib.currencies import CREDITS as CREDIT_PRICES
from lib.currencies import MINOR_UNITS

TITLES = {
    AlertKind.ALLOWANCE: _("%(level)s of the allowance used"),
    AlertKind.CAP: _("%(level)s of a spend cap reached"),
    AlertKind.SPEND: _("%(level)s of a budget reached"),
    AlertKind.LAST_PERIOD: _("Spending is at %(level)s of the previous period"),
    AlertKind.PROJECTED: _("Projected spending is at %(level)s of your amount"),
    AlertKind.VALUES: _("%(level)s of the separate lines used"),
    AlertKind.LOW_BALANCE: _("Balance below %(level)s"),
}
"""Kinds whose levels are percentages."""

FULL = 100


def alert_text(alert: Alert, figures: PortalFigures, *, at: datetime | None = None) -> dict[str, Any]:
    """Return an alert as text. at: the time that decides whether its period is over."""
    subject = str(alert.feature) if alert.feature_id else alert.wallet.name if alert.wallet else ""
    if alert.dimension:
        subject = f"{subject}, {alert.dimension} {alert.dimension_value}".lstrip(", ")
    is_over = at is not None and alert.ends_at is not None and alert.ends_at <= at
    is_open = alert.recovered_at is None and not is_over
    return {
        "title": _title(alert, figures),
        "subject": subject,
        "figures": _figures_text(alert, figures),
        "at": figures.moment(alert.fired_at),
        "is_open": is_open,
        "state": _state(alert, is_over=is_over),
    }


def _state(alert: Alert, *, is_over: bool) -> str:
    if alert.recovered_at is not None:
        return gettext("Back to normal")
    return gettext("Period over") if is_over else gettext("Open")


def _title(alert: Alert, figures: PortalFigures) -> str:
    kind, level = AlertKind(alert.alert_rule.kind), alert.threshold
    if kind == AlertKind.ANOMALY:
        return gettext("Usage is %(level)s times the usual") % {"level": figures.quantity(Decimal(level))}
    if kind == AlertKind.EXPIRING:
        text = ngettext("Credits expire within %(days)s day", "Credits expire within %(days)s days", level)
        return text % {"days": level}
    if kind == AlertKind.ALLOWANCE and level >= FULL:
        return gettext("Allowance used up")
    return str(TITLES[kind]) % {"level": figures.percent(Decimal(level))}


def _figures_text(alert: Alert, figures: PortalFigures) -> str:
    """Return the value when the alert fired, and the limit."""
    value = _figure(alert, alert.value, figures)
    if alert.limit is None:
        return value
    limit = _figure(alert, alert.limit, figures)
    if alert.alert_rule.kind == AlertKind.ALLOWANCE and alert.value > alert.limit:
        more = alert.value - alert.limit
        text = gettext("%(limit)s included, %(more)s more used")
        return text % {"limit": limit, "more": figures.quantity(more)}
    return gettext("%(value)s of %(limit)s") % {"value": value, "limit": limit}


def _figure(alert: Alert, value: Decimal, figures: PortalFigures) -> str:
    if alert.unit in MINOR_UNITS:
        return figures.in_currency(value, alert.unit)
    return figures.in_currency(value, CREDIT_PRICES) if alert.unit == "credits" else figures.units(value, alert.unit)
