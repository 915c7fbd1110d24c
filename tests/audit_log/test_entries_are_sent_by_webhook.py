"""The audit log is sent to one address: signed, in order, and again until it is accepted."""

import json
from datetime import UTC, datetime

import pytest
import time_machine
from django.core.checks import run_checks
from standardwebhooks import Webhook

from access.audit_log import seal_changes
from access.models import AuditEntry, AuditFeed, AuditSeal
from config.admin_site.history import log_webhook
from config.admin_site.history.log_webhook import send_entries
from tests.builders import make_customer
from tests.customers.notifications.receivers import answers_in_order, receiver, status

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(autouse=True)
def sealed(settings, monkeypatch):
    """Seal the changes of two customers, of which a message holds three at most."""
    settings.AUDIT_WEBHOOK_SECRET = SECRET
    settings.OUTBOUND_PRIVATE_HOSTS = ["localhost"]
    monkeypatch.setattr(log_webhook, "MOST_ENTRIES", 3)
    for name in ("acme", "globex"):
        make_customer(name)
        seal_changes(at=NOW)


def entries_of(request) -> list[dict]:
    message = Webhook(SECRET).verify(request.body, request.headers)
    assert message["type"] == "audit_log.sealed"
    return message["data"]["entries"]


@pytest.fixture
def verified():
    """Let signatures of the test's time be verified."""
    with time_machine.travel(NOW, tick=True):
        yield


def send_to(settings, answer=status(200)):  # noqa: B008  a function
    with receiver(answer) as got:
        settings.AUDIT_WEBHOOK_URL = got.url
        sent = send_entries(at=NOW)
    return sent, got.got


def test_nothing_is_sent_without_an_address():
    assert send_entries(at=NOW) == 0
    assert not AuditFeed.objects.exists()


def test_all_entries_arrive_once_and_in_order_with_the_hash_of_their_seal(settings, verified):
    sent, requests = send_to(settings)
    numbers = [entry["entry"] for request in requests for entry in entries_of(request)]
    assert numbers == list(AuditEntry.objects.order_by("pk").values_list("pk", flat=True))
    assert (sent, len(requests)) == (len(numbers), -(-len(numbers) // 3))
    last = json.loads(requests[-1].body)["data"]
    assert last["hash"] == AuditSeal.objects.get(pk=last["seal"]).hash
    assert send_to(settings) == (0, [])


def test_a_refused_message_is_sent_again_and_the_rest_waits(settings, verified):
    sent, requests = send_to(settings, answers_in_order(status(200), status(500, "full")))
    assert (sent, len(requests), AuditFeed.objects.get().problem) == (3, 2, "500 full")
    rest, later_requests = send_to(settings)
    assert (sent + rest, AuditFeed.objects.get().problem) == (AuditEntry.objects.count(), "")
    assert entries_of(later_requests[0]) == entries_of(requests[1])
    assert later_requests[0].headers["webhook-id"] == requests[1].headers["webhook-id"]


def test_a_worker_that_dies_before_it_stores_the_answer_repeats_the_message(settings):
    _sent, requests = send_to(settings)
    AuditFeed.objects.update(last_entry=0)
    _sent, repeated = send_to(settings)
    assert [(r.headers["webhook-id"], r.body) for r in repeated] == [
        (r.headers["webhook-id"], r.body) for r in requests
    ]


def test_the_page_of_the_audit_log_says_why_the_receiver_refused(settings, admin_client):
    send_to(settings, status(403, "no such token"))
    page = admin_client.get("/admin/changes/").content.decode()
    assert "The webhook could not be delivered: 403 no such token" in page


@pytest.mark.parametrize(("url", "secret"), [("http://monitor.example/", SECRET), ("https://monitor.example/", "")])
def test_an_address_or_a_secret_that_can_not_work_is_reported_at_the_start(settings, url, secret):
    settings.AUDIT_WEBHOOK_URL, settings.AUDIT_WEBHOOK_SECRET = url, secret
    assert "tollbook.E011" in {message.id for message in run_checks()}
