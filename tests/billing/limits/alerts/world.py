"""A customer whose use is guarded, and what was told of it."""

from datetime import datetime, timedelta
from typing import Any

from billing.limits.alerts.evaluation import EvaluationSummary, evaluate_alerts
from billing.models import Alert, Subscription
from customers.models.notifications import Notification
from tests.billing.metering.ingest.world import send
from tests.builders import JAN, make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe

NOW = JAN + timedelta(days=10)
MINUTE = timedelta(minutes=1)


def messages(limit: int = 500, ref: str = "acme", **fields: Any) -> Subscription:
    """Subscribe a customer to so many messages a month, and no more."""
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
    """Send so many events through ingest, and return their ids."""
    ids = [f"e{next(_sent)}" for _ in range(times)]
    told = {"customer": customer, "event": event, "timestamp": at.isoformat(), "properties": properties}
    assert set(send(*({"id": id_, **told} for id_ in ids), at=at)) <= {"accepted"}
    return ids


def look(at: datetime = NOW + MINUTE) -> EvaluationSummary:
    return evaluate_alerts(at=at)


def alerts(**wanted: Any) -> list[tuple[str, int, str]]:
    """Return (kind, threshold, state) of the alerts there are, in order."""
    found = Alert.objects.filter(**wanted).select_related("alert_rule").order_by("pk")
    return [(one.alert_rule.kind, one.threshold, "recovered" if one.recovered_at else "open") for one in found]


def told(kind: str = "") -> list[dict[str, Any]]:
    """Return the facts of what was announced, in order."""
    found = Notification.objects.filter(kind__startswith=kind or "alert.").order_by("pk")
    return [{"event": one.kind, **one.facts} for one in found]
