"""Spend caps, alert rules and their alerts, reservations, ignore rules, and corrected usage."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from billing.limits.alerts.evaluation import evaluate_alerts
from billing.limits.alerts.rule_settings import AlertScope, acknowledge, set_alert_rule
from billing.limits.reservations.reservation import reserve
from billing.limits.spend_caps import set_cap
from billing.metering.corrections.usage_correction import correct_usage
from billing.metering.corrections.validation import CorrectionRequest
from billing.metering.dismissal.ignore_rules import add_ignore_rule
from billing.models import Alert, Event, IgnoreRule
from demo.office.office_data import FINANCE, OPERATIONS, live_customer, office_rows, staff

RESERVED = timedelta(days=1)
"""How long a reservation lasts: the longest time allowed, so that the demo shows open ones for a day."""

REVIEWED = 3
"""One in this many alerts was reviewed."""


def add(*, at: datetime) -> bool:
    if IgnoreRule.objects.exists():
        return False
    for cap in office_rows("caps"):
        customer, amount = live_customer(cap["customer"]), Decimal(cap["amount"])
        set_cap(customer=customer, amount=amount, action=cap["action"], at=at, by=staff(FINANCE))
    for rule in office_rows("alert_rules"):
        scope = AlertScope(customer=live_customer(rule["customer"]))
        amount = Decimal(rule["amount"])
        set_alert_rule(kind=rule["kind"], scope=scope, levels=rule["levels"], amount=amount, at=at, by=staff(FINANCE))
    _correct_usage()
    for row in office_rows("reservations"):
        reserve(
            customer=row["customer"],
            feature="tokens",
            quantity=Decimal(row["quantity"]),
            reference=row["reference"],
            properties={"token_type": "input"},
            sandbox=False,
            at=at,
            duration=RESERVED,
        )
    evaluate_alerts(at=at)
    reviewed = list(Alert.objects.order_by("pk").values_list("pk", flat=True))[::REVIEWED]
    acknowledge(alert_ids=reviewed, at=at, by=staff(OPERATIONS))
    for ignored in office_rows("ignore_rules"):
        add_ignore_rule(
            reason=ignored["reason"],
            customer_ref=ignored.get("customer", ""),
            event_name=ignored.get("event_name", ""),
            at=at,
            by=staff(OPERATIONS),
        )
    return True


def _correct_usage() -> None:
    """Void the latest event of each customer in the list; repeated, the same events. They arrived just now."""
    requests = []
    for index, row in enumerate(office_rows("corrections")):
        event = Event.objects.filter(customer_id=live_customer(row["customer"]).pk).latest("occurred_at")
        requests.append(
            CorrectionRequest(index, id=event.sender_id, source=event.source, key=event.key.hex, reason=row["reason"])
        )
    correct_usage(corrections=requests, sandbox=False, at=timezone.now(), by=staff(OPERATIONS), atomic=True)
