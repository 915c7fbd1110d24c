"""
No notification is lost or sent twice if a worker is killed while sending, the broker is empty, or tasks run twice.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from django.conf import settings as project
from django.core import mail

from customers.models import Contact, Delivery, Notification
from customers.notifications.delivery_queue import LEASE
from customers.notifications.delivery_run import deliver
from customers.tasks import dispatch_notifications, purge_notifications
from lib.task_clock import database_time
from tests.builders import make_customer
from tests.clean_books import assert_clean
from tests.customers.notifications import announcements
from tests.customers.notifications.receivers import receiver
from tests.races import together

TELL = (
    "import config, django; django.setup(); from customers.tasks import dispatch_notifications; "
    "dispatch_notifications()"
)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_message_of_a_killed_worker_is_sent_by_another(tmp_path):
    """The receiver has the message, and the sender is killed before it can record that."""
    arrived, go_on = threading.Event(), threading.Event()

    def hold(handler, place):
        arrived.set()
        if place == 0:
            go_on.wait(30)
        handler.send_response(200)
        handler.end_headers()

    with receiver(hold) as hook:
        announcements.create_endpoint(hook.url)
        announcements.announce_alert(make_customer(), at=database_time())
        environment = os.environ | {
            "TOLLBOOK_PRIVATE_HOSTS": "localhost",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        process = subprocess.Popen(
            [sys.executable, "-c", TELL], env=environment, cwd=project.BASE_DIR, stderr=subprocess.PIPE
        )
        try:
            assert arrived.wait(60)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            go_on.set()
        assert Delivery.objects.get().state == "sending"

        dispatch_notifications()
        assert len(hook.got) == 1  # its lease has not expired yet
        deliver(clock=lambda: database_time() + LEASE)

    first, second = hook.got
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert Delivery.objects.get().state == "delivered"


@pytest.mark.django_db(transaction=True)
def test_tasks_that_run_three_times_concurrently_send_once():
    """Nothing waits in the broker: each run reads due notifications from the tables."""
    customer = make_customer()
    Contact.objects.create(customer=customer, email="bea@acme.example")
    with receiver() as hook:
        announcements.create_endpoint(hook.url)
        for number in range(10):
            announcements.announce_alert(
                customer, key=f"topup:{number}", kind="topup.paid", at=database_time(), n=number
            )
        together(*[dispatch_notifications] * 3, purge_notifications)
        dispatch_notifications()
        dispatch_notifications()

    assert sorted(json.loads(got.body)["data"]["n"] for got in hook.got) == list(range(10))
    assert len(mail.outbox) == 10


@pytest.mark.django_db
def test_old_notifications_are_deleted_unless_unsent(settings):
    settings.DELIVERY_RETENTION_DAYS = settings.MAIL_RETENTION_DAYS = 30
    customer, now = make_customer(), database_time()
    with receiver() as hook:
        announcements.create_endpoint(hook.url)
        announcements.announce_alert(customer, key="old", at=now - timedelta(days=31))
        announcements.announce_alert(customer, key="new", at=now - timedelta(days=29))
        dispatch_notifications()
        announcements.announce_alert(customer, key="old, and not delivered", at=now - timedelta(days=31))

        assert purge_notifications() == 1

    assert set(Notification.objects.values_list("key", flat=True)) == {"new", "old, and not delivered"}
    assert Delivery.objects.count() == 1


SPLIT = [
    # days for which deliveries and mails are kept, the notifications and the recipients that are left after 20 days
    (10, 30, {"both": ["contact"], "none": []}),
    (30, 10, {"both": ["endpoint"], "none": []}),
    (30, 30, {"both": ["contact", "endpoint"], "none": []}),
    (10, 10, {}),
    (0, 10, {"both": ["endpoint"], "none": []}),
    (0, 0, {"both": ["contact", "endpoint"], "none": []}),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("deliveries", "mails", "left"), SPLIT)
def test_deliveries_and_mails_leave_at_times_of_their_own(settings, deliveries, mails, left):
    settings.DELIVERY_RETENTION_DAYS, settings.MAIL_RETENTION_DAYS = deliveries, mails
    customer, old = make_customer(), database_time() - timedelta(days=20)
    announcements.announce_alert(customer, key="none", at=old)
    dispatch_notifications()
    Contact.objects.create(customer=customer, email="bea@customer.example")
    with receiver() as hook:
        announcements.create_endpoint(hook.url)
        announcements.announce_alert(customer, key="both", at=old)
        dispatch_notifications()

        purge_notifications()

    assert {
        notification.key: sorted(delivery.target.split(":")[0] for delivery in notification.deliveries.all())
        for notification in Notification.objects.all()
    } == left
    assert_clean(names=["notifications_have_a_delivery_for_each_recipient"])
