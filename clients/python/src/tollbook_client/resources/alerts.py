"""Alerts of limits and thresholds."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tollbook_client.pages import Pages
from tollbook_client.resources import Resource


@dataclass(frozen=True, slots=True)
class Alert:
    """A threshold that was reached. state: open, recovered, or over after the end of its period."""

    id: int
    kind: str
    state: str
    customer: str
    threshold: int
    value: Decimal
    limit: Decimal | None
    unit: str
    fired_at: datetime
    recovered_at: datetime | None
    period_start: datetime
    period_end: datetime | None
    alert_rule: int
    set_by: str
    subscription: str | None = None
    feature: str | None = None
    dimension: str = ""
    dimension_value: str = ""
    wallet: int | None = None


class Alerts(Resource):
    """`client.alerts`."""

    def list(
        self,
        *,
        customer: str | None = None,
        subscription: str | None = None,
        kind: str | None = None,
        state: str | None = None,
    ) -> Pages[Alert]:
        """Return alerts, newest first."""
        query = {"customer": customer, "subscription": subscription, "kind": kind, "state": state}
        return self._pages(Alert, "/alerts", **query)
