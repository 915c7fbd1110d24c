"""Messages can be verified with the standard's own package, and stay the same on every attempt."""

import json
from datetime import timedelta

import pytest
import time_machine
from standardwebhooks import Webhook, WebhookVerificationError

from customers.models import WebhookEndpoint
from customers.notifications.webhook_endpoints import rotate
from tests.builders import make_customer
from tests.customers.notifications.announcements import NOW, announce_alert, create_endpoint, later, send
from tests.customers.notifications.receivers import answers_in_order, receiver, status

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make_customer("acme")


def verify(secret, got, **changed):
    return Webhook(secret).verify(changed.pop("body", got.body), got.headers | changed)


def test_has_the_type_the_time_and_the_customer(acme):
    with receiver() as hook, time_machine.travel(NOW):
        _, secret = create_endpoint(hook.url)
        announce_alert(acme, kind="topup.paid", amount="100.00", currency="USD")
        send()

        assert verify(secret, hook.got[0]) == {
            "type": "topup.paid",
            "timestamp": "2026-05-04T12:00:00+00:00",
            "data": {"customer": "acme", "sandbox": False, "amount": "100.00", "currency": "USD"},
        }
    assert hook.got[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "changed",
    [
        {"body": '{"type":"topup.paid"}'},
        {"webhook-id": "msg_1"},
        {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        {"webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
    ],
    ids=str,
)
def test_a_changed_message_fails_verification(acme, changed):
    with receiver() as hook, time_machine.travel(NOW):
        _, secret = create_endpoint(hook.url)
        announce_alert(acme)
        send()

        verify(secret, hook.got[0])
        with pytest.raises(WebhookVerificationError):
            verify(secret, hook.got[0], **changed)


def test_keeps_id_and_body_over_attempts_and_signs_each_one(acme):
    with receiver(answers_in_order(status(500), status(200))) as hook:
        _, secret = create_endpoint(hook.url)
        announce_alert(acme, name="Zoë, “東京”")
        for at in (NOW, later(minutes=1)):
            with time_machine.travel(at):
                send(at)
                verify(secret, hook.got[-1])

    first, second = hook.got
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 60
    assert json.loads(first.body)["data"]["name"] == "Zoë, “東京”"


def test_is_signed_by_both_secrets_while_they_overlap(acme):
    with receiver() as hook:
        endpoint, old = create_endpoint(hook.url)
        new = rotate(endpoint=endpoint, overlap=timedelta(hours=1), at=NOW)
        for number, at in enumerate((NOW, later(hours=2))):
            with time_machine.travel(at):
                announce_alert(acme, key=f"alert:{number}", at=at)
                send(at)
                verify(new, hook.got[-1])
                if number == 0:
                    verify(old, hook.got[-1])
                else:
                    with pytest.raises(WebhookVerificationError):
                        verify(old, hook.got[-1])


def test_a_secret_is_stored_encrypted_and_opens_with_an_old_key(acme, settings):
    old_key, new_key = settings.ENCRYPTION_KEYS[0], "a" * 43 + "="
    with receiver() as hook, time_machine.travel(NOW):
        endpoint, secret = create_endpoint(hook.url)
        assert secret.removeprefix("whsec_")[:8] not in WebhookEndpoint.objects.get(pk=endpoint.pk).secret

        settings.ENCRYPTION_KEYS = [new_key, old_key]
        announce_alert(acme)
        send()
        verify(secret, hook.got[0])

        settings.ENCRYPTION_KEYS = [new_key]
        announce_alert(acme, key="alert:2")
        send()
    assert len(hook.got) == 1
    assert "TOLLBOOK_ENCRYPTION_KEYS" in endpoint.deliveries.order_by("-pk")[0].answer
