"""What was reached of limits and thresholds."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tollbook_client.connection import Connection
from tollbook_client.pages import Pages


@dataclass(frozen=True, slots=True)
class Alert:
    """A threshold that was reached. state: open, recovered, or over once its period is."""

    id: int
    what: str
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


class Alerts:
    """`client.alerts`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        customer: str | None = None,
        subscription: str | None = None,
        what: str | None = None,
        state: str | None = None,
    ) -> Pages[Alert]:
        """Return alerts, newest first."""
        query = {"customer": customer, "subscription": subscription, "what": what, "state": state}
        return Pages(self._connection, "/alerts", Alert, query)
