"""Two changes of the labels of a row at a time both count: the second one waits for the first one."""

import threading
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.subscriptions.customer_batches import BatchOperation, start_batch
from customers.models import Customer
from lib.task_clock import database_time
from tests.api.calls import Caller
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_plan, offer, publish, rate, subscribe
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)


def paths():
    """Return kind → the address of a row of a new customer."""
    customer = make_customer("acme")
    invoice = make_invoice(customer)
    subscription = subscribe(customer, publish(make_plan("pro", offers=[offer("api.calls", rates=[rate("0.01")])])))
    return {
        "customers": "/customers/acme",
        "subscriptions": f"/subscriptions/{subscription.external_id}",
        "invoices": f"/invoices/{invoice.pk}",
    }


def hold(action):
    """Run an action in a transaction of another thread; return the function that lets it commit."""
    changed, go_on = threading.Event(), threading.Event()

    def change():
        with transaction.atomic():
            action()
            changed.set()
            go_on.wait(30)

    running = start(change)
    assert changed.wait(30)

    def commit():
        go_on.set()
        running.result()

    return commit


@pytest.mark.parametrize("kind", ["customers", "subscriptions", "invoices"])
def test_two_keys_are_both_kept(kind):
    path, first, second = paths()[kind], Caller(), Caller()
    commit = hold(lambda: first.patch(path, {"metadata": {"a": "1"}}))
    waiting = start(lambda: second.patch(path, {"metadata": {"b": "2"}}))
    wait_until_blocked()
    commit()
    assert waiting.result().json()["metadata"] == {"a": "1", "b": "2"}


def test_a_job_adds_to_the_tags_that_somebody_stores():
    customer, caller = make_customer("acme"), Caller()
    user = User.objects.create(username="fiona")
    choices = {"add": ["b"], "remove": []}
    at = datetime(2026, 3, 1, tzinfo=UTC)
    tags = BatchOperation.TAGS
    start_batch(operation=tags, customer_ids=[customer.pk], choices=choices, title="Tags", by=user, at=at)
    commit = hold(lambda: caller.patch("/customers/acme", {"tags": ["a"]}))
    working = start(lambda: work(kinds=KINDS, clock=database_time))
    wait_until_blocked()
    commit()
    working.result()
    assert Customer.objects.get().tags == ["a", "b"]
