"""Announce alerts to webhook endpoints and contacts: docs/alerts.md#notifications."""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from billing.limits.alerts.measurements import Measurement
from billing.models.alerts import AlertKind
from customers.models import Customer
from customers.notifications import Announcement, announce_all
from lib.decimals import to_plain_string

ALERT_FIRED, ALERT_RECOVERED = "alert.fired", "alert.recovered"

REMEDIES = {
    AlertKind.ALLOWANCE: "upgrade",
    AlertKind.CAP: "raise_cap",
    AlertKind.SPEND: "review_usage",
    AlertKind.LAST_PERIOD: "review_usage",
    AlertKind.PROJECTED: "review_usage",
    AlertKind.VALUES: "review_usage",
    AlertKind.ANOMALY: "review_usage",
    AlertKind.LOW_BALANCE: "top_up",
    AlertKind.EXPIRING: "use_credits",
}
"""The remedy that the payload suggests for each kind of alert rule."""


class AlertChange(NamedTuple):
    """
    An alert that fired or recovered.

    alert_ids: the alerts it covers, most urgent last.
    threshold, thresholds: the level reached, and every level that changed, in the unit of the rule's levels.
    """

    alert_ids: tuple[int, ...]
    measurement: Measurement
    threshold: int
    thresholds: tuple[int, ...]

    @property
    def customer_id(self) -> int:
        return self.measurement.target.customer_id


def notify(*, fired: Sequence[AlertChange], recovered: Sequence[AlertChange], at: datetime) -> None:
    """Announce fired and recovered alerts, in the transaction that recorded them."""
    changes_by_event = {ALERT_FIRED: fired, ALERT_RECOVERED: recovered}
    customer_ids = {change.customer_id for change in chain(fired, recovered)}
    if not customer_ids:
        return
    external_ids = dict(Customer.objects.filter(pk__in=customer_ids).values_list("pk", "external_id"))
    for event, changes in changes_by_event.items():
        announce_all(
            kind=event,
            announcements=[
                Announcement(
                    change.customer_id,
                    alert_payload(change, customer=external_ids[change.customer_id]),
                    f"alert:{change.alert_ids[-1]}:{event}",
                )
                for change in changes
            ],
            at=at,
        )


def alert_payload(change: AlertChange, *, customer: str) -> dict[str, str | int | None]:
    """
    Return the payload of an alert event: decimals as strings, times as RFC 3339, None where a field does not apply.
    """
    measurement, rule = change.measurement, change.measurement.alert_rule
    return {
        "alert": change.alert_ids[-1],
        "alerts": ",".join(map(str, change.alert_ids)),
        "alert_rule": rule.pk,
        "set_by": rule.set_by,
        "kind": rule.kind,
        "customer": customer,
        "subscription": measurement.subscription or None,
        "feature": measurement.feature or None,
        "dimension": measurement.target.dimension or None,
        "dimension_value": measurement.target.dimension_value or None,
        "wallet": measurement.target.wallet_id,
        "wallet_name": measurement.wallet or None,
        "threshold": change.threshold,
        "thresholds": ",".join(map(str, change.thresholds)),
        "value": to_plain_string(measurement.value),
        "limit": None if measurement.limit is None else to_plain_string(measurement.limit),
        "unit": measurement.unit,
        "period_start": measurement.period_start.isoformat(),
        "period_end": measurement.period_end.isoformat() if measurement.period_end else None,
        "remedy": REMEDIES[AlertKind(rule.kind)],
    }
