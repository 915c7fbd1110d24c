"""Customers with metered usage, and the alerts and announcements that it caused."""

from datetime import datetime, timedelta
from typing import Any

from billing.limits.alerts.evaluation import EvaluationSummary, evaluate_alerts
from billing.models import Alert, Subscription
from customers.models.notifications import Notification
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import JAN, make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe

NOW = JAN + timedelta(days=10)
MINUTE = timedelta(minutes=1)


def messages(limit: int = 500, ref: str = "acme", **fields: Any) -> Subscription:
    """Subscribe a customer to this many messages a month, with a hard cap."""
    feature = make_feature("messages", meter=make_meter("messages", event_name="message", unit="message"))
    plan = make_plan(offers=[offer(feature, included=limit, consumption="hard_cap")])
    return subscribe(make_customer(ref, **fields), publish(plan))


def calls(price: str = "0.05", ref: str = "acme", **fields: Any) -> Subscription:
    """Subscribe a customer to calls at a price."""
    meter = make_meter("calls", event_name="call", dimensions=["api_key"])
    plan = make_plan(offers=[offer(make_feature("calls", meter=meter), rates=[rate(price)])])
    return subscribe(make_customer(ref, **fields), publish(plan))


_sent = iter(range(10**9))


def use(event: str, times: int, *, customer: str = "acme", at: datetime = NOW, **properties: Any) -> list[str]:
    """Send this many events through ingest, and return their ids."""
    ids = [f"e{next(_sent)}" for _ in range(times)]
    event_fields = {"customer": customer, "event": event, "timestamp": at.isoformat(), "properties": properties}
    assert set(send(*({"id": id_, **event_fields} for id_ in ids), at=at)) <= {"accepted"}
    return ids


def evaluate(at: datetime = NOW + MINUTE) -> EvaluationSummary:
    return evaluate_alerts(at=at)


def alerts(**wanted: Any) -> list[tuple[str, int, str]]:
    """Return (kind, threshold, state) of all alerts, in order."""
    alerts_ = Alert.objects.filter(**wanted).select_related("alert_rule").order_by("pk")
    return [
        (alert.alert_rule.kind, alert.threshold, "recovered" if alert.recovered_at else "open") for alert in alerts_
    ]


def announced_facts(kind: str = "") -> list[dict[str, Any]]:
    """Return the facts of the announcements, in order."""
    notifications = Notification.objects.filter(kind__startswith=kind or "alert.").order_by("pk")
    return [{"event": notification.kind, **notification.facts} for notification in notifications]
