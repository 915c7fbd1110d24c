"""
Each message is delivered in the end or reported as lost, for any behavior of its receiver; no receiver delays
another.
"""

import time
from datetime import timedelta

import pytest
from django.core import mail

from customers.models import Delivery, Notification
from customers.notifications import http_client
from customers.notifications.delivery_queue import AT_ONCE, JITTER, LEASE, RETRY_AFTER, claim_due
from customers.notifications.delivery_result import DeliveryOutcome, next_attempt, record_outcome
from customers.notifications.delivery_run import deliver
from customers.notifications.endpoint_health import disable, enable, remove
from customers.notifications.fan_out import fan_out
from customers.notifications.resend import resend, resend_since
from customers.notifications.webhook_endpoints import EndpointRefused, send_test
from tests.builders import make_customer
from tests.customers.notifications.announcements import NOW, announce_alert, create_endpoint, later, send, states
from tests.customers.notifications.receivers import answers_in_order, receiver, status
from tests.customers.notifications.staff import make_staff
from tests.deadlines import ScriptedDeadline
from tests.races import together

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make_customer("acme")


@pytest.mark.parametrize("code", [200, 201, 204, 299])
def test_is_delivered_where_it_is_accepted(acme, code):
    with receiver(status(code)) as hook:
        create_endpoint(hook.url)
        announce_alert(acme)
        done = send()

    assert (done.delivered, states(), len(hook.got)) == (1, ["delivered"], 1)


def test_goes_to_subscribed_endpoints_of_its_mode(acme):
    with receiver() as hook:
        for name, fields in {
            "all": {},
            "alerts": {"kinds": ["alert.fired", "alert.recovered"]},
            "invoices": {"kinds": ["invoice.issued"]},
            "sandbox": {"sandbox": True},
        }.items():
            create_endpoint(f"{hook.url}/{name}", **fields)
        announce_alert(acme)
        announce_alert(make_customer("try", sandbox=True), key="alert:2")
        send()

    assert sorted(got.path for got in hook.got) == ["/hook/alerts", "/hook/all", "/hook/sandbox"]


def test_is_fanned_out_once(acme):
    with receiver() as hook:
        create_endpoint(hook.url)
        announce_alert(acme)
        send()
        send()
        send(later(days=1))

    assert len(hook.got) == 1
    assert Notification.objects.get().recipients == 1


@pytest.mark.parametrize("code", [301, 400, 401, 404, 429, 500, 503])
def test_is_retried_where_it_is_not_accepted(acme, code):
    with receiver(status(code, "no, thanks")) as hook:
        endpoint, _ = create_endpoint(hook.url)
        announce_alert(acme)
        send()
        delivery = Delivery.objects.get()

    assert (delivery.state, delivery.status, delivery.answer) == ("failed", code, "no, thanks")
    assert timedelta(seconds=5) <= delivery.next_at - NOW <= timedelta(seconds=6)
    endpoint.refresh_from_db()
    assert endpoint.failing_since == NOW


def test_recovers(acme):
    with receiver(answers_in_order(status(500), status(200))) as hook:
        endpoint, _ = create_endpoint(hook.url)
        announce_alert(acme)
        send()
        send(later(minutes=1))

    endpoint.refresh_from_db()
    assert (states(), endpoint.failing_since, len(hook.got)) == (["delivered"], None, 2)


def test_is_retried_for_three_days_and_then_given_up(acme):
    """Three days, so that an outage over a weekend loses nothing."""
    with receiver(status(500)) as hook:
        create_endpoint(hook.url)
        announce_alert(acme)
        fan_out(at=NOW)
        times, at = [], NOW
        while at is not None:
            times.append(at)
            deliver(clock=lambda at=at: at)
            at = Delivery.objects.get().next_at

    assert len(times) == len(hook.got) == len(RETRY_AFTER) + 1
    assert timedelta(days=3) < times[-1] - NOW < timedelta(days=5)
    assert states() == ["given_up"]


def test_waits_grow_with_each_attempt_and_have_jitter():
    for attempt, least in enumerate(RETRY_AFTER, start=1):
        waits = {next_attempt(attempt, NOW) - NOW for _ in range(30)}
        assert len(waits) > 1
        assert all(least <= wait <= least * (1 + JITTER) for wait in waits)


@pytest.mark.parametrize(
    ("retry_after", "waited"), [("120", 120), ("9999999", 5), ("soon", 5), ("-5", 5), ("999999", 86400)]
)
def test_waits_as_long_as_the_retry_after_header(acme, retry_after, waited):
    with receiver(status(429, Retry_After=retry_after)) as hook:
        create_endpoint(hook.url)
        announce_alert(acme)
        send()

    assert timedelta(0) <= Delivery.objects.get().next_at - NOW - timedelta(seconds=waited) <= timedelta(seconds=1)


def test_follows_no_redirect(acme):
    with receiver() as inner, receiver(status(302, Location=inner.url)) as hook:
        create_endpoint(hook.url)
        announce_alert(acme)
        send()

    assert (len(hook.got), inner.got, states()) == (1, [], ["failed"])


def test_410_disables_the_endpoint_and_notifies_staff(acme):
    make_staff("olga", "change_webhookendpoint")
    make_staff("sam")
    with receiver(status(410)) as hook:
        endpoint, _ = create_endpoint(hook.url, description="Our product")
        announce_alert(acme)
        announce_alert(acme, key="alert:2")
        send()
        send(later(seconds=30))
        announce_alert(acme, key="alert:3")
        send(later(days=1))

    endpoint.refresh_from_db()
    assert (endpoint.disabled_reason, endpoint.disabled_at) == ("gone", NOW)
    assert len(hook.got) == 2  # both were being sent at the same time
    assert {message.to[0]: message.subject for message in mail.outbox} == {
        "olga@tollbook.example": "Webhooks to Our product are disabled"
    }


def test_an_endpoint_that_fails_for_days_is_disabled(acme):
    make_staff("olga", "change_webhookendpoint")
    with receiver(status(500)) as hook:
        endpoint, _ = create_endpoint(hook.url)
        for days in range(6):
            announce_alert(acme, key=f"alert:{days}", at=later(days=days))
            send(later(days=days))
        endpoint.refresh_from_db()
        assert endpoint.disabled_reason == "failing"
        send(later(days=7))

    assert [message.to for message in mail.outbox] == [["olga@tollbook.example"]]
    assert set(states()) == {"given_up", "delivered"}


def test_an_endpoint_that_sometimes_answers_is_not_disabled(acme):
    answers = [status(500), status(500), status(200), *[status(500)] * 9]
    with receiver(answers_in_order(*answers)) as hook:
        endpoint, _ = create_endpoint(hook.url)
        for days in range(6):
            announce_alert(acme, key=f"alert:{days}", at=later(days=days))
            send(later(days=days))

    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == ""


def test_a_slow_endpoint_delays_no_other(acme, monkeypatch):
    monkeypatch.setattr(http_client, "SECONDS", 3.0)

    def hang(handler, place):
        time.sleep(6)

    with receiver(hang) as slow, receiver() as quick:
        for _ in range(3):
            create_endpoint(slow.url)
        create_endpoint(quick.url)
        for number in range(20):
            announce_alert(acme, key=f"alert:{number}")
        fan_out(at=NOW)
        started, first = time.monotonic(), []
        deliver(
            clock=lambda: NOW,
            deadline=ScriptedDeadline(lambda: first.append(len(quick.got)) or time.monotonic() < started + 2),
        )

    assert len(quick.got) == 20
    assert slow.most_at_once <= 3 * AT_ONCE
    assert Delivery.objects.filter(state="failed", answer__contains="Timeout").exists()


def test_a_failing_endpoint_gets_one_message_at_a_time(acme):
    with receiver(status(500)) as hook:
        create_endpoint(hook.url)
        announce_alert(acme)
        send()
        for number in range(10, 30):
            announce_alert(acme, key=f"alert:{number}")
        hook.most_at_once = 0
        send(later(seconds=1))

    assert hook.most_at_once == 1


def test_a_dripping_answer_ends_at_the_deadline(acme, monkeypatch):
    monkeypatch.setattr(http_client, "SECONDS", 1.0)

    def drip(handler, place):
        for letter in "HTTP/1.1 200 OK" * 100:
            handler.wfile.write(letter.encode())
            time.sleep(0.1)

    with receiver(drip) as hook:
        create_endpoint(hook.url)
        announce_alert(acme)
        started = time.monotonic()
        send()

    assert time.monotonic() - started < 3
    assert states() == ["failed"]


def test_a_huge_answer_is_not_read(acme):
    sent = []

    def pour(handler, place):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(2_000):
            sent.append(handler.wfile.write(b"x" * 65_536))

    with receiver(pour) as hook:
        create_endpoint(hook.url)
        announce_alert(acme)
        send()

    assert states() == ["delivered"]
    assert Delivery.objects.get().answer == "x" * 500
    assert sum(sent) < 64 * 1024 * 1024


def test_a_message_of_a_dead_worker_is_resent_under_the_same_id(acme):
    with receiver() as hook:
        create_endpoint(hook.url)
        announce_alert(acme)
        fan_out(at=NOW)
        (leased,) = claim_due(at=NOW, most=5)  # and the worker dies

        send(NOW + LEASE - timedelta(seconds=1))
        assert hook.got == []
        send(NOW + LEASE)

    assert hook.got[0].headers["webhook-id"] == f"msg_{leased.message_id.hex}"
    assert states() == ["delivered"]


def test_a_worker_whose_lease_expired_records_no_outcome(acme):
    create_endpoint("http://localhost:1/")
    announce_alert(acme)
    fan_out(at=NOW)
    (slow,) = claim_due(at=NOW, most=1)
    (second,) = claim_due(at=NOW + LEASE, most=1)

    record_outcome(slow, DeliveryOutcome(succeeded=False, text="too late"), at=NOW + LEASE)
    assert (states(), Delivery.objects.get().answer) == (["sending"], "")
    record_outcome(second, DeliveryOutcome(succeeded=True), at=NOW + LEASE)
    record_outcome(slow, DeliveryOutcome(succeeded=False, text="too late"), at=NOW + LEASE)
    assert states() == ["delivered"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_send_one_message_twice(acme):
    with receiver() as hook:
        for _ in range(3):
            create_endpoint(hook.url)
        for number in range(40):
            announce_alert(acme, key=f"alert:{number}")
        together(*[send] * 4)
        send(later(seconds=1))  # a worker that found an endpoint locked has skipped it

    assert len(hook.got) == 120
    assert set(states()) == {"delivered"}
    assert len(states()) == 120


def test_a_resent_message_keeps_its_id(acme):
    with receiver() as hook:
        create_endpoint(hook.url)
        announce_alert(acme)
        send()
        resend(delivery=Delivery.objects.get(), at=NOW)
        send()

    assert len({got.headers["webhook-id"] for got in hook.got}) == 1
    assert len(hook.got) == 2


def test_a_message_being_sent_is_not_resent(acme):
    create_endpoint("http://localhost:1/")
    announce_alert(acme)
    fan_out(at=NOW)
    claim_due(at=NOW, most=1)
    with pytest.raises(EndpointRefused, match="being sent"):
        resend(delivery=Delivery.objects.get(), at=NOW)


def test_missed_messages_are_resent_on_request(acme):
    with receiver() as hook:
        endpoint, _ = create_endpoint(hook.url)
        announce_alert(acme, key="before", at=later(days=-2), n="before")
        announce_alert(acme, key="got", n="got")
        send()
        disable(endpoint=endpoint, at=NOW)
        announce_alert(acme, key="missed", at=later(hours=1), n="missed")
        announce_alert(make_customer(sandbox=True), key="another world", at=later(hours=1), n="sandbox")
        send(later(hours=1))
        with pytest.raises(EndpointRefused, match="disabled"):
            resend_since(endpoint=endpoint, since=NOW, at=later(hours=2))
        enable(endpoint=endpoint)
        hook.got.clear()

        assert resend_since(endpoint=endpoint, since=NOW, at=later(hours=2)) == 1
        send(later(hours=2))
        assert ['"missed"' in got.body for got in hook.got] == [True]
        assert resend_since(endpoint=endpoint, since=NOW, at=later(hours=2)) == 0
        assert resend_since(endpoint=endpoint, since=NOW, delivered=True, at=later(hours=2)) == 2
        with pytest.raises(EndpointRefused, match="last 90 days"):
            resend_since(endpoint=endpoint, since=later(days=-91), at=NOW)


def test_a_test_goes_to_its_endpoint_alone(acme):
    with receiver() as hook, receiver() as other:
        endpoint, _ = create_endpoint(hook.url, kinds=["invoice.issued"])
        create_endpoint(other.url)
        send_test(endpoint=endpoint, at=NOW)
        send_test(endpoint=endpoint, at=NOW)
        send()

    assert ["webhook.test" in got.body for got in hook.got] == [True, True]
    assert other.got == []


def test_a_removed_endpoint_gets_nothing_and_has_no_secret(acme):
    with receiver() as hook:
        endpoint, _ = create_endpoint(hook.url)
        announce_alert(acme)
        fan_out(at=NOW)
        remove(endpoint=endpoint, at=NOW)
        send()
        enable(endpoint=endpoint)
        announce_alert(acme, key="alert:2")
        send()

    endpoint.refresh_from_db()
    assert (hook.got, endpoint.secret, endpoint.disabled_reason, states()) == ([], "", "removed", ["given_up"])
