"""Alerts in words: the crossed level, its subject, and the current state."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.models import Alert
from billing.models.alerts import AlertKind
from invoices.portal.formats import PortalFigures
from lib.currencies import CREDITS as CREDIT_PRICES
from lib.currencies import MINOR_UNITS

KIND_TEXTS = {
    AlertKind.ALLOWANCE: "What is included is used up to {level} %",
    AlertKind.CAP: "A spend cap is reached to {level} %",
    AlertKind.SPEND: "A budget is reached to {level} %",
    AlertKind.LAST_PERIOD: "Spending is at {level} % of the period before",
    AlertKind.PROJECTED: "Spending is heading for {level} % of what you set",
    AlertKind.ANOMALY: "Use is {level} times the usual",
    AlertKind.LOW_BALANCE: "A balance is below {level} %",
    AlertKind.EXPIRING: "Credits expire within {level} days",
}


def alert_text(alert: Alert, figures: PortalFigures, *, at: datetime | None = None) -> dict[str, Any]:
    """Return an alert as text. at: the time that decides whether it is over."""
    subject = str(alert.feature) if alert.feature_id else alert.wallet.name if alert.wallet else ""
    if alert.dimension:
        subject = f"{subject}, {alert.dimension} {alert.dimension_value}".lstrip(", ")
    limit = "" if alert.limit is None else f" of {_figure(alert, alert.limit, figures)}"
    is_over = at is not None and alert.ends_at is not None and alert.ends_at <= at
    return {
        "what": KIND_TEXTS[AlertKind(alert.alert_rule.kind)].format(level=alert.threshold),
        "of": subject,
        "value": f"{_figure(alert, alert.value, figures)}{limit}",
        "at": figures.moment(alert.fired_at),
        "state": "recovered" if alert.recovered_at is not None else "over" if is_over else "open",
    }


def _figure(alert: Alert, value: Decimal, figures: PortalFigures) -> str:
    if alert.unit in MINOR_UNITS:
        return figures.in_currency(value, alert.unit)
    return figures.in_currency(value, CREDIT_PRICES) if alert.unit == "credits" else figures.units(value, alert.unit)
