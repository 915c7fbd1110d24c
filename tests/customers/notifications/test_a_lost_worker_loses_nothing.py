"""A worker killed while it sends, an empty broker, every task two and three times: all is told, and nothing more."""

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

from customers.customer_time import database_time
from customers.models import Contact, Delivery, Notification
from customers.notifications.delivery_queue import LEASE
from customers.notifications.delivery_run import deliver
from customers.tasks import dispatch_notifications, purge_notifications
from tests.builders import make_customer
from tests.customers.notifications import world
from tests.customers.notifications.receivers import receiver
from tests.races import together

TELL = "import config, django; django.setup(); from customers.tasks import dispatch_notifications; dispatch_notifications()"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_while_it_sends_is_taken_over_from(tmp_path):
    """The receiver has the message, and the sender dies before it can write that down."""
    came, go_on = threading.Event(), threading.Event()

    def hold(handler, place):
        came.set()
        if place == 0:
            go_on.wait(30)
        handler.send_response(200)
        handler.end_headers()

    with receiver(hold) as hook:
        world.listen(hook.url)
        world.tell(make_customer(), at=database_time())
        environment = os.environ | {
            "TOLLBOOK_PRIVATE_HOSTS": "localhost",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        process = subprocess.Popen(
            [sys.executable, "-c", TELL], env=environment, cwd=project.BASE_DIR, stderr=subprocess.PIPE
        )
        try:
            assert came.wait(60)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            go_on.set()
        assert Delivery.objects.get().state == "sending"

        dispatch_notifications()
        assert len(hook.got) == 1  # its lease is not over yet
        deliver(clock=lambda: database_time() + LEASE)

    first, second = hook.got
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert Delivery.objects.get().state == "delivered"


@pytest.mark.django_db(transaction=True)
def test_every_task_may_run_three_times_at_once():
    """Nothing waits in the broker: what is to be told stands in the tables, and each run looks there."""
    customer = make_customer()
    Contact.objects.create(customer=customer, email="bea@acme.example")
    with receiver() as hook:
        world.listen(hook.url)
        for number in range(10):
            world.tell(customer, key=f"topup:{number}", kind="topup.paid", at=database_time(), n=number)
        together(*[dispatch_notifications] * 3, purge_notifications)
        dispatch_notifications()
        dispatch_notifications()

    assert sorted(json.loads(got.body)["data"]["n"] for got in hook.got) == list(range(10))
    assert len(mail.outbox) == 10


@pytest.mark.django_db
def test_what_was_told_long_ago_is_forgotten_and_what_is_under_way_is_not(settings):
    settings.NOTIFICATION_RETENTION_DAYS = 30
    customer, now = make_customer(), database_time()
    with receiver() as hook:
        world.listen(hook.url)
        world.tell(customer, key="old", at=now - timedelta(days=31))
        world.tell(customer, key="new", at=now - timedelta(days=29))
        dispatch_notifications()
        world.tell(customer, key="old, and not told", at=now - timedelta(days=31))

        assert purge_notifications() == 1

    assert set(Notification.objects.values_list("key", flat=True)) == {"new", "old, and not told"}
    assert Delivery.objects.count() == 1
