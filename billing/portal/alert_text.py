"""Alerts in words: what was reached, of what, and whether it still is."""

from datetime import datetime
from typing import Any

from billing.models import Alert
from billing.models.alerts import AlertKind
from invoices.portal.formats import PortalFigures
from lib.currencies import CREDITS as CREDIT_PRICES
from lib.currencies import MINOR_UNITS

WORDS = {
    AlertKind.ALLOWANCE: "What is included is used up to {level} %",
    AlertKind.CAP: "A spend cap is reached to {level} %",
    AlertKind.SPEND: "A budget is reached to {level} %",
    AlertKind.LAST_PERIOD: "Spending is at {level} % of the period before",
    AlertKind.PROJECTED: "Spending is heading for {level} % of what you set",
    AlertKind.ANOMALY: "Use is {level} times the usual",
    AlertKind.LOW_BALANCE: "A balance is below {level} %",
    AlertKind.EXPIRING: "Credits expire within {level} days",
}


def shown(one: Alert, figures: PortalFigures, *, at: datetime | None = None) -> dict[str, Any]:
    """Return an alert as text; at: to say whether it is over."""
    of = str(one.feature) if one.feature_id else one.wallet.name if one.wallet_id else ""
    if one.dimension:
        of = f"{of}, {one.dimension} {one.dimension_value}".lstrip(", ")
    limit = "" if one.limit is None else f" of {_figure(one, one.limit, figures)}"
    is_over = at is not None and one.ends_at is not None and one.ends_at <= at
    return {
        "what": WORDS[AlertKind(one.alert_rule.kind)].format(level=one.threshold),
        "of": of,
        "value": f"{_figure(one, one.value, figures)}{limit}",
        "at": figures.moment(one.fired_at),
        "state": "recovered" if one.recovered_at is not None else "over" if is_over else "open",
    }


def _figure(one: Alert, value: Any, figures: PortalFigures) -> str:
    if one.unit in MINOR_UNITS:
        return figures.in_currency(value, one.unit)
    return figures.in_currency(value, CREDIT_PRICES) if one.unit == "credits" else figures.units(value, one.unit)
