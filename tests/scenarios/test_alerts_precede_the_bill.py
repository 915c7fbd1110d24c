"""
Acme may send 500 messages a month, and wants warnings before they are used up.

Usage is posted as a product does it, and the scheduled task evaluates alerts; the customer's endpoint gets signed
messages at 50, 75, 90 and 100%.
"""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from standardwebhooks import Webhook

from billing.tasks import evaluate_alerts
from customers.models import Contact, Customer
from tests.api.calls import Caller
from tests.builders import make_feature, make_meter, make_plan, make_seller, offer, publish
from tests.customers.notifications.announcements import create_endpoint, send
from tests.customers.notifications.receivers import receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def product(settings):
    settings.OUTBOUND_PRIVATE_HOSTS = ["localhost"]
    make_seller()
    feature = make_feature("messages", meter=make_meter("messages", event_name="message", unit="message"))
    publish(make_plan("starter", offers=[offer(feature, included=500, consumption="hard_cap")]))
    client = Caller()
    client.post("/customers", {"id": "acme", "legal_name": "Acme Inc.", "country": "US"})
    arguments = {"id": "acme-starter", "customer": "acme", "plan": "starter"}
    assert client.post("/subscriptions", arguments).status_code == 201
    return client


def messages(client, since, count):
    """Send messages, each once, and run the tasks that evaluate alerts and deliver messages."""
    events = [{"id": f"m{since + place}", "customer": "acme", "event": "message"} for place in range(count)]
    assert client.post("/events", events).status_code == 200
    evaluate_alerts()
    send(timezone.now() + timedelta(seconds=1))


def received_messages(hook, secret):
    return [Webhook(secret).verify(request.body, request.headers) for request in hook.got]


def test_each_threshold_is_announced_when_it_is_reached(product):
    with receiver() as hook:
        _, secret = create_endpoint(hook.url, kinds=["alert.fired", "alert.recovered"])
        sent = 0
        for more, alert_count in ((249, 0), (1, 1), (125, 2), (75, 3), (49, 3), (1, 4), (10, 4)):
            messages(product, sent, more)
            sent += more
            assert len(hook.got) == alert_count, sent
        facts = [message["data"] for message in received_messages(hook, secret)]
    assert [(fact["threshold"], fact["value"]) for fact in facts] == [
        (50, "250"),
        (75, "375"),
        (90, "450"),
        (100, "500"),
    ]
    assert {(fact["customer"], fact["feature"], fact["limit"], fact["remedy"]) for fact in facts} == {
        ("acme", "messages", "500", "upgrade")
    }
    # A check at that time gives the same answer, and the alerts.
    arguments = {"customer": "acme", "feature": "messages", "quantity": "1"}
    assert product.post("/check", arguments).json()["allowed"] is False
    listed = product.get("/alerts", customer="acme", state="open").json()["data"]
    assert [alert["threshold"] for alert in listed] == [100, 90, 75, 50]


def test_a_jump_is_announced_in_one_message_and_by_mail(product):
    Contact.objects.create(customer=Customer.objects.get(), email="ada@acme.example")
    with receiver() as hook:
        _, secret = create_endpoint(hook.url)
        messages(product, 0, 475)
        [alert] = [message["data"] for message in received_messages(hook, secret) if message["type"] == "alert.fired"]
    assert (alert["threshold"], alert["thresholds"]) == (90, "50,75,90")
    [email] = [sent for sent in mail.outbox if "ada@acme.example" in sent.to]
    assert "475 messages of 500 messages used" in email.subject
    assert "90% of the amount in your plan" in email.body
    assert "A larger plan includes more usage." in email.body
