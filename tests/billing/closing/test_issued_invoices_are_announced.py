"""
Invoices and subscriptions are announced in the transaction that stores them; without a receiver nothing is stored.
"""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.closing import close_due
from billing.subscriptions.lifecycle.completion import end_finished
from customers.models import Contact, Notification
from customers.notifications import webhook_endpoints
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import Invoice
from invoices.rendering import renderer
from tests.builders import FEB, JAN, MAR, fee, make_customer, make_plan, make_tax, publish, subscribe
from tests.customers.notifications.announcements import send

pytestmark = pytest.mark.django_db

DUE, OVER = FEB + timedelta(hours=1), MAR + timedelta(hours=1)
"""Stragglers are waited for."""


@pytest.fixture
def version():
    make_tax(19)
    return publish(make_plan("pro", fees=[fee("100", billed="arrears")]))


def notifications_of(kind: str) -> list[Notification]:
    return list(Notification.objects.filter(kind=kind).order_by("pk"))


def test_an_invoice_is_announced_with_its_number_and_total(version):
    webhook_endpoints.create(url="https://example.com/", by=None)
    customer = make_customer("acme")
    subscribe(customer, version)
    close_due(at=DUE)
    close_due(at=DUE)

    (notification,) = notifications_of("invoice.issued")
    invoice = Invoice.objects.get()
    assert notification.customer == customer
    assert notification.facts == {
        "invoice": invoice.pk,
        "document": "invoice",
        "number": invoice.number,
        "total": "119.00",
        "currency": "USD",
        "due_date": invoice.due_date.isoformat(),
    }


def test_a_credit_note_is_announced_as_a_credit_note(version):
    webhook_endpoints.create(url="https://example.com/", by=None)
    subscribe(make_customer(), version)
    close_due(at=DUE)
    issue_credit_note(
        invoice_id=Invoice.objects.get().pk, lines=[RequestedCredit(1, Decimal(10))], reason="x", to="refund", at=DUE
    )

    assert [notification.facts["document"] for notification in notifications_of("invoice.issued")] == [
        "invoice",
        "credit_note",
    ]


def test_a_contact_receives_an_email(version):
    customer = make_customer(legal_name="Acme GmbH")
    Contact.objects.create(customer=customer, email="bea@acme.example")
    subscribe(customer, version)
    close_due(at=DUE)
    invoice = Invoice.objects.get()
    renderer.render_one(invoice_id=invoice.pk, at=DUE)
    send(at=DUE)

    (message,) = mail.outbox
    assert message.subject.startswith("Your invoice for January: $119.00, due ")
    assert f"Invoice: {invoice.number}" in message.body
    assert message.attachments[0].filename == f"{invoice.number}.pdf"


def test_without_a_receiver_nothing_is_stored(version):
    webhook_endpoints.create(url="https://example.com/", kinds=["alert.fired"], by=None)
    subscribe(make_customer(), version)
    close_due(at=DUE)

    assert notifications_of("invoice.issued") == []


def test_many_invoices_are_announced_by_one_statement(version):
    webhook_endpoints.create(url="https://example.com/", by=None)
    for _ in range(20):
        subscribe(make_customer(), version)
    with CaptureQueriesContext(connection) as captured:
        close_due(at=DUE)

    assert len(notifications_of("invoice.issued")) == 20
    assert sum("INSERT INTO customers_notification" in query["sql"] for query in captured) == 1


def test_a_subscription_is_announced_at_its_start_and_once_at_its_end(version):
    subscribe(make_customer("acme"), version, external_id="acme-pro", ends_at=MAR)
    (created,) = notifications_of("subscription.created")
    assert json.dumps(created.facts, sort_keys=True) == json.dumps(
        {
            "currency": "USD",
            "plan": "pro",
            "starts_at": JAN.isoformat(),
            "subscription": "acme-pro",
            "version": version.number,
        }
    )
    close_due(at=OVER)
    end_finished(at=OVER)
    end_finished(at=OVER)

    (ended,) = notifications_of("subscription.ended")
    assert ended.facts == {"subscription": "acme-pro", "plan": "pro", "ended_at": MAR.isoformat()}
