"""
Acme may send 500 messages a month, and wants to know before they are gone.

Usage is posted as a product does it; beat's task looks; the customer's system hears of 50, 75, 90 and 100 %, signed.
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
from tests.customers.notifications.receivers import receiver
from tests.customers.notifications.announcements import create_endpoint, send

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
    """Send so many messages, each once, and let the sweeper and the deliverer have their turn."""
    events = [{"id": f"m{since + place}", "customer": "acme", "event": "message"} for place in range(count)]
    assert client.post("/events", events).status_code == 200
    evaluate_alerts()
    send(timezone.now() + timedelta(seconds=1))


def heard(hook, secret):
    return [Webhook(secret).verify(one.body, one.headers) for one in hook.got]


def test_each_quarter_is_told_as_it_is_reached(product):
    with receiver() as hook:
        _, secret = create_endpoint(hook.url, kinds=["alert.fired", "alert.recovered"])
        sent = 0
        for more, told in ((249, 0), (1, 1), (125, 2), (75, 3), (49, 3), (1, 4), (10, 4)):
            messages(product, sent, more)
            sent += more
            assert len(hook.got) == told, sent
        facts = [one["data"] for one in heard(hook, secret)]
    assert [(fact["threshold"], fact["value"]) for fact in facts] == [
        (50, "250"),
        (75, "375"),
        (90, "450"),
        (100, "500"),
    ]
    assert {(fact["customer"], fact["feature"], fact["limit"], fact["remedy"]) for fact in facts} == {
        ("acme", "messages", "500", "upgrade")
    }
    # Asked at that moment, the product is told the same, and what it was warned of.
    arguments = {"customer": "acme", "feature": "messages", "quantity": "1"}
    assert product.post("/check", arguments).json()["allowed"] is False
    listed = product.get("/alerts", customer="acme", state="open").json()["data"]
    assert [one["threshold"] for one in listed] == [100, 90, 75, 50]


def test_a_jump_is_told_in_one_message_and_by_mail(product):
    Contact.objects.create(customer=Customer.objects.get(), email="ada@acme.example")
    with receiver() as hook:
        _, secret = create_endpoint(hook.url)
        messages(product, 0, 475)
        [told] = [one["data"] for one in heard(hook, secret) if one["type"] == "alert.fired"]
    assert (told["threshold"], told["thresholds"]) == (90, "50,75,90")
    [letter] = [one for one in mail.outbox if "ada@acme.example" in one.to]
    assert "messages is at 475 message of 500" in letter.subject
    assert "90 % of what is included is reached." in letter.body
    assert "A larger plan includes more." in letter.body
