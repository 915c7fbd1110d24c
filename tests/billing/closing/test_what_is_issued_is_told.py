"""Documents and subscriptions are told of in the transaction that makes them; where nobody listens, for nothing."""

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
from tests.builders import FEB, JAN, MAR, fee, make_customer, make_plan, make_tax, publish, subscribe
from tests.customers.notifications.world import send

pytestmark = pytest.mark.django_db

DUE, OVER = FEB + timedelta(hours=1), MAR + timedelta(hours=1)
"""Stragglers are waited for."""


@pytest.fixture
def version():
    make_tax(19)
    return publish(make_plan("pro", fees=[fee("100", billed="arrears")]))


def told(kind: str) -> list[Notification]:
    return list(Notification.objects.filter(kind=kind).order_by("pk"))


def test_an_invoice_is_told_with_its_number_and_total(version):
    webhook_endpoints.create(url="https://example.com/", by=None)
    customer = make_customer("acme")
    subscribe(customer, version)
    close_due(at=DUE)
    close_due(at=DUE)

    (notice,) = told("invoice.issued")
    invoice = Invoice.objects.get()
    assert notice.customer == customer
    assert notice.facts == {
        "invoice": invoice.pk,
        "document": "invoice",
        "number": invoice.number,
        "total": "119.00",
        "currency": "USD",
        "due_date": invoice.due_date.isoformat(),
    }


def test_a_credit_note_is_told_as_one(version):
    webhook_endpoints.create(url="https://example.com/", by=None)
    subscribe(make_customer(), version)
    close_due(at=DUE)
    issue_credit_note(
        invoice_id=Invoice.objects.get().pk, lines=[RequestedCredit(1, Decimal(10))], reason="x", to="refund", at=DUE
    )

    assert [one.facts["document"] for one in told("invoice.issued")] == ["invoice", "credit_note"]


def test_a_contact_reads_of_it(version):
    customer = make_customer(legal_name="Acme GmbH")
    Contact.objects.create(customer=customer, email="bea@acme.example")
    subscribe(customer, version)
    close_due(at=DUE)
    send(at=DUE)

    (message,) = mail.outbox
    assert message.subject == f"Invoice {Invoice.objects.get().number}: 119.00 USD"


def test_nothing_is_written_where_nobody_listens(version):
    webhook_endpoints.create(url="https://example.com/", kinds=["alert.fired"], by=None)
    subscribe(make_customer(), version)
    close_due(at=DUE)

    assert told("invoice.issued") == []


def test_many_are_told_by_one_statement(version):
    webhook_endpoints.create(url="https://example.com/", by=None)
    for _ in range(20):
        subscribe(make_customer(), version)
    with CaptureQueriesContext(connection) as asked:
        close_due(at=DUE)

    assert len(told("invoice.issued")) == 20
    assert sum("INSERT INTO customers_notification" in one["sql"] for one in asked) == 1


def test_a_subscription_is_told_when_it_begins_and_once_when_it_is_over(version):
    subscribe(make_customer("acme"), version, external_id="acme-pro", ends_at=MAR)
    (begun,) = told("subscription.created")
    assert json.dumps(begun.facts, sort_keys=True) == json.dumps(
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

    (ended,) = told("subscription.ended")
    assert ended.facts == {"subscription": "acme-pro", "plan": "pro", "ended_at": MAR.isoformat()}
