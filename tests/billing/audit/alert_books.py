"""
Customers with alert rules, their own and the default ones, on usage, spend and balances, and the alerts that fired.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

from django.contrib.auth.models import User
from django.utils import timezone

from billing.limits.alerts.evaluation import evaluate_alerts, queue_full_evaluation
from billing.limits.alerts.rule_settings import AlertScope, acknowledge, set_alert_rule
from billing.metering.ingest.event_recorder import record_events
from billing.metering.ingest.parser import parse_events
from billing.models import Alert, Subscription
from plans.models import Feature
from tests.builders import (
    APR,
    cap,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    make_seller,
    offer,
    publish,
    rate,
    subscribe,
)
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import spend
from wallets.models import Wallet

LATER = datetime(2026, 4, 5, tzinfo=UTC)


def add_alert_rules() -> None:
    """
    Set rules of every scope, use the watched features, and evaluate the rules twice so that some alerts recover.
    """
    plan = make_plan(
        offers=[_offer("guarded.mails", included=10, consumption="hard_cap"), _offer("guarded.runs", rate(1))]
    )
    subscription = subscribe(make_customer("guarded"), publish(plan), starts_at=APR)
    runs = Feature.objects.get(code="guarded.runs")
    for kind, scope, amount, by in (
        ("spend", AlertScope(subscription=subscription, feature=runs), 20, "finance"),
        ("spend", AlertScope(customer=subscription.customer, dimension="key", value="ci"), 5, "customer"),
        ("anomaly", AlertScope(seller=make_seller("other")), None, "finance"),
    ):
        set_alert_rule(kind=kind, scope=scope, amount=amount and D(amount), set_by=by, at=APR)
    cap(subscription, 10, at=APR)
    wallet = Wallet.objects.create(customer=subscription.customer)
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", D(10), "pack")], at=APR)
    spend(wallet_id=wallet.pk, amount=D(9), reference="used", used_at=APR, at=APR)
    _use(subscription, 8)
    evaluate_alerts(at=LATER)
    cap(subscription, 10_000, at=LATER)
    evaluate_alerts(at=LATER + timedelta(minutes=1))
    acknowledge(alert_ids=[Alert.objects.first().pk], at=LATER, by=User.objects.first())
    queue_full_evaluation(at=timezone.now())


def _offer(code: str, *rates: dict, **terms: object) -> dict:
    feature = make_feature(code, meter=make_meter(code, dimensions=["key"]))
    return offer(feature, rates=rates, **terms)


def _use(subscription: Subscription, times: int) -> None:
    event_fields = {
        "customer": subscription.customer.external_id,
        "timestamp": LATER.isoformat(),
        "properties": {"key": "ci"},
    }
    names = ("guarded.mails", "guarded.runs")
    sent = [{"id": f"{name}-{number}", "event": name, **event_fields} for name in names for number in range(times)]
    events, _, _ = parse_events(json.dumps(sent).encode(), sandbox=False, at=LATER, oldest=APR, newest=LATER)
    record_events(events=events, sandbox=False, at=LATER)
